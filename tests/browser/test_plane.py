"""The latent plane beside the workbench, and learning in it: what a hand does there, without a server."""

import re

import pytest
from playwright.sync_api import expect

from pages.ui.components import learning, plane
from pages.ui.components.plane import plane_data
from pages.ui.components.shared import module
from tests.browser.hand import PHONE, Picture, carry, drawing, places, press, reconstruction, touch, until
from vqvae import data
from vqvae.checkpoint import SHIPPED, Checkpoint, load
from vqvae.model import VQVAE, ModelConfig
from vqvae.runs.learning import load as recording

# A second component on the page, as Streamlit mounts it.
BESIDE = """async ({ html, css, js, data }) => {
  const host = document.body.appendChild(document.createElement("div"));
  const root = host.attachShadow({ mode: "open" });
  root.innerHTML = `<style>:host { display: block; --st-text-color: #000; --st-background-color: #fff;
    --st-border-color: #ccc; --st-primary-color: #07c; }${css}</style>${html}`;
  const render = (await import(URL.createObjectURL(new Blob([js], { type: "text/javascript" })))).default;
  render({ data, parentElement: root });
}"""
MAP = "Latent plane"
MADE = "Picture from the codes in the plane"


@pytest.fixture(scope="module")
def shown():
    """What the plane of a model is given, by the model's name."""
    digits = data.load(data.EMBEDDED, "all")
    return {name: plane_data(load(SHIPPED[name]), digits) for name in ("plane", "default")}


@pytest.fixture
def beside(bench, shown):
    """A function that opens the workbench of a first visitor with a plane below it."""

    def open_page(name: str, **options):
        page = bench(**options)
        carry(page, "shown", shown[name])
        js = module(plane.FOLDER / "plane.js")
        page.evaluate(BESIDE, {"html": plane.HTML, "css": plane.CSS, "js": js, "data": {"name": "shown"}})
        plane_of(page).scroll_into_view_if_needed()
        until(lambda: "NMSE" in page.locator(".plane-whole").inner_text(), "the drawing in the plane")
        return page

    return open_page


def plane_of(page):
    return page.locator(".plane-map")


def words(page) -> str:
    return page.locator(".plane-words").inner_text()


def made(page) -> Picture:
    return Picture(page, MADE)


# Where on the screen the code lies that most cells with ink have.
BUSIEST = """() => {
  const { plane } = [...document.body.children].at(-1).shadowRoot;
  const uses = new Map();
  for (const code of plane.outcome.codes) uses.set(code, (uses.get(code) ?? 0) + 1);
  const [code] = [...uses].sort((one, other) => other[1] - one[1])[0];
  const box = plane.map.getBoundingClientRect();
  const [x, y] = plane.toScreen(plane.latents.sites[code]);
  return [box.left + x, box.top + y, box.left + box.width / 2, box.top + box.height / 2];
}"""


def test_a_stroke_moves_the_vectors_before_the_pen_is_lifted(beside):
    page = beside("plane")
    before, said = made(page), words(page)
    page.set_viewport_size({"width": 1280, "height": 2400})  # both in sight
    first, second = places(page, (0.2, 0.3), (0.7, 0.3))
    page.mouse.move(*first)
    page.mouse.down()
    page.mouse.move(*second, steps=5)
    until(lambda: made(page) != before and words(page) != said, "another picture in the plane, the pen still down")
    assert any(drawing(page).pixels)
    page.mouse.up()


def test_the_default_model_is_said_to_be_projected_and_draws_what_the_workbench_draws(beside):
    page = beside("default")
    expect(page.locator(".plane-lead")).to_contain_text("What looks near may be far in the other 14 dimensions")
    assert made(page) == reconstruction(page)
    assert "looks nearest here is not the nearest one" in words(page)


def test_a_dragged_code_loses_its_cells_and_nothing_else_hears_of_it(beside):
    page = beside("plane")
    before, workbench = made(page), reconstruction(page)
    x, y, to_x, to_y = page.evaluate(BUSIEST)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(to_x, to_y, steps=4)
    until(lambda: "another code than the learned codebook gives" in words(page), "cells that change hands")
    assert made(page) != before
    assert page.locator(".plane-other").count() == int(words(page).split()[0])
    page.mouse.up()
    assert reconstruction(page) == workbench
    press(page, "Put the codes back")
    until(lambda: made(page) == before, "the learned codebook's picture")
    expect(page.locator(".plane-other")).to_have_count(0)


def test_a_code_is_moved_by_the_arrow_keys(beside):
    page = beside("plane")
    plane_of(page).focus()
    page.keyboard.press("Enter")
    until(lambda: "is in your hand" in words(page), "a code in the hand")
    for _ in range(25):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    until(lambda: "in your hand" not in words(page) and "code" in words(page), "the code put down")
    expect(page.get_by_role("button", name="Put the codes back")).to_have_attribute("aria-disabled", "false")


def test_a_place_shows_what_the_decoder_draws_there_beside_its_codes_tile(beside):
    page = beside("plane")
    x, y, *_ = page.evaluate(BUSIEST)
    page.mouse.move(x + 8, y)
    here, snapped = (
        page.get_by_role("img", name=name) for name in ("What the decoder draws at this", "Tile of the code")
    )
    expect(here).to_be_visible()
    expect(snapped).to_be_visible()
    expect(page.locator(".plane-snapped")).to_contain_text("away")
    assert page.locator(".plane-same").count() > 0  # the cells of the drawing that have this code


def test_a_finger_on_a_code_moves_it_and_not_the_page(beside):
    page = beside("plane", **PHONE)
    x, y, to_x, to_y = page.evaluate(BUSIEST)
    finger = touch(page)
    scrolled = page.evaluate("scrollY")
    finger("touchStart", (x, y))
    for share in (0.3, 0.6, 1):
        finger("touchMove", (x + share * (to_x - x), y + share * (to_y - y)))
    finger("touchEnd")
    until(lambda: "another code than" in words(page), "cells that change hands")
    assert page.evaluate("scrollY") == scrolled


# The plane by itself


def alone(mount, shown):
    """A page of a plane without a drawing, of what `plane_data` gives."""
    page = mount(plane.FOLDER)
    carry(page, "shown", shown)
    page.evaluate("(data) => update(data)", {"name": "shown"})
    expect(page.locator(".plane-lead")).to_contain_text("D = ")
    return page


@pytest.mark.parametrize(
    ("D", "said", "named"),
    [
        (1, "the encoder writes one number a cell, drawn from left to right", "Latent line"),
        (3, "What looks near may be far in the other dimension.", "Latent space, projected"),
    ],
)
def test_what_is_drawn_of_one_or_three_dimensions_is_said_in_words_that_fit(mount, D, said, named):
    model = VQVAE(ModelConfig(num_embeddings=4, embedding_dim=D)).eval()
    page = alone(mount, plane_data(Checkpoint(model, variance=0.1)))
    expect(page.locator(".plane-lead")).to_contain_text(said)
    expect(plane_of(page)).to_have_attribute("aria-label", re.compile(f"^{named}"))


# Learning in the plane


@pytest.fixture
def player(mount):
    """A function that opens the player of the shipped recording."""

    def open_player(reduced_motion: str | None = None):
        page = mount(learning.FOLDER)
        if reduced_motion:
            page.emulate_media(reduced_motion=reduced_motion)
        carry(page, learning.LEARNING, learning.learning_data())
        page.evaluate("(data) => update(data)", {"name": learning.LEARNING, "presenting": False})
        return page

    return open_player


def test_the_recording_plays_by_itself_and_any_moment_of_it_has_its_figures(player):
    page = player()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    recorded = recording()
    steps = recorded.steps
    page.get_by_role("button", name="Pause").click()
    page.get_by_label("Training step").fill("30")
    expect(page.locator(".learning-step")).to_have_text(f"step {steps[30]:,} of {steps[-1]:,}")
    for said, looks in zip(page.locator(".learning-figures").all_inner_texts(), recorded.looks.values(), strict=True):
        used = int((looks[30].counts > 0).sum())
        assert f"{used} codes used, {len(looks[30].counts) - used} dead" in said
        assert f"NMSE {looks[30].nmse:.3f}" in said
    page.get_by_role("button", name="One moment on").click()
    expect(page.locator(".learning-step")).to_have_text(f"step {steps[31]:,} of {steps[-1]:,}")


def test_without_motion_the_recording_rests_at_its_end(player):
    page = player("reduce")
    last = recording().steps[-1]
    expect(page.locator(".learning-step")).to_have_text(f"step {last:,} of {last:,}")
    expect(page.get_by_role("button", name="Play again")).to_be_visible()


def test_arrows_come_and_go(player):
    page = player("reduce")
    first = page.get_by_role("img", name="Gradient: vectors and codes in the plane")
    with_one = first.evaluate("(canvas) => canvas.toDataURL()")
    page.get_by_label("commitment loss").check()
    until(lambda: first.evaluate("(canvas) => canvas.toDataURL()") != with_one, "arrows of the commitment loss")
