"""A model trained from the page, in a real browser: watched, left, found again, kept, opened everywhere, deleted."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import TimeoutError as NothingRan
from playwright.sync_api import expect

from tests.browser.conftest import running_app, visitors
from tests.browser.hand import model_picker, rest, upload
from vqvae import checkpoint
from vqvae.checkpoint import Checkpoint
from vqvae.runs.own_checkpoints import OwnCheckpoints
from vqvae.runs.run import Run
from vqvae.runs.visitor import Visitor, new_token

QUICK = "images=256&num_embeddings=16&embedding_dim=4&batch_size=32"  # eight steps an epoch


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("train") / "runs"


@pytest.fixture(scope="module")
def address(runs):
    """An app whose runs are in a folder of its own."""
    with running_app(runs.with_name("log.txt"), {"VQVAE_RUNS": str(runs)}) as running:
        yield running.address


@pytest.fixture
def visit(pages, watch, address):
    """A function that opens the app as a new visitor."""
    with visitors(pages, watch, address) as open_page:
        yield open_page


def button(page, label: str):
    return page.get_by_test_id("stMain").get_by_role("button", name=label, exact=True)


def latest(runs: Path) -> Run:
    """The run that was begun last."""
    return Run(max(runs.glob("visitors/*/runs/*/run.json"), key=lambda path: path.stat().st_mtime_ns).parent)


def shown_digits(page) -> np.ndarray:
    """The picture of digits above reconstructions, as the canvas holds it: (H, W) grey, -1 where nothing is drawn."""
    width, height, values = page.get_by_label("Images above reconstructions").evaluate(
        """(canvas) => [canvas.width, canvas.height,
             [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]]"""
    )
    pixels = np.array(values).reshape(height, width, 4)
    return np.where(pixels[..., 3] == 255, pixels[..., 0], -1)


def drawn_digits(recording, at: int) -> np.ndarray:
    """The same picture from a run's recording: ten pairs a row, two pixels apart."""
    wide = 10 * 30 - 2
    picture = np.full((2 * 60 - 4, wide), -1)
    for n in range(20):
        top, left = n // 10 * 60, n % 10 * 30
        picture[top : top + 28, left : left + 28] = recording.digits[n, 0]
        picture[top + 28 : top + 56, left : left + 28] = recording.reconstructions[at, n, 0]
    return picture


def take_step(page, run: Run) -> None:
    """Train one batch more than the paused run has, which the player may be about to say only now."""
    number = run.status().step + 1
    done = page.get_by_text(f"Step {number:,} of")
    rest(page)
    button(page, "Step").click()
    try:
        done.wait_for(timeout=20_000)
    except NothingRan:
        if run.command().step != number:  # a click upon a page that is just being drawn anew meets nothing
            button(page, "Step").click()
    expect(done).to_be_visible()


def menu(page, label: str) -> None:
    page.get_by_test_id("stSidebar").get_by_role("link", name=label).click()
    page.get_by_role("heading", level=1).wait_for()


def test_a_model_is_trained_wound_kept_opened_everywhere_downloaded_deleted_and_taken_back(visit, runs, tmp_path):
    page = visit()
    page.goto(f"/train?{QUICK}&epochs=6")
    expect(button(page, "Start training")).to_be_enabled()
    button(page, "Start training").click()
    button(page, "Pause").click()  # at once, so that the run stands before it is over, however quick the machine
    expect(page.get_by_text("Paused")).to_be_visible()
    # What a pause saves can be kept at once.
    take_step(page, latest(runs))
    expect(button(page, "Save")).to_be_enabled()
    button(page, "Save").click()
    expect(page.get_by_text(re.compile("is yours now: NMSE"))).to_be_visible()
    button(page, "Delete").click()
    expect(button(page, "Delete")).to_have_count(0)
    # Left and found again: by the menu, by a reload, and on a stage, where it can be wound back on one screen.
    menu(page, "Home")
    menu(page, "Train")
    expect(page.get_by_text("Paused")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Paused")).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 720})
    page.get_by_test_id("stSidebar").get_by_role("button", name="Present").click()
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    expect(page.locator(".js-plotly-plot")).to_have_count(0)
    page.wait_for_function("(main => main.scrollHeight <= main.clientHeight)(document.querySelector('.stMain'))")
    expect(button(page, "▶ Replay")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Paused")).to_be_visible()
    take_step(page, latest(runs))
    # Wound back in a pause, it is at its end again once it went on.
    page.get_by_label("Recorded step").fill("0")
    expect(page.get_by_role("status")).to_have_text("step 0")
    button(page, "Play").click()
    expect(page.get_by_text("Finished")).to_be_visible()
    expect(page.get_by_text("Step 48 of 48")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("step 48")
    (run,) = [Run(path) for path in runs.glob("visitors/*/runs/*") if Run(path).status().steps == 48]
    wind_back_and_forth(page, run.recording())

    page.get_by_label("Name", exact=True).fill("My <b>first</b> model")
    page.get_by_label("Name", exact=True).press("Tab")
    button(page, "Try it in Draw").click()
    expect(page).to_have_url(re.compile(r"draw\?.*model=own-[0-9a-f]{12}"))
    name = re.search(r"own-[0-9a-f]{12}", page.url)[0]
    picker = model_picker(page)
    for label in ("Draw", "Codebook", "Map"):
        menu(page, label)
        expect(page).to_have_url(re.compile(rf"{label.lower()}\?.*model={name}"))
        expect(picker).to_have_value("My <b>first</b> model")
        expect(page.get_by_test_id("stAlert")).to_have_count(0)
    menu(page, "Home")
    expect(page.get_by_label("Draw a digit", exact=True)).to_be_visible()
    expect(picker).to_have_value("My <b>first</b> model")

    menu(page, "Train")
    with page.expect_download() as downloading:
        button(page, "Download").click()
    file = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(file)
    opened = checkpoint.load(file)
    assert f"own-{opened.fingerprint}" == name
    assert (opened.steps, opened.recipe.num_embeddings) == (48, 16)
    # The same weights from a bare file are recognised, and nothing that is known of them is lost.
    bare = tmp_path / "weights.pt"
    torch.save(opened.model.state_dict(), bare)
    upload(page, bare)
    expect(page.get_by_text("“My <b>first</b> model”, which you have already")).to_be_visible()
    expect(picker).to_have_value("My <b>first</b> model")

    button(page, "Delete").click()
    expect(page.get_by_text(re.compile("is deleted"))).to_be_visible()
    expect(button(page, "Delete")).to_have_count(0)
    expect(picker).to_have_value("Default (EMA)")
    button(page, "Undo the deletion").click()
    expect(button(page, "Delete")).to_be_visible()

    # Another visitor is told that the name is not theirs, and sees no run.
    other = visit()
    other.goto(f"/train?model={name}")
    expect(other.get_by_text("one of your own checkpoints")).to_be_visible()
    expect(button(other, "Start training")).to_be_enabled()
    page_of_upload(other, file)


def test_a_prior_is_trained_for_ones_own_model_and_then_writes(visit, runs, make_model, digits, monkeypatch):
    monkeypatch.setenv("VQVAE_RUNS", str(runs))
    token = new_token()
    few = Checkpoint(make_model(), 0.1, dataset="digits", training_images=8)  # a second or two suffices for so few
    name = OwnCheckpoints(Visitor(token)).add(few, "Mine", digits).name
    page = visit()
    page.goto("/train")
    page.evaluate("(token) => localStorage.setItem('vqvae-visitor', token)", token)
    page.reload()
    button(page, "Train its prior").click()
    expect(page.get_by_text("Training its prior.")).to_be_visible()
    page.goto(f"/generate?model={name}")  # left and looked at from elsewhere, where the writing begins by itself
    expect(page.locator("#reading")).to_have_text("0 of 49 cells")
    menu(page, "Train")
    expect(page.get_by_label("Nats a code")).to_be_visible()
    button(page, "Try it in Generate").click()
    button(page, "Write").click()
    expect(page.locator("#reading")).to_have_text("49 of 49 cells")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_a_card_a_recipe_and_the_start_stand_in_the_first_screen(visit, width, height):
    page = visit(viewport={"width": width, "height": height})
    page.goto("/train")
    start = button(page, "Start training")
    expect(start).to_be_enabled()
    recipes = page.locator(".st-key-train-recipes [role=radiogroup] > *")
    expect(recipes).to_have_count(3)
    for place in (*recipes.all(), start):
        box = place.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
    card = recipes.last.bounding_box()
    page.mouse.click(card["x"] + card["width"] - 20, card["y"] + card["height"] - 20)  # all of it can be touched
    expect(page).to_have_url(re.compile("quantizer=gradient"))
    page.get_by_text("Change the recipe").click()
    codes = page.get_by_label("Codes (K)")
    codes.fill("4096")
    codes.press("Enter")
    expect(page.get_by_text("4,096 is out of range: 1 to 1,024.")).to_be_visible()
    expect(start).to_be_disabled()


def wind_back_and_forth(page, recording) -> None:
    """Any moment of a finished run is shown to the pixel, replayed, and read with the pointer."""
    last = len(recording.steps) - 1
    place = page.get_by_label("Recorded step")
    for at in (0, last, 1):
        place.fill(str(at))
        expect(page.get_by_role("status")).to_have_text(f"step {recording.steps[at]}")
        assert (shown_digits(page) == drawn_digits(recording, at)).all()
    place.fill("0")
    loss = page.get_by_text(re.compile(r"^loss \S+$"))
    first = loss.inner_text()
    button(page, "▶ Replay").click()
    expect(place).to_have_value(str(last))
    expect(button(page, "▶ Replay")).to_be_visible()
    assert loss.inner_text() != first
    assert (shown_digits(page) == drawn_digits(recording, last)).all()
    # A pointer reads the curves and the codes.
    page.get_by_label("Loss over the steps").hover(position={"x": 2, "y": 60})  # left of the first moment
    expect(loss).to_have_text(first)
    page.get_by_label("Use of each code").hover(position={"x": 60, "y": 60})
    expect(page.get_by_text(re.compile(r"Code \d+: [\d.]+ times even use"))).to_be_visible()


def page_of_upload(page, file: Path) -> None:
    """The other visitor gets the file by other means, and may upload it; a torn one is refused in a sentence."""
    upload(page, file)
    expect(page.get_by_text(re.compile("is yours now: NMSE"))).to_be_visible()
    torn = file.with_name("torn.safetensors")
    torn.write_bytes(file.read_bytes()[:-1])
    upload(page, torn)
    expect(page.get_by_text(re.compile("not a safetensors file, or is damaged"))).to_be_visible()
