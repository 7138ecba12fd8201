"""A visitor's own images on Codebook, Map and Draw: they stand there for whoever brought them, and for nobody else."""

import io
import time
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from pages.ui import resources
from pages.ui.codebook import view as codebook_view
from pages.ui.components import scatter
from pages.ui.map import view as map_view
from pages.ui.shell.own_images import titles_of
from tests.visiting import PATIENCE, colour_images, text_of, uploaded, visit
from vqvae.analysis.ablation import AblationJobs, ablate
from vqvae.background.array_cache import ArrayCache
from vqvae.data import DataError
from vqvae.runs import own_images
from vqvae.runs.own_images import Entry, OwnImageSets
from vqvae.runs.visitor import Visitor, new_token


@pytest.fixture
def token(monkeypatch) -> str:
    monkeypatch.setattr(own_images, "_parsed", own_images.keep)  # another process takes its seconds
    return new_token()


def folders(first: str, second: str) -> bytes:
    """A zip file of forty images in folders of these names, in their order."""
    file = io.BytesIO()
    noise = np.random.default_rng(0)
    with zipfile.ZipFile(file, "w") as archive:
        for name in (first, second):
            for number in range(20):
                picture = io.BytesIO()
                Image.fromarray(noise.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(picture, "PNG")
                archive.writestr(f"{name}/{number:02}.png", picture.getvalue())
    return file.getvalue()


@pytest.fixture
def flowers(token) -> Entry:
    """Forty images of this visitor's, of two classes."""
    return OwnImageSets(Visitor(token)).add(folders("lily", "rose"), "flowers.zip")


def test_images_brought_to_codebook_are_what_it_measures(token):
    page = uploaded(visit("codebook", token=token), "flowers.npz", colour_images())
    (entry,) = OwnImageSets(Visitor(token)).entries()
    assert page.session_state["codebook.digits"] == entry.name
    said = text_of(page)
    assert "“flowers” is here" in page.success[0].value
    assert "Measured on 40 images of flowers" in said
    assert "1,960 cells, 49 an image" in said


def test_images_brought_to_map_are_mapped(token):
    page = uploaded(visit("map", token=token, method="pca"), "flowers.npz", colour_images())
    assert "Measured on 40 images of flowers" in text_of(page)
    assert "The two leading principal components of 40" in text_of(page)


@pytest.mark.parametrize("page", ["codebook", "map"])
def test_an_address_of_somebody_elses_images_shows_them_to_nobody(page, token, flowers):
    visit(page, token=token, digits=flowers.name, method="pca")  # all that is kept of them is warm
    stranger = visit(page, token=new_token(), digits=flowers.name, method="pca")
    said = text_of(stranger)
    assert "not yours, or were deleted" in said
    assert "5,000 embedded digits" in said
    assert "flowers" not in said
    assert "lily" not in str([chart.proto for chart in stranger.get("plotly_chart")])


def test_an_address_of_ones_own_images_waits_until_the_browser_has_said_whose_they_are(flowers):
    said = text_of(visit("codebook", digits=flowers.name))
    assert "Opening your images" in said
    assert "embedded" not in said


def classes_of(page) -> str:
    return str(page.get("plotly_chart")[0].proto)


def test_the_same_pixels_with_other_labels_are_another_set_at_once(token, flowers):
    assert "lily" in classes_of(visit("map", token=token, digits=flowers.name, method="pca"))
    OwnImageSets(Visitor(token)).delete(flowers.name)
    beasts = OwnImageSets(Visitor(token)).add(folders("ape", "bat"), "beasts.zip")
    page = visit("map", token=token, digits=beasts.name, method="pca")
    assert "Measured on 40 images of beasts" in text_of(page)
    assert "ape" in classes_of(page)
    assert "lily" not in classes_of(page)


def test_two_visitors_of_the_same_set_are_told_apart(token, flowers, monkeypatch):
    visit("map", token=token, digits=flowers.name, method="pca")
    other = new_token()
    same = OwnImageSets(Visitor(other)).add(folders("lily", "rose"), "flowers.zip")
    read = []
    monkeypatch.setattr(own_images, "read", lambda path, original=own_images.read: read.append(path) or original(path))
    text_of(visit("map", token=other, digits=same.name, method="pca"))
    assert read == [OwnImageSets(Visitor(other)).folder / f"{same.name}.safetensors"]


def test_sets_of_one_title_are_told_apart_in_lists(token):
    sets = OwnImageSets(Visitor(token))
    title = "PhotosOfTheGardenInSpring"
    both = [sets.add(colour_images(count), f"{title}.npz").name for count in (40, 41)]
    same = sets.add(folders("a", "b"), f"{title}.zip").name
    titles = titles_of(Visitor(token))
    assert [titles[name] for name in both] == [f"PhotosOfTheGardenInSpri… ({count} images)" for count in (40, 41)]
    assert titles[same] == "PhotosOfTheGardenInSpri… 2 (40 images)"
    for name in (*both, same):
        page = visit("codebook", token=token, digits=name).run()
        assert page.session_state["codebook.digits"] == name


def test_images_that_are_deleted_in_another_tab_give_way_in_a_sentence(token, flowers):
    codebook, mapped = (visit(page, token=token, digits=flowers.name, method="pca") for page in ("codebook", "map"))
    OwnImageSets(Visitor(token)).delete(flowers.name)
    for page in (codebook, mapped):
        said = text_of(page.run())
        assert "5,000 embedded digits" in said
        assert "were deleted" in said


@pytest.mark.parametrize("module", [codebook_view, map_view])
def test_images_that_are_deleted_in_the_midst_of_a_run_are_a_sentence(module, token, flowers, monkeypatch):
    page = "codebook" if module is codebook_view else "map"
    choose = module.chosen_images
    monkeypatch.setattr(module, "chosen_images", lambda name, _: choose(name, {}))
    said = text_of(visit(page, token=token, digits=flowers.name))
    assert "These images cannot be opened. They have been deleted in the meantime" in said


def test_what_is_made_of_deleted_images_is_let_go_of(token, flowers):
    page = visit("codebook", token=token, digits=flowers.name)
    source = resources.ImageSource(flowers.name, "all", str(OwnImageSets(Visitor(token)).folder))
    default = resources.checkpoint("default")
    assert len(resources.fitted_digits(default, source)) == 40
    (delete,) = [button for button in page.button if button.label == "Delete flowers"]
    delete.click().run()
    with pytest.raises(DataError):
        resources.fitted_digits(default, source)
    kept = [choices for choices in resources.built._made if source.folder in repr(choices)]
    assert not kept  # no picture of them either


def test_a_class_of_ones_own_images_is_searched_by_the_name_that_it_has(token):
    entry = OwnImageSets(Visitor(token)).add(folders("3", "T-shirt (red)"), "things.zip")
    page = visit("map", token=token, digits=entry.name, method="pca")
    for request in ("class 3", "t-shirt (red)"):
        page.text_input(key="map.find").set_value(request).run()
        assert f"“{request}”: 20 of 40 images selected." in text_of(page)
    canvas = f"map.images.{entry.name}.0.selected"
    source = resources.ImageSource(entry.name, "all", str(OwnImageSets(Visitor(token)).folder))
    labels = resources.fitted_digits(resources.checkpoint("default"), source).labels
    page.session_state[canvas] = scatter.Selected(5, np.flatnonzero(labels.numpy() == 0))
    page.run()
    assert page.text_input(key="map.find").value == "class 3"  # as the legend calls it


def test_an_address_with_a_drawing_forgets_it_once_an_image_takes_its_place(token, flowers):
    page = visit("map", token=token, digits=flowers.name, method="pca")
    page.session_state["draw.drawing"] = "anything"
    page.session_state["map.opened"] = f"map.images.{flowers.name}.0", 7
    page.run()
    assert page.session_state["draw.drawing"] is None


def test_deleted_images_are_no_longer_looked_at(token, flowers):
    page = visit("codebook", token=token, digits=flowers.name)
    (delete,) = [button for button in page.button if button.label == "Delete flowers"]
    said = text_of(delete.click().run())
    assert "5,000 embedded digits" in said
    assert "flowers" not in said
    assert not OwnImageSets(Visitor(token)).entries()


def test_what_breaks_without_a_code_is_measured_on_ones_own_images_where_they_are_looked_at(
    token, flowers, monkeypatch, tmp_path
):
    jobs = AblationJobs(ArrayCache(tmp_path / "ablations"))
    monkeypatch.setattr(resources, "ablations", lambda: jobs)
    page = visit("codebook", token=token, digits=flowers.name, section="damage")
    assert "Each code is banned in turn, on 40 images of flowers" in text_of(page)
    (measure,) = [button for button in page.button if button.label == "Measure"]
    measure.click().run()
    default = resources.checkpoint("default")
    source = resources.ImageSource(flowers.name, "all", str(OwnImageSets(Visitor(token)).folder))
    key = resources.ablation_key(default, source)
    deadline = time.monotonic() + PATIENCE
    while (found := jobs.find(key, 128)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    images = resources.fitted_digits(default, source)
    assert found.nmse == pytest.approx(ablate(default.model, images, default.variance).nmse)
    assert "Measured on 40 images of flowers, all cells." in text_of(page.run())


def test_one_of_the_images_on_the_map_opens_in_draw_with_its_name(token, flowers):
    page = visit("map", token=token, digits=flowers.name, method="pca")
    page.session_state["map.opened"] = f"map.images.{flowers.name}.0", 7  # as a click on a thumbnail leaves it
    page.run()
    canvas = page.session_state["draw.canvas"]
    assert canvas.source.name == "image 7, class lily, one of the 40 images of flowers"
    mapped = resources.fitted_digits(
        resources.checkpoint("default"),
        resources.ImageSource(flowers.name, "all", str(OwnImageSets(Visitor(token)).folder)),
    )
    assert torch.equal(canvas.source.pixels, mapped.pixels[7])


def test_a_large_set_is_looked_at_in_part_spread_evenly(token, monkeypatch):
    monkeypatch.setattr(resources, "MOST_OWN", 10)
    entry = OwnImageSets(Visitor(token)).add(colour_images(), "many.npz")
    assert "Measured on 10 images of many" in text_of(visit("codebook", token=token, digits=entry.name))
