"""Generate in a real browser: torch's probabilities at each step, the hand that steers, and what Python adds.

All but the last tests mount the component in an empty page: writing needs no server.
"""

import re

import pytest
import torch
from playwright.sync_api import expect

from pages.ui.components import generate
from pages.ui.components.generate import Settings
from tests.browser.hand import PHONE, carry_model, rest
from vqvae import prior_file
from vqvae.checkpoint import SHIPPED, load
from vqvae.prior import write

CHECKPOINT = load(SHIPPED["default"])
TRAINED = prior_file.load(prior_file.SHIPPED_PRIORS["default"], CHECKPOINT.fingerprint)
START = Settings()


@pytest.fixture
def begin(mount):
    """A function that mounts the component with settings, as Streamlit does on the page."""

    def begin(settings: Settings = START, at: int = 0, hand: tuple = (), presenting: bool = False, **options):
        page = mount(generate.FOLDER, reduced_motion="reduce", **options)
        carry_model(page, CHECKPOINT, TRAINED)
        start = {"serial": "1:0", "settings": settings._asdict(), "at": at, "hand": list(hand)}
        page.evaluate(
            "(data) => update(data)",
            {"fingerprint": CHECKPOINT.fingerprint, "set": start, "neighbours": None, "presenting": presenting},
        )
        expect(page.locator("#reading")).to_have_text(f"{at * settings.stride} of 49 cells")
        return page

    return begin


def codes(page) -> torch.Tensor:
    return torch.tensor([int(code) for code in page.locator("#drawn").get_attribute("data-codes").split()])


def written(page, count: int) -> torch.Tensor:
    expect(page.locator("#reading")).to_have_text(f"{count} of 49 cells")
    return codes(page)


def shares(page) -> dict[int, float]:
    """The candidates' codes and the widths of their bars, in per cent."""
    found = page.locator("#choices button").evaluate_all(
        "(all) => all.map((one) => [one.dataset.code, one.querySelector('i').style.width])"
    )
    return {int(code): float(width.rstrip("%")) for code, width in found}


def test_a_digit_is_written_cell_by_cell_with_torchs_probabilities(begin):
    page = begin(Settings(label=3, seed=7))
    for step in range(4):
        before = written(page, step)
        chances = TRAINED.prior.probabilities(before.view(1, 7, 7), torch.tensor([3]), guidance=2.0)[0].flatten(0, 1)
        sure = chances.amax(-1).masked_fill(before != 128, -1)
        cell = int(sure.argmax())
        expect(page.locator("#asked")).to_have_text(f"Next: row {cell // 7 + 1}, column {cell % 7 + 1}")
        for code, width in shares(page).items():
            assert abs(width - 100 * float(chances[cell, code])) < 0.01
        page.get_by_role("button", name="One step on").click()
        after = written(page, step + 1)
        assert (before != after).nonzero().flatten().tolist() == [cell]


def test_the_same_settings_write_the_digit_that_torch_writes(begin):
    page = begin(Settings(label=8, seed=11, temperature=0.8, stride=5))
    page.get_by_role("button", name="Write").click()
    empty = torch.full((1, 7, 7), 128)
    expected = write(
        TRAINED.prior, empty, torch.tensor([8]), torch.tensor([11]), temperature=0.8, stride=5, guidance=2.0
    )
    assert torch.equal(written(page, 49), expected.flatten())


def test_a_candidate_taken_by_hand_changes_the_rest_and_what_python_hears(begin):
    page = begin(Settings(label=2, seed=1), at=20)
    before = written(page, 20)
    other = page.locator("#choices button:not(.drawn)").first
    code = int(other.get_attribute("data-code"))
    other.click()
    after = written(page, 21)
    (cell,) = (before != after).nonzero().flatten().tolist()
    assert after[cell] == code
    page.get_by_role("button", name="Go on").click()
    whole = written(page, 49)
    assert torch.equal(whole[after != 128], after[after != 128])
    page.wait_for_function("answers.at(-1)?.at === 49")
    assert page.evaluate("answers.at(-1).hand") == [[20, cell, code]]


def test_the_hand_decides_which_cell_comes_next(begin):
    page = begin(Settings(order="hand", seed=3))
    expect(page.locator("#asked")).to_have_text("Your hand decides")
    page.get_by_role("button", name="row 4, column 4, not written").click()
    assert (written(page, 1) != 128).nonzero().flatten().tolist() == [24]


def test_another_class_writes_another_digit_and_back_returns_to_the_first(begin):
    page = begin(Settings(label=1), at=49)
    one = written(page, 49)
    page.get_by_role("group", name="Digit").get_by_role("button", name="0", exact=True).click()
    expect(page.locator("#drawn")).not_to_have_attribute("data-codes", " ".join(map(str, one.tolist())))
    written(page, 49)
    page.get_by_role("button", name="One step back").click()
    written(page, 48)
    page.get_by_label("Steps written").fill("5")
    assert int((written(page, 5) != 128).sum()) == 5


def test_uniform_codes_give_noise_and_the_page_says_why(begin):
    page = begin(Settings(source="uniform"))
    page.get_by_role("button", name="Write").click()
    noise = written(page, 49)
    assert len(noise.unique()) > 20
    expect(page.locator("#words")).to_contain_text("noise")


def test_a_sheet_holds_one_of_each_digit_and_each_opens_as_it_was_written(begin):
    page = begin(Settings(stride=12))
    page.get_by_role("button", name="One of each digit").click()
    expect(page.locator("#sheet-words")).to_contain_text("Click one")
    page.wait_for_function("answers.at(-1)?.sheet?.length === 10")
    page.locator("#sheet button").nth(4).click()
    assert written(page, 49).tolist() == page.evaluate("answers.at(-1).sheet[4]")
    expect(page.get_by_role("group", name="Digit").get_by_role("button", name="4", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desktop", "phone"])
def test_pictures_and_the_button_are_in_the_first_screen(begin, options):
    page = begin(**options)
    height, width = page.viewport_size["height"] - 160, page.viewport_size["width"]  # below heading and lead
    for name in ("#tiles", "#drawn", "#play"):
        box = page.locator(name).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
    if options:
        for box in page.locator("button:visible:not(.cells *)").evaluate_all(
            "(all) => all.map((one) => one.getBoundingClientRect().height)"
        ):
            assert box >= 44


def test_what_was_written_stays_in_the_address_and_opens_in_draw_with_its_codes(page):
    page.goto("/generate?class=6&seed=5&cells=7")
    page.get_by_role("button", name="Write").click()
    whole = written(page, 49)
    page.wait_for_url(re.compile("written=7"))
    page.reload()
    assert torch.equal(written(page, 49), whole)
    page.get_by_role("button", name="Open in Draw").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Draw")
    cells = page.get_by_role("gridcell")
    for cell, code in enumerate(whole.tolist()):
        expect(cells.nth(cell)).to_have_attribute("data-code", str(code))


@pytest.mark.parametrize("options", [{}, PHONE], ids=["laptop", "phone"])
def test_a_button_that_can_be_seen_stays_where_it_is(mount, options):
    page = mount(generate.FOLDER, **options)
    page.evaluate(
        """() => {
          const each = document.querySelector("#host").shadowRoot.querySelector("#each");
          window.tops = new Set();
          const look = () => {
            if (each.checkVisibility()) window.tops.add(Math.round(each.getBoundingClientRect().top + scrollY));
            requestAnimationFrame(look);
          };
          look();
        }"""
    )
    start = {"serial": "1:0", "settings": START._asdict(), "at": 0, "hand": []}
    page.evaluate(
        "(data) => update(data)",
        {"fingerprint": CHECKPOINT.fingerprint, "set": start, "neighbours": None, "presenting": False},
    )
    carry_model(page, CHECKPOINT, TRAINED)
    expect(page.locator("#choices button")).to_have_count(8)
    page.wait_for_timeout(200)
    assert len(page.evaluate("[...window.tops]")) == 1


def test_each_sample_of_a_sheet_is_shown_beside_the_training_digit_most_like_it(page):
    page.goto("/generate?cells=25")
    page.get_by_role("button", name="One of each digit").click()
    near = page.locator("#sheet .near")
    expect(near.nth(9)).to_contain_text(re.compile(r"\d+ of 49"))
    assert near.locator("img").count() == 10


def test_a_sheet_stays_for_whoever_came_from_another_page(page):
    page.goto("/train")
    rest(page)
    page.get_by_test_id("stSidebar").get_by_role("link", name="Generate").click()
    page.get_by_role("button", name="One of each digit").click()
    expect(page.locator("#sheet .near").nth(9)).to_contain_text(re.compile(r"\d+ of 49"))


def test_a_model_that_the_server_no_longer_has_is_asked_for_again(page, watch):
    asked = []

    def lose_the_first(route):
        asked.append(route.request.url)
        route.fulfill(status=404) if len(asked) == 1 else route.continue_()

    page.route("**/media/*.gz", lose_the_first)
    page.goto("/generate?cells=7")
    page.get_by_role("button", name="Write").click()
    written(page, 49)
    assert asked[0] == asked[1]
    watch.errors = [error for error in watch.errors if "/media/" not in error]
