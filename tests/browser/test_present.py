"""A talk: the tour by a clicker's keys alone, the scene restored elsewhere, and a server that dies on stage."""

import re

import pytest
import torch
from playwright.sync_api import expect

from pages.ui.components.plane import plane_data
from pages.ui.shell import presenting
from pages.ui.shell.link_codec import write_drawing
from tests.browser.conftest import DESKTOP, TIMEOUT, running_app
from tests.browser.hand import cell, drawing, press, reconstruction, rest, settled, stroke, until
from tests.browser.test_map import little_map, selected
from tests.browser.test_plane import alone, plane_of
from vqvae import data
from vqvae.checkpoint import SHIPPED, load

SCREEN = {"width": 1280, "height": 720}
LESSONS = (
    "A digit.",
    "The encoder’s picture of it.",
    "Each cell finds its nearest code.",
    "The decoder draws from the codes alone.",
    "Change one code and see.",
    "Who else uses this code?",
    "Where do new digits come from?",
)


# Who listens for a clicker's keys: nobody for a moment after a change of page, when the next page is seen already.
CLICKERS = """
window.clickers = new Set();
const { addEventListener, removeEventListener } = document;
document.addEventListener = function (kind, listener, ...how) {
  if (kind === "keydown" && String(listener).includes("leads_on")) window.clickers.add(listener);
  return addEventListener.call(this, kind, listener, ...how);
};
document.removeEventListener = function (kind, listener, ...how) {
  window.clickers.delete(listener);
  return removeEventListener.call(this, kind, listener, ...how);
};
"""


def clicker(page, key: str) -> None:
    """Press a clicker's key upon a page that has come, as somebody does who has looked at it for a moment."""
    rest(page)
    page.wait_for_function("window.clickers.size > 0")
    page.keyboard.press(key)


@pytest.fixture
def stage(new_page):
    """A function that opens an address on a projector's screen and waits for the pen."""

    def open_stage(path: str, **options):
        page = new_page(**{"viewport": SCREEN, **options})
        page.add_init_script(CLICKERS)
        page.goto(path)
        page.get_by_label("Draw a digit", exact=True).wait_for(state="attached")
        return page

    return open_stage


def scrolls(page) -> int:
    return page.evaluate(
        "(() => { const m = document.querySelector('.stMain'); return m.scrollHeight - m.clientHeight; })()"
    )


def test_a_clicker_leads_through_the_tour_and_back_and_nothing_scrolls_or_is_lost(stage):
    page = stage("/draw?present=1")
    stroke(page, (0.2, 0.2), (0.8, 0.8))
    drawn = drawing(page)
    for number, lesson in enumerate(LESSONS, 1):
        expect(page.locator("#lesson b")).to_have_text(lesson)
        page.wait_for_url(re.compile(rf"step={number}"))
        assert scrolls(page) == 0
        if number < len(LESSONS):
            page.keyboard.press("PageDown" if number % 2 else "ArrowRight")  # the canvas has the focus
    for lesson in reversed(LESSONS[:-1]):
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#lesson b")).to_have_text(lesson)
    assert drawing(page) == drawn
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stSidebar")).to_be_visible()
    rest(page)  # the page's workbench takes the place of the stage's
    assert drawing(page) == drawn


def test_a_clicker_leads_from_page_to_page_whatever_was_clicked_on_the_way(stage):
    page = stage("/draw?present=1&step=5")
    cell(page, 3, 4).click()
    page.get_by_role("option", name="code 57", exact=True).click()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("step=6"))
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("step=7"))
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", level=1, name="Generate")).to_be_visible()
    clicker(page, "ArrowLeft")
    expect(page.locator("#lesson b")).to_have_text(LESSONS[-1])
    expect(cell(page, 3, 4)).to_have_attribute("data-code", "57")


def test_the_tour_that_is_offered_leads_to_the_digits_that_share_a_code(stage):
    page = stage("/draw")
    page.get_by_role("button", name="Walk through it in seven steps").click()
    for lesson in LESSONS[1:6]:
        page.locator("#tour-on").click()
        expect(page.locator("#lesson b")).to_have_text(lesson)
    note = page.locator("#others-note")
    expect(note).to_contain_text("cells of the 5,000 embedded digits")
    favourite = int(re.search(r"most often in (\d)s", note.inner_text())[1])
    until(lambda: example(page).sum() > 0, "the first example")
    assert label_of(example(page)) == favourite  # what is shown bears out what is said


def example(page) -> torch.Tensor:
    """The first digit that is shown as one that uses a code: (28, 28) from 0 to 255, -1 where a frame lies on it."""
    colours = page.locator("#others-picture").evaluate(
        """(canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, 112, 112);
          return Array.from({ length: 28 * 28 * 3 }, (_, i) => {
            const [pixel, channel] = [Math.floor(i / 3), i % 3];
            const [row, column] = [Math.floor(pixel / 28) * 4 + 2, (pixel % 28) * 4 + 2];
            return data[(row * 112 + column) * 4 + channel];
          });
        }"""
    )
    red, green, blue = torch.tensor(colours).view(28, 28, 3).unbind(-1)
    return torch.where((red == green) & (green == blue), red, -1)


def label_of(seen: torch.Tensor) -> int:
    """The class of the embedded digit that is seen, as far as it is."""
    digits = data.load(data.EMBEDDED, "all")
    apart = ((digits.pixels[:, 0].int() - seen).abs() * (seen >= 0)).sum((1, 2))
    assert apart.min() == 0
    return int(digits.labels[apart.argmin()])


def test_a_link_to_the_fifth_step_opens_with_a_cell_chosen(stage):
    page = stage("/draw?step=5")
    expect(page.locator("[role=gridcell][aria-selected=true]")).to_have_count(1)
    expect(page.locator("#task")).to_contain_text("row 4, column 4: code 118")


def test_the_third_step_goes_cell_by_cell_and_can_be_paused(stage):
    page = stage("/draw?present=1&step=3")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#latents")).to_be_visible()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Again")).to_be_visible()


def test_with_reduced_motion_nothing_moves_by_itself(stage, new_page):
    page = stage("/draw?present=1&step=3", reduced_motion="reduce")
    expect(page.get_by_role("button", name="Again")).to_be_visible()
    page = new_page(viewport=SCREEN, reduced_motion="reduce")
    page.goto("/train?present=1")
    page.get_by_role("radio", name="Curves").click()
    expect(page.get_by_role("status")).to_have_text("step 2,345")
    expect(page.get_by_role("button", name="Replay")).to_be_visible()


def test_trains_slide_plays_codebooks_that_learn_where_nothing_is_training(new_page):
    page = new_page(viewport=SCREEN)
    page.goto("/train?present=1")
    step = page.locator(".learning-step")
    page.get_by_role("button", name="Pause").wait_for()  # it plays without a click
    early = step.inner_text()
    expect(step).not_to_have_text(early)
    assert scrolls(page) <= 0
    bottom = page.locator(".learning-legend").bounding_box()
    assert 0.9 * SCREEN["height"] < bottom["y"] + bottom["height"] <= SCREEN["height"]


def test_trains_slide_has_the_curves_of_the_recorded_comparison_as_well(new_page):
    page = new_page(viewport=SCREEN)
    page.goto("/train?present=1")
    page.get_by_role("radio", name="Curves").click()
    used, step = page.locator("#codes-legend span").last, page.get_by_role("status")
    page.get_by_role("button", name="Hold").wait_for()  # it plays without a click
    early = int(step.inner_text().removeprefix("step ").replace(",", ""))
    assert early < 2345
    few = drawn(page)
    expect(step).to_have_text("step 2,345")
    expect(used).to_have_text("EMA, dead-code replacement 128")
    assert drawn(page) > 2 * few  # the curves grew
    page.get_by_role("button", name="Replay").click()
    page.get_by_role("button", name="Hold").click()
    expect(step).not_to_have_text("step 2,345")
    assert scrolls(page) <= 0
    bottom = page.get_by_text("At the end, on the test images").bounding_box()
    assert 0.9 * SCREEN["height"] < bottom["y"] + bottom["height"] <= SCREEN["height"]


def drawn(page) -> int:
    """How many pixels of the chart of codes have a curve's colour."""
    return page.get_by_label("Codes used in the latest batches, of 128, over the steps").evaluate(
        """(canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let colored = 0;
          for (let at = 0; at < data.length; at += 4)
            colored += data[at + 3] > 128 && Math.abs(data[at] - data[at + 2]) > 60;
          return colored;
        }"""
    )


# A talk's keys, as Streamlit mounts their component, around a part of a page that has no server.
TALK = """async (js) => {
  const listen = (await import(URL.createObjectURL(new Blob([js], { type: "text/javascript" })))).default;
  listen({ parentElement: {}, setTriggerValue: (_, { meaning }) => (window.heard = meaning) });
}"""


def talk(page) -> None:
    page.evaluate(TALK, (presenting.FOLDER / "presenting.js").read_text())


def esc_leaves(page) -> bool:
    """Press Esc where the focus is: whether it leaves the talk."""
    page.keyboard.press("Escape")
    return page.evaluate("window.heard") == "leave"


def test_esc_on_a_cell_gives_up_the_choice_and_then_leaves_the_talk(bench):
    page = bench()
    talk(page)
    cell(page, 3, 4).click()
    assert not esc_leaves(page)
    expect(page.locator("[role=gridcell][aria-selected=true]")).to_have_count(0)
    assert esc_leaves(page)


def test_esc_on_a_tile_goes_back_to_the_chosen_cell_and_without_one_leaves_the_talk(bench):
    page = bench()
    talk(page)
    tile = page.get_by_role("option", name="code 57", exact=True)
    cell(page, 3, 4).click()
    tile.focus()
    assert not esc_leaves(page)
    expect(cell(page, 3, 4)).to_be_focused()
    page.get_by_role("button", name="Paint a code").click()  # no cell is chosen any longer
    tile.focus()
    assert esc_leaves(page)


def test_esc_on_the_plane_puts_a_code_down_and_then_leaves_the_talk(mount):
    page = alone(mount, plane_data(load(SHIPPED["plane"])))
    talk(page)
    plane_of(page).press("Enter")
    assert not esc_leaves(page)
    x, y = page.evaluate(
        """() => {
          const { plane } = document.querySelector("#host").shadowRoot;
          const box = plane.map.getBoundingClientRect();
          const [x, y] = plane.toScreen(plane.latents.sites[0]);
          return [box.left + x, box.top + y];
        }"""
    )
    page.mouse.move(x, y)
    page.mouse.down()
    assert not esc_leaves(page)
    page.mouse.move(x + 40, y)  # the code is in no hand any longer
    expect(page.get_by_role("button", name="Put the codes back")).to_have_attribute("aria-disabled", "true")
    assert esc_leaves(page)


def test_esc_on_the_map_drops_the_selection_and_then_leaves_the_talk(mount):
    canvas = little_map(mount, 1)
    talk(canvas.page)
    canvas.focus()
    assert not esc_leaves(canvas.page)
    assert selected(canvas.page) == 0
    assert esc_leaves(canvas.page)


def test_the_tour_is_offered_once(stage):
    page = stage("/draw")
    page.get_by_role("button", name="No, thank you").click()
    page.reload()
    page.get_by_label("Draw a digit", exact=True).wait_for()
    expect(page.locator("#offer")).to_be_hidden()


def test_the_notes_for_the_speaker_open_in_a_second_window_and_print_on_one_sheet(stage):
    page = stage("/draw?present=1&step=2")
    with page.expect_popup() as second:
        page.get_by_role("link", name="Notes").click()
    notes = second.value
    expect(notes.get_by_role("heading", level=1)).to_have_text("Notes for the speaker")
    expect(notes.get_by_role("listitem")).to_have_count(5 + len(LESSONS))
    sheet = notes.pdf(format="A4", margin=dict.fromkeys(("top", "right", "bottom", "left"), "1.5cm"))
    assert len(re.findall(rb"/Type\s*/Page\b", sheet)) == 1


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("/?", "#reconstruction"),
        ("/codebook?", ".gallery canvas"),
        ("/map?", "canvas.base"),
        ("/map?show=codes&", "canvas.base"),
        ("/train?", ".learning-plane"),
    ],
)
def test_every_page_stands_on_one_screen(new_page, path, there):
    page = new_page(viewport=SCREEN)
    page.goto(f"{path}present=1")
    page.locator(there).first.wait_for()
    page.wait_for_function("document.querySelector('.stApp').dataset.testScriptState === 'notRunning'")
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    expect(page.get_by_test_id("stDataFrame").or_(page.get_by_test_id("stTable"))).to_have_count(0)
    for size in (SCREEN, {"width": 1920, "height": 1080}):
        page.set_viewport_size(size)
        page.wait_for_timeout(500)  # the picture follows its screen
        assert scrolls(page) <= 0
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_each_of_homes_slides_stands_on_one_screen_and_the_last_leads_to_draw(new_page):
    page = new_page(viewport=SCREEN)
    page.add_init_script(CLICKERS)
    page.goto("/?present=1")
    page.locator(".part.now").wait_for()
    for part in ("question", "encoder", "nearest", "flat", "decoder", "worth", "loss", "death"):
        expect(page.locator(".part.now")).to_have_id(part)
        page.wait_for_timeout(300)  # the picture follows its screen
        assert scrolls(page) <= 0, part
        page.keyboard.press("PageDown")
    expect(page.locator("#lesson b")).to_have_text(LESSONS[0])
    clicker(page, "PageUp")
    expect(page.locator(".part.now")).to_have_id("death")


def test_damaged_links_open_what_they_can_without_an_error(new_page):
    """The watch over the page fails the test for any error in the browser; the server's part has a test without one."""
    drawn = write_drawing(data.load(data.EMBEDDED, "all").pixels[3])
    page = new_page(viewport=SCREEN)
    for field in (f"drawing={drawn[: len(drawn) // 2]}", "edits=<script>", "cell=-1"):
        page.goto(f"/draw?{field}")
        settled(page)
        expect(page.get_by_test_id("stAlert")).to_have_count(1)


# Notes that Streamlit's own dialog of a lost connection came.
NOTE_DIALOG = """() => {
  const noted = () => { if (document.querySelector("[role=dialog]")) window.dialog_came = true; };
  new MutationObserver(noted).observe(document.body, { childList: true });
}"""


def test_a_link_restores_the_scene_on_another_server_to_the_pixel_and_survives_the_death_of_the_server(
    page, server, browser, watch, tmp_path
):
    page.goto("/draw?digit=77")
    settled(page)
    stroke(page, (0.2, 0.3), (0.9, 0.6))
    cell(page, 3, 4).click()
    page.get_by_role("option", name="code 57", exact=True).click()
    page.wait_for_url(re.compile("cell=17"))
    settled(page)
    press(page, "Share")
    expect(page.get_by_alt_text("QR code of the link")).to_be_visible()
    field = page.get_by_label("Link to this view")
    expect(field).not_to_have_value("")
    link = field.input_value()
    page.keyboard.press("Escape")
    expect(cell(page, 3, 4)).to_have_attribute("data-code", "57")
    shown = reconstruction(page)
    assert len(link) < 2000

    with running_app(tmp_path / "log.txt") as elsewhere, browser.new_context(viewport=DESKTOP) as context:
        context.set_default_timeout(TIMEOUT)
        leave = watch.follow(context, elsewhere.address)
        other = context.new_page()
        other.goto(link.replace(server, elsewhere.address))
        expect(other.get_by_role("heading", level=1)).to_have_text("Draw")
        expect(other.get_by_label("row 3, column 4, code 57")).to_be_visible()
        until(lambda: reconstruction(other) == shown, "the same reconstruction")
        expect(other.get_by_test_id("stException")).to_have_count(0)
        generate = context.new_page()
        generate.goto(f"{elsewhere.address}/generate?class=3&cells=7")
        expect(generate.locator("#reading")).to_have_text("0 of 49 cells")

        # And now the server dies on stage.
        other.evaluate(NOTE_DIALOG)
        elsewhere.process.kill()
        expect(other.get_by_text("No connection to the server")).to_be_visible()
        other.wait_for_function("window.dialog_came")
        stroke(other, (0.1, 0.9), (0.9, 0.1))
        until(lambda: reconstruction(other) != shown, "a reconstruction of what was drawn without a server")
        expect(other.get_by_role("dialog")).to_have_count(0)
        generate.get_by_role("button", name="Write").click()
        expect(generate.locator("#reading")).to_have_text("49 of 49 cells")  # a whole digit, without a server
        leave()
        # That it is gone may be said, also of what was on its way at that moment.
        gone = ("server", "ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_CONTENT_LENGTH_MISMATCH")
        watch.errors = [error for error in watch.errors if not any(words in error for words in gone)]
