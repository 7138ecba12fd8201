"""A model trained from the page, in a real browser: watched, left, found again, kept, opened everywhere, deleted."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import running_app, visitors
from vqvae import checkpoint

QUICK = "images=256&num_embeddings=16&embedding_dim=4&batch_size=32"  # eight steps an epoch


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """An app whose runs are in a folder of its own."""
    folder = tmp_path_factory.mktemp("train")
    with running_app(folder / "log.txt", {"VQVAE_RUNS": str(folder / "runs")}) as address:
        yield address


@pytest.fixture
def visit(browser, watch, address):
    """A function that opens the app as a new visitor."""
    with visitors(browser, watch, address) as open_page:
        yield open_page


def button(page, label: str):
    return page.get_by_test_id("stMain").get_by_role("button", name=label, exact=True)


def step_of(page) -> int:
    said = page.get_by_text(re.compile(r"step [\d,]+ of")).first.inner_text()
    return int(re.search(r"step ([\d,]+) of", said)[1].replace(",", ""))


def menu(page, label: str) -> None:
    page.get_by_test_id("stSidebar").get_by_role("link", name=label).click()
    page.get_by_role("heading", level=1).wait_for()


def test_a_model_is_trained_kept_opened_everywhere_downloaded_deleted_and_taken_back(visit, tmp_path):
    page = visit()
    page.goto(f"/train?{QUICK}&epochs=6")
    expect(button(page, "Start training")).to_be_enabled()
    button(page, "Start training").click()
    button(page, "Pause").click()  # at once, so that the run stands before it is over, however quick the machine
    expect(page.get_by_text("Paused")).to_be_visible()
    # What a pause saves can be kept at once.
    button(page, "Step").click()
    expect(button(page, "Save as a checkpoint")).to_be_enabled()
    button(page, "Save as a checkpoint").click()
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
    expect(page.locator(".js-plotly-plot")).to_have_count(1)  # alone on the stage
    page.wait_for_function("(main => main.scrollHeight <= main.clientHeight)(document.querySelector('.stMain'))")
    expect(button(page, "Replay")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Paused")).to_be_visible()
    at = step_of(page)
    button(page, "Step").click()
    expect(page.get_by_text(f"step {at + 1:,} of")).to_be_visible()
    button(page, "Play").click()
    expect(page.get_by_text("Finished")).to_be_visible()
    expect(page.get_by_text("step 48 of 48")).to_be_visible()
    expect(page.locator(".st-key-train-live .js-plotly-plot")).to_have_count(4)

    page.get_by_label("Name").fill("My <b>first</b> model")
    page.get_by_label("Name").press("Tab")
    button(page, "Save as a checkpoint").click()
    expect(page.get_by_text(re.compile("is yours now: NMSE"))).to_be_visible()
    button(page, "Use on every page").click()
    expect(page).to_have_url(re.compile(r"model=own-[0-9a-f]{12}"))
    name = re.search(r"own-[0-9a-f]{12}", page.url)[0]
    picker = page.get_by_test_id("stSidebar").get_by_role("combobox", name="Model")
    for label in ("Draw", "Codebook", "Map"):
        menu(page, label)
        expect(page).to_have_url(re.compile(rf"{label.lower()}\?.*model={name}"))
        expect(picker).to_have_value("My <b>first</b> model")
        expect(page.get_by_test_id("stAlert")).to_have_count(0)

    menu(page, "Train")
    with page.expect_download() as downloading:
        button(page, "Download").click()
    file = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(file)
    opened = checkpoint.load(file)
    assert f"own-{opened.fingerprint}" == name
    assert (opened.steps, opened.recipe.num_embeddings) == (48, 16)

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


def page_of_upload(page, file: Path) -> None:
    """The other visitor gets the file by other means, and may upload it; a torn one is refused in a sentence."""
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text(re.compile("is yours now: NMSE"))).to_be_visible()
    torn = file.with_name("torn.safetensors")
    torn.write_bytes(file.read_bytes()[:-1])
    page.locator("input[type=file]").set_input_files(torn)
    expect(page.get_by_text(re.compile("no safetensors file, or a torn one"))).to_be_visible()
