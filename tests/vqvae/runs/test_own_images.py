"""A visitor's own images: from an uploaded file to a run that trains on them."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.visiting import PATIENCE
from vqvae import checkpoint
from vqvae.data import DataError
from vqvae.limits import VISITORS_IMAGES
from vqvae.runs import own_images
from vqvae.runs.own_images import OwnImageSets, images_for
from vqvae.runs.run import RunConfig
from vqvae.runs.visitor import Visitor, new_token
from vqvae.training import RECOMMENDED, Hyperparameters

TINY = Hyperparameters(epochs=1, batch_size=12, num_embeddings=8, embedding_dim=4)


def npz(count: int = 40, seed: int = 0) -> bytes:
    """Images of CIFAR-10's size, of two classes in turn."""
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    np.savez_compressed(file, images=pixels, labels=np.arange(count) % 2)
    return file.getvalue()


@pytest.fixture
def me(children) -> Visitor:
    return Visitor(new_token())


@pytest.fixture
def _in_this_process(monkeypatch):
    """What is uploaded is parsed here: another process takes its seconds."""
    monkeypatch.setattr(own_images, "_parsed", own_images.keep)


def test_an_upload_is_parsed_in_a_process_of_its_own_and_kept_for_its_owner_alone(me):
    entry = OwnImageSets(me).add(npz(), "my flowers.npz")
    assert entry[1:5] == ("my flowers", (3, 32, 32), 36, 4)
    assert OwnImageSets(me).entries() == [entry]
    assert OwnImageSets(Visitor(new_token())).entries() == []
    with pytest.raises(DataError, match=r"torn\.npz cannot be read \(.*\): expected a folder"):
        OwnImageSets(me).add(npz()[:2000], "torn.npz")
    assert [path.name for path in OwnImageSets(me).folder.iterdir()] == [f"{entry.name}.safetensors"]


@pytest.mark.usefixtures("_in_this_process")
def test_a_run_trains_on_ones_own_images_and_its_model_says_so(me, children):
    entry = OwnImageSets(me).add(npz(), "flowers.npz")
    run = me.start(RunConfig(TINY, entry.name))
    children[run.folder].join(PATIENCE)
    assert run.status().state == "finished", run.status().message
    opened = checkpoint.load(run.model_file)
    assert (opened.dataset, opened.training_images) == ("flowers", 36)
    assert opened.model.config.image_shape == (3, 32, 32)
    (figures,) = opened.measured
    assert (figures.dataset, figures.split, figures.images) == ("flowers", "test", 4)


@pytest.mark.usefixtures("_in_this_process")
def test_a_run_whose_images_are_gone_says_so(me, children):
    sets = OwnImageSets(me)
    entry = sets.add(npz(), "flowers.npz")
    sets.delete(entry.name)
    run = me.start(RunConfig(TINY, entry.name))
    children[run.folder].join(PATIENCE)
    assert run.status().state == "failed"
    assert "These images are gone: they have been deleted" in run.status().message


@pytest.mark.usefixtures("_in_this_process")
def test_large_pictures_are_kept_in_a_size_that_can_be_trained_on(me):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(4):
            picture = io.BytesIO()
            Image.new("RGB", (300, 200), (40 * number, 0, 0)).save(picture, "PNG")
            archive.writestr(f"{number}.png", picture.getvalue())
    entry = OwnImageSets(me).add(file.getvalue(), "photographs.zip")
    assert entry.shape == (3, 44, 64)
    assert images_for(Path(me.folder / "runs" / "any"), entry.name, "all").pixels.shape == (4, 3, 44, 64)


@pytest.mark.usefixtures("_in_this_process")
def test_what_a_visitor_may_not_bring_is_a_sentence(me, monkeypatch):
    sets = OwnImageSets(me)
    with pytest.raises(DataError, match=r"x\.exe is no set of images: expected a file in \.zip, \.npz, \.parquet"):
        sets.add(b"", "x.exe")
    monkeypatch.setattr(own_images, "VISITORS_IMAGES", VISITORS_IMAGES._replace(file=2**20))
    with pytest.raises(DataError, match=r"x\.npz has 2 MB: expected at most 1 MB"):
        sets.add(bytes(2 * 2**20), "x.npz")
    monkeypatch.setattr(own_images, "IMAGE_SETS_EACH", 1)
    sets.add(npz(), "flowers.npz")
    with pytest.raises(DataError, match="You have 1 sets of images already: delete one first"):
        sets.add(npz(seed=1), "more.npz")


@pytest.mark.parametrize("name", ["own-../../etc", "own-0123456789ab/..", "mine", "own-0123456789AB"])
def test_a_name_that_is_none_never_becomes_a_path(name):
    with pytest.raises(ValueError, match="expected a data set out of"):
        RunConfig(RECOMMENDED, name)
