"""The page to take home, as whoever has the file opens it: from a disk, with the network off."""

import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch
from playwright.sync_api import expect

from pages.ui.takeaway import Start, page, parts_of, parts_of_model, show
from pages.ui.takeaway.theme import CONFIG
from tests.browser.conftest import DESKTOP, TIMEOUT
from tests.browser.hand import (
    CANVAS,
    PHONE,
    cell,
    drawing,
    open_draw,
    places,
    press,
    reconstruction,
    settled,
    stroke,
    touch,
    until,
)
from tests.browser.test_readable import ENOUGH, FAINT
from vqvae import checkpoint as checkpoints
from vqvae import data, prior_file
from vqvae.analysis import best_codes
from vqvae.checkpoint import SHIPPED, load
from vqvae.prior import write

CHECKPOINT = load(SHIPPED["default"])
TRAINED = prior_file.load(prior_file.SHIPPED_PRIORS["default"], CHECKPOINT.fingerprint)
DIGITS = data.load(data.EMBEDDED, "all")
EDITED, CODE = (3, 4), 57  # row and column, and the code that a hand gave them


def edits() -> torch.Tensor:
    edits = torch.full((7, 7), -1)
    edits[EDITED[0] - 1, EDITED[1] - 1] = CODE
    return edits


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """The default's page, taken while somebody had a seven with one edited code."""
    start = Start(DIGITS.pixels[DIGITS.labels == 7][0], edits())
    file = tmp_path_factory.mktemp("home") / "vqvae.html"
    file.write_text(page("Default", parts_of("Default", CHECKPOINT, TRAINED, DIGITS, start)))
    return file


@pytest.fixture
def opened(browser, watch) -> Iterator[Callable]:
    """A function that opens a file in a browser without a network; whatever it asks for elsewhere fails the test."""
    with ExitStack() as visits:

        def open_file(file: Path, query: str = "", **options):
            context = visits.enter_context(browser.new_context(offline=True, **({"viewport": DESKTOP} | options)))
            context.set_default_timeout(TIMEOUT)
            visits.callback(watch.follow(context, "file://"))
            tab = context.new_page()
            tab.goto(f"{file.as_uri()}{query}")
            return tab

        yield open_file


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desktop", "phone"])
def test_the_file_alone_draws_edits_and_generates(opened, home, options):
    tab = opened(home, "#draw", reduced_motion="reduce", **options)
    expect(cell(tab, *EDITED)).to_have_attribute("data-code", str(CODE))
    before = reconstruction(tab)
    if options:
        finger = touch(tab)
        for kind, place in zip(("touchStart", "touchMove"), places(tab, (0.1, 0.2), (0.8, 0.3)), strict=True):
            finger(kind, place)
        finger("touchEnd")
    else:
        stroke(tab, (0.1, 0.2), (0.8, 0.3))
    until(lambda: reconstruction(tab) != before, "the stroke in the reconstruction")
    drawn = torch.tensor(drawing(tab).pixels, dtype=torch.uint8).view(1, 1, 28, 28)
    codes = checkpoints.rounded(CHECKPOINT).model.encode(data.to_unit(drawn)).flatten().clone()
    codes[(EDITED[0] - 1) * 7 + EDITED[1] - 1] = CODE
    cells = tab.get_by_role("gridcell")
    until(
        lambda: cells.evaluate_all("(all) => all.map((one) => Number(one.dataset.code))") == codes.tolist(),
        "torch's codes of the drawing, and the edited one",
    )

    cell(tab, 6, 6).click()
    tab.get_by_role("option", name="code 3", exact=True).click()
    expect(cell(tab, 6, 6)).to_have_attribute("data-code", "3")

    tab.get_by_role("link", name="Generate").click()
    press(tab, "Write")
    expect(tab.locator(".transport #reading")).to_have_text("49 of 49 cells")
    empty, any_class = torch.full((1, 7, 7), 128), torch.tensor([TRAINED.prior.config.classes])
    written = write(TRAINED.prior, empty, any_class, torch.tensor([0])).flatten().tolist()
    expect(tab.locator("#drawn")).to_have_attribute("data-codes", " ".join(map(str, written)))
    press(tab, "Open in Draw")
    for place, code in enumerate(written):
        expect(cells.nth(place)).to_have_attribute("data-code", str(code))
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_page_of_a_model_in_colour_begins_with_a_picture_and_draws(opened, tmp_path):
    title, parts = parts_of_model(str(SHIPPED["default"].with_name("photos.safetensors")))
    (tmp_path / "photos.html").write_text(page(title, parts))
    tab = opened(tmp_path / "photos.html", "#draw", reduced_motion="reduce")
    until(lambda: any(reconstruction(tab).pixels), "a reconstruction")
    before = reconstruction(tab)
    stroke(tab, (0.1, 0.2), (0.8, 0.3))
    until(lambda: reconstruction(tab) != before, "the stroke in the reconstruction")
    tab.get_by_text("Your picture", exact=True).wait_for()
    tab.get_by_text("Draw a picture: the model encodes it").wait_for()


def test_one_drawing_goes_along_and_every_link_leads_somewhere_in_the_page(opened, home):
    tab = opened(home)
    stroke(tab, (0.2, 0.2), (0.8, 0.8))
    drawn = drawing(tab)
    doors = tab.locator("a:visible")
    assert set(doors.evaluate_all("(all) => all.map((one) => one.getAttribute('href'))")) == {
        "#home",
        "#draw",
        "#generate",
    }
    tab.get_by_role("link", name="Open it in Draw").click()
    until(lambda: drawing(tab) == drawn, "the drawing on the other canvas")
    tab.locator("section.between").scroll_into_view_if_needed()
    expect(tab.get_by_role("img", name="A: the drawing above")).to_be_visible()
    tab.get_by_role("button", name="B: 8").click()
    expect(tab.get_by_role("img", name="B: 8")).to_be_visible()
    tab.locator("section.ladder").scroll_into_view_if_needed()
    expect(tab.get_by_role("img", name="Reconstruction by 8 codes")).to_be_visible()
    best = best_codes.load().best(CHECKPOINT)
    expect(tab.get_by_role("img", name=re.compile(f"with the best codes {best:.3g}"))).to_be_visible()
    tab.go_back()
    expect(tab.get_by_role("heading", level=1)).to_contain_text("alphabet")
    press(tab, "Another digit")
    until(lambda: drawing(tab) != drawn, "another digit")


def test_it_has_the_apps_colours_and_every_word_stands_out_in_both_themes(opened, home):
    tab = opened(home)
    for theme in ("light", "dark"):
        tab.emulate_media(color_scheme=theme)
        said = tomllib.loads(CONFIG.read_text())["theme"][theme]["backgroundColor"]
        assert tab.evaluate("getComputedStyle(document.body).getPropertyValue('--st-background-color')") == said
        for view, shown in (("Home", "#letters .ink"), ("Draw", "#nearest button"), ("Generate", "#choices button")):
            tab.get_by_role("link", name=view, exact=True).click()
            expect(tab.locator(f"article:visible {shown}").last).to_be_visible()
            assert not tab.evaluate(FAINT, ENOUGH), (view, theme)


def test_embedded_it_is_the_canvas_alone(opened, home):
    tab = opened(home, "?embed=1")
    expect(tab.get_by_role("grid", name="codes")).to_be_visible()
    expect(tab.locator("h1:visible, nav:visible, footer:visible")).to_have_count(0)


def test_in_a_notebooks_frame_that_may_store_nothing_the_drawing_still_goes_along(opened, tmp_path):
    frame = show(CHECKPOINT, whole=True)._repr_html_().replace("<iframe", "<iframe sandbox='allow-scripts'")
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!doctype html><base href='https://notebook.invalid/'>{frame}")
    page_in_frame = opened(notebook).frame_locator("iframe")
    page_in_frame.get_by_label(CANVAS, exact=True).click(position={"x": 30, "y": 30})
    drawn = drawing(page_in_frame)
    assert any(drawn.pixels)
    page_in_frame.get_by_role("link", name="Draw", exact=True).click()
    until(lambda: drawing(page_in_frame) == drawn, "the drawing on the other canvas")


def test_without_a_prior_there_is_nothing_that_would_ask_it(opened, tmp_path):
    file = tmp_path / "vqvae.html"
    file.write_text(page("Mine", parts_of("Mine", load(SHIPPED["plane"]), None, DIGITS)))
    tab = opened(file)
    expect(tab.get_by_role("button", name="Another digit")).to_be_visible()
    assert set(tab.locator("a:visible").evaluate_all("(all) => all.map((one) => one.hash)")) == {"#home", "#draw"}
    tab.get_by_role("link", name="Draw", exact=True).click()
    expect(tab.get_by_role("button", name="Pen")).to_be_visible()
    for name in ("Finish my digit", "Redraw cells", "surprise"):
        expect(tab.get_by_role("button", name=name)).to_be_hidden()


def test_share_gives_a_page_with_the_drawing_of_the_moment(new_page, opened, tmp_path):
    app = open_draw(new_page())
    stroke(app, (0.2, 0.3), (0.9, 0.6))
    settled(app)
    drawn = drawing(app)
    press(app, "Share")
    with app.expect_download() as download:
        app.get_by_test_id("stDownloadButton").get_by_role("button").click()
    file = tmp_path / "vqvae.html"
    download.value.save_as(file)
    tab = opened(file, "#draw")
    until(lambda: drawing(tab) == drawn, "the drawing that was on the app's canvas")
