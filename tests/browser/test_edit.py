"""The codes under a hand: chosen, previewed, painted, given back, copied and pasted, by mouse, keys and finger."""

import json

import pytest
import torch
from PIL import Image
from playwright.sync_api import expect

from tests.browser.hand import (
    PHONE,
    cell,
    code_at,
    codes,
    drawing,
    model_picker,
    open_draw,
    pick_model,
    press,
    reconstruction,
    settled,
    stroke,
    touch,
    until,
)
from vqvae.checkpoint import SHIPPED, load


@pytest.fixture
def page(tab):
    """One page for all tests: each begins with Start over."""
    return tab


def tile(page, code: int):
    return page.get_by_role("option", name=f"code {code}", exact=True)


def another(page, row: int, column: int) -> int:
    """A code that the cell does not have."""
    return 14 if code_at(page, row, column) != 14 else 57


def edited(page) -> int:
    return page.get_by_role("gridcell").evaluate_all(
        "(cells) => cells.filter((c) => c.dataset.edited === 'true').length"
    )


def choose(page, row: int, column: int, code: int) -> None:
    cell(page, row, column).click()
    tile(page, code).click()
    until(lambda: code_at(page, row, column) == code, "the chosen code")


def test_the_palette_offers_every_code(bench):
    page = bench()
    assert page.get_by_role("option").count() == load(SHIPPED["default"]).model.config.num_embeddings


def test_choosing_a_code_for_a_cell_redraws_and_marks_it(bench):
    page = bench()
    before = reconstruction(page)
    choose(page, 4, 4, another(page, 4, 4))
    assert reconstruction(page) != before
    assert edited(page) == 1
    assert cell(page, 4, 4).get_attribute("aria-description").startswith("edited")


def test_hovering_a_tile_previews_it_without_choosing_it(bench):
    page = bench()
    before, names = reconstruction(page), codes(page)
    cell(page, 4, 4).click()
    tile(page, another(page, 4, 4)).hover()
    until(lambda: reconstruction(page) != before, "the preview")
    page.get_by_role("heading", name="Reconstruction").hover()
    until(lambda: reconstruction(page) == before, "the end of the preview")
    assert codes(page) == names


def test_an_edited_grid_decodes_as_torch_decodes_it(bench):
    page = bench()
    choose(page, 4, 4, another(page, 4, 4))
    model = load(SHIPPED["default"]).model
    grid = torch.tensor([int(name.rsplit(" ", 1)[1]) for name in codes(page)]).view(1, *model.config.grid)
    expected = (model.decode(grid).clamp(0, 1) * 255).flatten()
    assert (torch.tensor(reconstruction(page).pixels) - expected).abs().max() <= 1


def test_painting_puts_a_code_into_every_cell_on_the_way_as_one_step_of_undo(bench):
    page = bench()
    names = codes(page)
    press(page, "Paint a code")
    tile(page, another(page, 1, 1)).click()
    boxes = [cell(page, 1, column).bounding_box() for column in (1, 7)]
    page.mouse.move(boxes[0]["x"] + 5, boxes[0]["y"] + 5)
    page.mouse.down()
    page.mouse.move(boxes[1]["x"] + 5, boxes[1]["y"] + 5, steps=20)
    until(lambda: len({code_at(page, 1, column) for column in range(1, 8)}) == 1, "a painted row")
    page.mouse.up()
    press(page, "Undo")
    until(lambda: codes(page) == names, "the codes as before")
    press(page, "Redo")
    until(lambda: codes(page) != names, "the painted codes")


def test_a_second_stroke_paints_like_the_first(bench):
    page = bench()
    press(page, "Paint a code")
    ends = [cell(page, 1, 1).bounding_box(), cell(page, 7, 7).bounding_box()]
    for code in (14, 57):
        tile(page, code).click()
        page.mouse.move(ends[0]["x"] + 9, ends[0]["y"] + 9)
        page.mouse.down()
        page.mouse.move(ends[1]["x"] + 9, ends[1]["y"] + 9, steps=30)
        page.mouse.up()
        until(lambda code=code: code_at(page, 1, 1) == code_at(page, 4, 4) == code_at(page, 7, 7) == code, "the stroke")


def test_erasing_gives_a_cell_back_to_the_encoder_and_reset_gives_all_back(bench):
    page = bench()
    names = codes(page)
    choose(page, 4, 4, another(page, 4, 4))
    choose(page, 5, 5, another(page, 5, 5))
    press(page, "Erase edits")
    cell(page, 4, 4).click()
    until(lambda: edited(page) == 1, "one edit left")
    press(page, "Reset all codes")
    until(lambda: codes(page) == names, "the encoder's codes")


def test_the_keyboard_alone_chooses_previews_and_gives_back(bench):
    page = bench()
    names, before = codes(page), reconstruction(page)
    page.get_by_role("gridcell").first.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    page.keyboard.press("ArrowRight")
    until(lambda: reconstruction(page) != before, "the preview")
    page.keyboard.press("Escape")
    until(lambda: reconstruction(page) == before, "the end of the preview")
    assert codes(page) == names
    for key in ("Enter", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    until(lambda: edited(page) == 1, "an edit")
    assert codes(page)[:24] == names[:24]
    page.keyboard.press("Delete")
    until(lambda: codes(page) == names, "the encoder's codes")


def test_a_finger_chooses_and_paints_on_a_phone(bench):
    page = bench(**PHONE)
    first, other = another(page, 4, 4), another(page, 2, 1)
    cell(page, 4, 4).tap()
    tile(page, first).tap()
    until(lambda: code_at(page, 4, 4) == first, "the chosen code")
    page.get_by_role("button", name="Paint a code").tap()
    tile(page, other).tap()
    cell(page, 2, 4).scroll_into_view_if_needed()
    finger = touch(page)
    centres = []
    for column in (1, 3):
        box = cell(page, 2, column).bounding_box()
        centres.append((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))
    finger("touchStart", centres[0])
    finger("touchMove", centres[1])
    finger("touchEnd")
    until(lambda: code_at(page, 2, 1) == code_at(page, 2, 3) == other, "painted cells")


GRID = "\n".join(["1 2 3 4 5 6 7"] * 7)


def test_the_keyboard_alone_paints_undoes_resets_and_pastes(bench):
    page = bench(permissions=["clipboard-read", "clipboard-write"])
    names = codes(page)
    page.get_by_role("button", name="Paint a code").press("Enter")
    tile(page, 0).press("ArrowRight")
    page.keyboard.press("Enter")  # paint with code 1
    cell(page, 1, 1).focus()
    for key in ("Enter", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    until(lambda: code_at(page, 1, 1) == code_at(page, 1, 2) == 1, "two painted cells")
    page.keyboard.press("Control+z")
    until(lambda: codes(page)[1] == names[1] and code_at(page, 1, 1) == 1, "one painted cell")
    page.get_by_role("button", name="Reset all codes").press("Enter")
    until(lambda: codes(page) == names, "the encoder's codes")
    page.evaluate("(text) => navigator.clipboard.writeText(text)", GRID)
    cell(page, 1, 1).focus()
    page.keyboard.press("Control+v")
    until(lambda: [code_at(page, 7, column) for column in range(1, 8)] == [1, 2, 3, 4, 5, 6, 7], "the pasted codes")


def test_a_finger_previews_by_holding_and_undoes_resets_and_pastes_on_a_phone(bench):
    page = bench(**PHONE, permissions=["clipboard-read", "clipboard-write"])
    names, before = codes(page), reconstruction(page)
    cell(page, 4, 4).tap()
    code = another(page, 4, 4)
    tile(page, code).scroll_into_view_if_needed()
    box = tile(page, code).bounding_box()
    finger = touch(page)
    finger("touchStart", (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))
    until(lambda: reconstruction(page) != before, "the preview")
    finger("touchEnd")
    until(lambda: code_at(page, 4, 4) == code, "the chosen code")
    page.get_by_role("button", name="Undo").tap()
    until(lambda: codes(page) == names, "the codes as before")
    page.evaluate("(text) => navigator.clipboard.writeText(text)", GRID)
    page.get_by_role("button", name="Paste").tap()
    until(lambda: code_at(page, 7, 7) == 7, "the pasted codes")
    page.get_by_role("button", name="Reset all codes").tap()
    until(lambda: codes(page) == names, "the encoder's codes")


def test_codes_are_copied_and_pasted_as_text_and_nonsense_changes_nothing(bench):
    page = bench(permissions=["clipboard-read", "clipboard-write"])
    names = codes(page)
    press(page, "Copy")
    page.get_by_text("The codes are copied").wait_for()
    text = page.evaluate("navigator.clipboard.readText()")
    assert [len(line.split()) for line in text.splitlines()] == [7] * 7
    for nonsense in ("", "1 2 3", text.replace(text.split()[0], "99999", 1), text + "\n1 2 3 4 5 6 7", "x" * 5000):
        page.evaluate("(text) => navigator.clipboard.writeText(text)", nonsense)
        press(page, "Paste")
        page.get_by_text("That is no grid for this model: expected 7 × 7 whole numbers").wait_for()
        assert codes(page) == names
    page.evaluate("navigator.clipboard.writeText(Array(7).fill('1 2 3 4 5 6 7').join('\\n'))")
    press(page, "Paste")
    until(lambda: code_at(page, 7, 7) == 7, "the pasted codes")


def test_the_picture_and_the_numbers_can_be_saved(bench):
    page = bench()
    with page.expect_download() as download:
        press(page, "PNG")
    assert Image.open(download.value.path()).size == (880, 280)
    with page.expect_download() as download:
        press(page, "JSON")
    numbers = json.loads(download.value.path().read_text())
    assert numbers["pixels"] == drawing(page).pixels
    assert numbers["fingerprint"] == load(SHIPPED["default"]).fingerprint
    assert [len(numbers["squared_distances"]), len(numbers["squared_distances"][0])] == [49, 128]


def test_edits_outlive_a_stroke_and_a_reload(page):
    open_draw(page)
    stroke(page, (0.2, 0.8), (0.5, 0.8))
    code = another(page, 7, 7)
    choose(page, 7, 7, code)
    stroke(page, (0.2, 0.2), (0.5, 0.2))
    settled(page)
    assert code_at(page, 7, 7) == code
    page.reload()
    settled(page)
    assert code_at(page, 7, 7) == code


def test_clear_takes_away_drawing_and_edited_codes_and_undo_brings_both_back(bench):
    page = bench()
    empty = bench()
    empty.get_by_role("button", name="Clear the canvas").click()
    until(lambda: not any(drawing(empty).pixels), "an empty canvas")
    choose(page, 4, 4, another(page, 4, 4))
    before, names = drawing(page), codes(page)
    press(page, "Clear the canvas")
    until(lambda: codes(page) == codes(empty), "the codes of an empty canvas")
    assert edited(page) == 0
    assert not any(drawing(page).pixels)
    assert reconstruction(page) == reconstruction(empty)
    press(page, "Undo")
    until(lambda: codes(page) == names, "the edited codes")
    assert edited(page) == 1
    assert drawing(page) == before


def test_the_cell_chosen_last_is_still_chosen_after_a_visit_elsewhere(page):
    open_draw(page, "/draw?cell=24")
    cell(page, 2, 3).click()
    settled(page)
    page.get_by_role("link", name="Train").click()
    page.get_by_role("grid").wait_for(state="detached")
    page.get_by_role("link", name="Draw").first.click()
    settled(page)
    assert cell(page, 2, 3).get_attribute("aria-selected") == "true"
    page.wait_for_url("**cell=9**")


def test_another_model_drops_the_edits_and_says_so(page):
    open_draw(page)
    choose(page, 4, 4, another(page, 4, 4))
    picture = drawing(page)
    settled(page)
    pick_model(page, "Tutorial")
    page.get_by_text("Your edits of the codes are gone").wait_for()
    until(lambda: edited(page) == 0, "the encoder's codes")
    assert drawing(page) == picture


def test_each_back_takes_back_one_choice_also_where_a_cell_was_chosen_before_another_model(page):
    page.goto("/draw?digit=78")
    settled(page)
    cell(page, 4, 4).click()
    page.wait_for_url("**/draw?digit=78&cell=24")
    settled(page)
    pick_model(page, "Tutorial")
    page.wait_for_url("**/draw?model=tutorial&digit=78&cell=24")
    settled(page)
    for there in ("/draw?digit=78&cell=24", "/draw?digit=78"):
        page.go_back()
        expect(model_picker(page)).to_have_value("Default (EMA)")
        settled(page)
        assert page.url.endswith(there)
        assert (cell(page, 4, 4).get_attribute("aria-selected") == "true") == ("cell" in there)


def test_the_difference_of_an_edit_is_shown_around_its_cell_alone(bench):
    page = bench()
    choose(page, 7, 7, another(page, 7, 7))
    press(page, "Edits")
    colours = page.get_by_label("Where the reconstruction differs").evaluate(
        """(canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const lit = (x, y) => data[4 * (y * canvas.width + x)] + data[4 * (y * canvas.width + x) + 2];
          return [lit(2, 2), Math.max(...[24, 25, 26, 27].flatMap((x) => [24, 25, 26, 27].map((y) => lit(x, y))))];
        }"""
    )
    assert colours[0] == 0
    assert colours[1] > 0
