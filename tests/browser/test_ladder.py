"""Two models on one drawing in a real browser: torch's codes on both sides, and a slider from model to model."""

import base64
import re

import pytest
import torch
from playwright.sync_api import expect

from pages.ui.components import ladder
from pages.ui.components.ladder import Entry, _described, _picture, to_fetch
from tests.browser.hand import DIGIT, PHONE, drawing, look_down, open_draw, stroke, until
from vqvae import data
from vqvae.checkpoint import SHIPPED, Checkpoint, load
from vqvae.runs.ladder import load as load_ladder

DEFAULT = load(SHIPPED["default"])
STAGES = load_ladder().stages
CODES = load_ladder().codes[:2]
PIXELS = data.load(data.EMBEDDED, "all").pixels[DIGIT]


def entry(name: str, group: str, checkpoint: Checkpoint) -> Entry:
    content = base64.b64encode(to_fetch(checkpoint)).decode()
    return Entry(name, name, group, checkpoint, f"data:application/json;base64,{content}")


ENTRIES = [
    entry("default", "models", DEFAULT),
    *(entry(f"steps-{one.steps}", "steps", one) for one in STAGES),
    Entry("own-1", "<b>mine</b>", "models", None),
]
DATA = {
    "entries": [_described(one) for one in ENTRIES],
    "unquantised": None,
    "set": {"serial": "1:0", "left": "default", "right": "steps-10"},
    "picture": _picture("Embedded digit", PIXELS),
}


@pytest.fixture
def begin(mount):
    """A function that mounts the component as Streamlit does on the Codebook page."""

    def begin(**options):
        page = mount(ladder.FOLDER, **options)
        page.evaluate("(data) => update(data)", DATA)
        sees(page, PIXELS, left=DEFAULT, right=STAGES[1])
        return page

    return begin


def codes(page, side: str) -> list[int]:
    said = page.locator(f"#{side} [data-part=tiles]").get_attribute("data-codes") or ""
    return [int(code) for code in said.split()]


def sees(page, pixels: torch.Tensor, **sides: Checkpoint) -> None:
    """Wait until each side has torch's codes of these pixels."""
    for side, checkpoint in sides.items():
        expected = checkpoint.model.encode(data.to_unit(pixels.unsqueeze(0))).flatten().tolist()
        until(lambda side=side, expected=expected: codes(page, side) == expected, f"torch's codes on the {side}")


def slider(page, side: str = "right"):
    return page.locator(f"#{side}").get_by_role("slider")


def test_a_slider_leads_from_model_to_model_on_the_same_drawing(begin):
    page = begin()
    for stage in STAGES[2:]:
        slider(page).press("ArrowRight")
        sees(page, PIXELS, left=DEFAULT, right=stage)
        expect(slider(page)).to_have_attribute("aria-valuetext", f"steps-{stage.steps}")
    said = {"serial": "1:0", "left": "default", "right": f"steps-{STAGES[-1].steps}"}
    until(lambda: page.evaluate("answers.at(-1)") == said, "word to Python")


def test_the_figures_are_torchs(begin):
    page = begin()
    model = STAGES[1].model
    images = data.to_unit(PIXELS.unsqueeze(0))
    nmse = float((model.reconstruct(images) - images).square().mean()) / STAGES[1].variance
    used = len(model.encode(images).unique())
    expect(page.get_by_role("row", name="Codes it uses")).to_contain_text(f"{used} of 128")
    expect(page.get_by_role("row", name="Error (NMSE)").first).to_contain_text(f"{nmse:.2f}")
    expect(page.get_by_role("row", name="Error (NMSE)").last).to_contain_text(f"{STAGES[1].measured[0].nmse:.2f}")


def test_the_curve_has_what_the_best_codes_reach_beside_the_nearest(begin):
    page = begin()
    rungs = [entry(f"codes-{n}", "codes", one)._replace(best=0.25 / n) for n, one in enumerate(CODES, 1)]
    page.evaluate("(data) => update(data)", DATA | {"entries": [*DATA["entries"], *map(_described, rungs)]})
    curve = page.get_by_role("img", name="Error on test images by size of codebook")
    expect(curve).to_have_accessible_name(re.compile("2 codes, 49 bits: 0.584, with the best codes 0.25; 4 codes"))
    nearest, best = (
        [[float(number) for number in point.split(",")] for point in line.get_attribute("points").split()]
        for line in curve.locator("polyline").all()
    )
    assert [x for x, _ in nearest] == [x for x, _ in best]
    assert all(lower > upper for (_, upper), (_, lower) in zip(nearest, best, strict=True))


def test_a_model_that_python_has_to_open_is_asked_for_at_once_and_its_title_is_plain_text(begin):
    page = begin()
    page.get_by_label("The left model").select_option("own-1")
    until(lambda: page.evaluate("answers.at(-1)?.left") == "own-1", "the question")
    expect(page.locator("#left")).to_contain_text("Opening the model …")
    assert page.locator("b").count() == 0
    opened = [
        _described(entry("own-1", "models", STAGES[3])) if one["name"] == "own-1" else one for one in DATA["entries"]
    ]
    page.evaluate("(data) => update(data)", DATA | {"entries": opened})
    sees(page, PIXELS, left=STAGES[3], right=STAGES[1])


def test_a_model_that_cannot_be_fetched_is_one_sentence_and_can_be_asked_for_again(begin):
    page = begin()
    broken = [
        one | {"address": "data:application/json,{}"} if one["name"] == "steps-100" else one for one in DATA["entries"]
    ]
    page.evaluate("(data) => update(data)", DATA | {"entries": broken})
    slider(page).press("ArrowRight")
    expect(page.locator("#right")).to_contain_text("This model could not be fetched.")
    slider(page).press("ArrowRight")
    sees(page, PIXELS, right=STAGES[3])
    expect(page.locator("#right")).not_to_contain_text("could not be fetched")


def test_on_a_phone_all_stands_below_each_other_and_is_large_enough_for_a_thumb(begin):
    page = begin(**PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
    for control in (slider(page), page.get_by_label("The left model")):
        assert control.bounding_box()["height"] >= 44


def test_both_sides_follow_the_pen_on_draw_and_the_address_says_which_they_are(page):
    open_draw(page, "/draw?right=steps-100")
    stroke(page, (0.3, 0.2), (0.7, 0.5), (0.3, 0.8))
    look_down(page)
    page.locator(".ladder").scroll_into_view_if_needed()
    drawn = drawing(page)
    pixels = torch.tensor(drawn.pixels, dtype=torch.uint8).view(1, drawn.height, drawn.width)
    sees(page, pixels, left=DEFAULT, right=STAGES[2])
    slider(page).press("ArrowRight")
    sees(page, pixels, left=DEFAULT, right=STAGES[3])
    page.wait_for_url("**right=steps-469**")
    page.reload()
    look_down(page)
    page.locator(".ladder").scroll_into_view_if_needed()
    sees(page, pixels, left=DEFAULT, right=STAGES[3])


def test_another_family_of_models_opens_once_it_is_chosen(page):
    open_draw(page)
    look_down(page)
    page.locator(".ladder").scroll_into_view_if_needed()
    page.get_by_label("The right model").select_option("Default with less training")
    middle = [*STAGES, DEFAULT][(len(STAGES) + 1) // 2]
    expect(slider(page)).to_have_attribute("aria-valuetext", re.compile("^(after|untrained)"))
    drawn = drawing(page)
    pixels = torch.tensor(drawn.pixels, dtype=torch.uint8).view(1, drawn.height, drawn.width)
    sees(page, pixels, left=DEFAULT, right=middle)


def test_no_model_is_fetched_before_somebody_is_a_screen_away(mount):
    page = mount(ladder.FOLDER)
    page.evaluate("document.body.style.paddingTop = '3000px'")
    page.evaluate("(data) => update(data)", DATA)
    page.wait_for_timeout(700)
    assert not codes(page, "left")
    assert page.locator("#left [data-part=status]").inner_text() == ""
    page.evaluate("scrollTo(0, 2400)")
    sees(page, PIXELS, left=DEFAULT, right=STAGES[1])
