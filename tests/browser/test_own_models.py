"""Somebody's own model and own images, as whoever started the server named them, and another project's by upload."""

import re
from collections.abc import Iterator

import pytest
import torch
from PIL import Image

from tests.browser.conftest import Server, running_app, visitors
from tests.browser.hand import look_down, pick_model, places, reconstruction, rest, stroke, until, upload
from tests.visiting import colour_images
from tests.vqvae.foreign import plain

ADAPTER = "from examples.diffusers_vqmodel import make"
SIDE = 64


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Iterator[Server]:
    """A server with a diffusers model, and forty pictures in colour of two classes."""
    folder = tmp_path_factory.mktemp("own")
    adapter = folder / "my_model.py"
    adapter.write_text(ADAPTER)
    generator = torch.Generator().manual_seed(0)
    for name in ("cats", "dogs"):
        (folder / "animals" / name).mkdir(parents=True)
        for number in range(20):
            coarse = torch.rand(1, 3, 5, 5, generator=generator)
            smooth = torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bicubic").clamp(0, 1)[0]
            picture = Image.fromarray((smooth * 255).byte().permute(1, 2, 0).numpy())
            picture.save(folder / "animals" / name / f"{number}.png")
    with running_app(folder / "log.txt", None, "--model", f"{adapter}:make", "--images", str(folder / "animals")) as it:
        yield it


@pytest.fixture
def page(own, pages, watch):
    with visitors(pages, watch, own.address) as visitor:
        yield visitor()


def ended(page) -> None:
    """Wait until the page's script has answered."""
    page.wait_for_timeout(200)  # on its way to the server and back
    rest(page)


def calm(page) -> None:
    """The page has come to its end, and says nothing of an error."""
    ended(page)
    assert not page.get_by_test_id("stException").count()
    assert not page.get_by_test_id("stAlertContentError").all_inner_texts()


def test_a_diffusers_model_walks_through_codebook_map_and_draw(page):
    page.goto("/codebook")
    page.get_by_text("Measured on 40 images of animals.").wait_for()
    page.get_by_text("In which classes").wait_for()
    look_down(page)
    page.get_by_role("group", name="All codes").locator("button").nth(255).wait_for()
    calm(page)

    page.goto("/map")
    page.get_by_label(re.compile("Map of 40 images of the 40 images of animals")).wait_for()
    page.get_by_text("Images above their reconstructions").wait_for()
    calm(page)

    page.goto("/draw")
    page.get_by_text("The server runs this model").wait_for()
    before = reconstruction(page)
    stroke(page, (0.3, 0.3), (0.7, 0.7))
    until(lambda: reconstruction(page) != before, "another reconstruction")
    page.get_by_text("Your picture", exact=True).wait_for()

    page.get_by_role("grid", name="Codes").click(position={"x": 20, "y": 20})
    offers = page.get_by_title(re.compile("Put code"))
    until(lambda: offers.count() == 8, "eight codes for the cell")
    drawn = reconstruction(page)
    offers.nth(7).click()
    page.get_by_text("put there by you").wait_for()
    until(lambda: reconstruction(page) != drawn, "what the other code draws")
    page.get_by_role("button", name="Back to the encoder’s codes").click()
    until(lambda: reconstruction(page) == drawn, "what the encoder’s codes draw")
    calm(page)


def test_home_is_told_with_a_model_that_the_browser_can_run(page):
    page.goto("/")
    page.get_by_text("This page is told with the model “Default (EMA)”").wait_for()
    until(lambda: any(reconstruction(page).pixels), "a reconstruction")


def test_another_projects_file_in_colour_is_uploaded_and_walks_through_the_pages(page, tmp_path):
    sizes = plain.Vqgan(C=3, widths=(32, 32), blocks=1, attended=())
    tensors = plain.random(sizes.shapes(), 0)
    torch.save({"state_dict": tensors | {"loss.discriminator.weight": torch.zeros(3)}}, tmp_path / "theirs.pt")
    page.goto("/train")
    page.get_by_text("A model of another project?").click()
    side = page.get_by_role("spinbutton", name="Side of its images")
    side.fill(str(SIDE))
    side.press("Enter")
    ended(page)
    upload(page, tmp_path / "theirs.pt")
    page.get_by_text("“theirs” is yours now").wait_for()
    pick_model(page, "theirs")
    calm(page)

    for path, words in (
        ("Codebook", "Measured on 40 images of animals."),
        ("Map", "Images above their reconstructions"),
        ("Draw", "On the canvas: "),
    ):
        page.get_by_role("link", name=path, exact=True).first.click()
        page.get_by_text(words).wait_for()
        calm(page)
    look_down(page)
    page.get_by_text("How typical is my image?").wait_for()
    before = reconstruction(page)
    x, y = places(page, (0.5, 0.5))[0]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 30, steps=5)
    page.mouse.up()
    until(lambda: reconstruction(page) != before, "another reconstruction")


def test_a_visitors_own_images_are_brought_measured_mapped_and_drawn_over(page, tmp_path):
    (tmp_path / "flowers.npz").write_bytes(colour_images())
    page.goto("/codebook")
    page.get_by_role("button", name="Bring your own").click()
    upload(page, tmp_path / "flowers.npz")
    page.get_by_text("“flowers” is here").wait_for()
    page.get_by_text("Measured on 40 images of flowers.").wait_for()
    calm(page)

    mapped = re.sub(".*digits=", "/map?method=pca&digits=", page.url)
    page.goto(mapped)
    page.get_by_label(re.compile("Map of 40 images of the 40 images of flowers")).wait_for()
    page.get_by_role("group", name="Images above their reconstructions").get_by_role("button").nth(7).click()
    page.get_by_text("On the canvas: image 7, class 1, one of the 40 images of flowers.").wait_for()
    calm(page)
