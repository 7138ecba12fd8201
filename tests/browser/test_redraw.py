"""What the prior does for one's own drawing: cells written anew, a digit finished, and how surprising each code is."""

import pytest
import torch
from playwright.sync_api import expect

from pages.ui.components import canvas
from tests.browser.hand import DIGIT, blank, carry_model, cell, codes, open_draw, reconstruction, show, stroke, until
from vqvae import data, prior_file
from vqvae.checkpoint import SHIPPED, load
from vqvae.prior import surprise, write

CHECKPOINT = load(SHIPPED["default"])
TRAINED = prior_file.load(prior_file.SHIPPED_PRIORS["default"], CHECKPOINT.fingerprint)


@pytest.fixture
def knowing(mount):
    """A function that opens the workbench without a server, on a first visitor's digit, with a prior at hand."""

    def knowing(step: int = 0):
        page = mount(canvas.FOLDER)
        carry_model(page, CHECKPOINT, TRAINED)
        pixels = data.load(data.EMBEDDED, "all").pixels[DIGIT].flatten().tolist()
        show(page, CHECKPOINT, pixels=pixels, classes=TRAINED.prior.config.classes, step=step)
        return page

    return knowing


def numbers(page) -> torch.Tensor:
    """The codes on the grid, in reading order."""
    return torch.tensor([int(one.rsplit(" ", 1)[1]) for one in codes(page)])


def places(*cells: tuple[int, int]) -> list[int]:
    """Cells by row and column, counted from 1, in reading order."""
    return [(row - 1) * 7 + column - 1 for row, column in cells]


def alternatives(page):
    return page.get_by_role("button", name="Alternative")


def mark(page, *cells: tuple[int, int]) -> None:
    """Drag over cells, each beside the one before."""
    page.get_by_role("button", name="Redraw cells").click()
    for n, place in enumerate(cells):
        cell(page, *place).hover()
        if n == 0:
            page.mouse.down()
    page.mouse.up()


def expected(page, region: list[int], seed: int) -> torch.Tensor:
    """What torch would write into the cells of a region, of any class."""
    given = numbers(page).index_fill(0, torch.tensor(region), TRAINED.prior.hidden).view(1, 7, 7)
    any_class = torch.tensor([TRAINED.prior.any_class])
    return write(TRAINED.prior, given, any_class, torch.tensor([seed]), stride=-(-len(region) // 8)).flatten()


def test_a_redrawn_region_leaves_all_other_codes_alone(knowing):
    page = knowing()
    before = numbers(page)
    region = (3, 3), (3, 4), (4, 4)
    mark(page, *region)
    expect(alternatives(page)).to_have_count(6)
    alternatives(page).nth(1).click()
    until(lambda: not torch.equal(numbers(page), before), "other codes")
    changed = (numbers(page) != before).nonzero().flatten().tolist()
    assert set(changed) <= set(places(*region))


def test_the_prior_is_asked_for_once_the_page_rests(mount):
    page = mount(canvas.FOLDER)
    pixels = data.load(data.EMBEDDED, "all").pixels[DIGIT].flatten().tolist()
    show(page, CHECKPOINT, pixels=pixels, classes=TRAINED.prior.config.classes)
    page.evaluate("document.body.dataset.testScriptState = 'running'")
    mark(page, (3, 3), (3, 4))
    page.wait_for_timeout(400)
    assert CHECKPOINT.fingerprint not in page.evaluate("answers")
    page.evaluate("document.body.dataset.testScriptState = 'notRunning'")
    until(lambda: CHECKPOINT.fingerprint in page.evaluate("answers"), "the question")


def test_the_alternatives_are_what_torch_would_write(knowing):
    page = knowing()
    region = (3, 2), (3, 3), (3, 4)
    mark(page, *region)
    expect(alternatives(page)).to_have_count(6)
    wanted = expected(page, places(*region), 0)
    alternatives(page).first.click()
    until(lambda: torch.equal(numbers(page), wanted), "what torch writes")


def test_an_alternative_taken_is_undone_in_one_step(knowing):
    page = knowing()
    before = numbers(page)
    mark(page, (2, 3), (3, 3), (4, 3))
    alternatives(page).nth(2).click()
    until(lambda: not torch.equal(numbers(page), before), "other codes")
    page.get_by_role("button", name="Undo").click()
    until(lambda: torch.equal(numbers(page), before), "the codes of before")


def test_pointing_at_an_alternative_shows_it_and_leaving_brings_the_codes_back(knowing):
    page = knowing()
    before, drawn = numbers(page), reconstruction(page)
    mark(page, (3, 3), (3, 4))
    expect(alternatives(page)).to_have_count(6)
    for n in range(6):
        alternatives(page).nth(n).hover()
        if not torch.equal(numbers(page), before):
            break
    until(lambda: reconstruction(page) != drawn, "another picture")
    page.mouse.move(5, 5)
    until(lambda: torch.equal(numbers(page), before), "the codes of before")


def test_a_marked_cell_pressed_again_is_marked_no_longer(knowing):
    page = knowing()
    mark(page, (3, 3), (3, 4))
    expect(page.locator("[data-region]")).to_have_count(2)
    cell(page, 3, 4).click()
    expect(page.locator("[data-region]")).to_have_count(1)


def test_cells_are_marked_and_alternatives_taken_by_keyboard(knowing):
    page = knowing()
    before = numbers(page)
    page.get_by_role("button", name="Redraw cells").press("Enter")
    cell(page, 3, 3).press("Enter")
    cell(page, 3, 4).press(" ")
    expect(alternatives(page)).to_have_count(6)
    alternatives(page).nth(1).press("Enter")
    until(lambda: not torch.equal(numbers(page), before), "other codes")
    assert set((numbers(page) != before).nonzero().flatten().tolist()) <= set(places((3, 3), (3, 4)))
    cell(page, 3, 3).press("Escape")
    expect(page.locator("[data-region]")).to_have_count(0)


def test_six_others_are_others(knowing):
    page = knowing()
    mark(page, (3, 2), (3, 3), (3, 4))
    expect(page.locator("#task")).to_contain_text("click a picture")
    shown = "(all) => all.map((one) => one.toDataURL())"
    first = page.locator(".alternative canvas").evaluate_all(shown)
    page.get_by_role("button", name="Six others").click()
    expect(page.locator("#task")).to_contain_text("click a picture")
    assert len(set(first)) == 6
    assert page.locator(".alternative canvas").evaluate_all(shown) != first


def test_a_digit_is_finished_where_the_pen_has_left_no_ink(knowing):
    page = knowing()
    page.get_by_role("button", name="Clear the canvas").click()
    stroke(page, (0.35, 0.3), (0.5, 0.2), (0.63, 0.3), (0.5, 0.45))
    page.get_by_role("button", name="Finish my digit").click()
    expect(alternatives(page)).to_have_count(6)
    marked = page.get_by_role("gridcell").evaluate_all("(all) => all.map((one) => 'region' in one.dataset)")
    ink = page.get_by_label("Draw a digit", exact=True).evaluate(
        "(canvas) => [...canvas.getContext('2d').getImageData(0, 0, 28, 28).data.filter((_, i) => i % 4 === 0)]"
    )
    inked = torch.tensor(ink).view(7, 4, 7, 4).amax((1, 3)).flatten() > 0
    assert 0 < inked.sum() < 20
    assert torch.equal(torch.tensor(marked), ~inked)
    before = numbers(page)
    alternatives(page).first.click()
    until(lambda: not torch.equal(numbers(page), before), "a finished digit")
    assert torch.equal(numbers(page)[inked], before[inked])


def test_the_digit_asked_for_is_the_one_that_is_written(knowing):
    """Asked for another digit, the prior writes other codes, and the cells stay marked."""
    page = knowing()
    blank(page)
    page.get_by_role("button", name="Finish my digit").click()
    expect(page.locator("#task")).to_contain_text("click a picture")
    page.get_by_label("As which digit").select_option("7")
    expect(page.locator("#task")).to_contain_text("click a picture")
    alternatives(page).first.click()
    empty = torch.full((1, 7, 7), TRAINED.prior.hidden)
    wanted = write(TRAINED.prior, empty, torch.tensor([7]), torch.tensor([0]), stride=7, guidance=2.0).flatten()
    until(lambda: torch.equal(numbers(page), wanted), "the seven that torch writes")


def test_each_cell_says_how_surprising_torch_finds_its_code(knowing):
    page = knowing()
    page.get_by_role("button", name="surprise").click()
    wanted = surprise(TRAINED.prior, numbers(page).view(7, 7), TRAINED.prior.any_class) / torch.tensor(2.0).log()
    until(lambda: cell(page, 1, 1).get_attribute("title"), "the surprise of a cell")
    for index, title in enumerate(page.get_by_role("gridcell").evaluate_all("(all) => all.map((one) => one.title)")):
        assert float(title.split()[1]) == pytest.approx(float(wanted.flatten()[index]), abs=0.06)


def test_surprise_follows_an_edit(knowing):
    page = knowing()
    page.get_by_role("button", name="surprise").click()
    until(lambda: cell(page, 3, 3).get_attribute("title"), "the surprise of a cell")
    title = cell(page, 3, 3).get_attribute("title")
    cell(page, 3, 3).click()
    page.get_by_role("option", name="code 14", exact=True).click()
    page.mouse.move(5, 5)
    until(lambda: cell(page, 3, 3).get_attribute("title") not in ("", title), "another surprise")


def test_a_model_without_a_prior_says_so(bench):
    page = bench()
    page.get_by_role("button", name="Finish my digit").click()
    expect(page.get_by_role("status")).to_contain_text("This model has no prior yet")
    expect(page.get_by_role("button", name="surprise")).to_have_attribute("aria-disabled", "true")
    expect(page.locator("[data-region]")).to_have_count(0)


def test_the_tours_last_step_writes_the_lower_half_anew(knowing):
    page = knowing(step=7)
    expect(page.locator("#lesson")).to_contain_text("Where do new digits come from?")
    expect(page.locator("[data-region]")).to_have_count(21)
    expect(alternatives(page)).to_have_count(6)
    page.get_by_role("button", name="Back", exact=True).click()
    expect(page.locator("[data-region]")).to_have_count(0)


def test_the_server_brings_the_prior_when_it_is_asked_for(page):
    open_draw(page)
    page.get_by_role("button", name="Finish my digit").click()
    expect(alternatives(page)).to_have_count(6)
