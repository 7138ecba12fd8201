"""What whoever starts the app names on the command line: images, alone and beside a model."""

import numpy as np
import pytest
import torch
from PIL import Image

from tests.vqvae.foreign import plain
from vqvae import checkpoint, data, owner
from vqvae.paths import ASSETS

COLOUR = ASSETS / "photos.safetensors"


@pytest.fixture
def pictures(tmp_path):
    """Ten colour images of 300 x 600 pixels: the left third red, the middle green, the right third blue."""
    values = np.zeros((300, 600, 3), dtype=np.uint8)
    for channel in range(3):
        values[:, 200 * channel : 200 * (channel + 1), channel] = 255
    for number in range(10):
        Image.fromarray(values).save(tmp_path / f"{number}.png")
    return tmp_path


def test_images_alone_are_shown_in_their_own_shape_but_no_larger_than_a_page_can_bear(pictures):
    found = owner.named(["--images", str(pictures)])
    assert (found.problem, found.model) == ("", None)
    assert found.images.pixels.shape == (10, 3, 128, 256)


def test_beside_a_checkpoint_images_are_cut_to_its_shape(pictures):
    found = owner.named(["--model", str(COLOUR), "--images", str(pictures)])
    assert found.model.model.config.image_shape == (3, 32, 32)
    assert found.images.pixels.shape == (10, 3, 32, 32)
    assert found.images.pixels[0, :, 16, 16].tolist() == [0, 255, 0]
    assert found.images.pixels[0, :, 16, 0].tolist() == [255, 0, 0]  # a square out of the middle: some of each side


def test_a_data_set_can_be_named_in_place_of_a_folder():
    found = owner.named(["--model", str(COLOUR), "--images", "photos"])
    assert found.images.described == data.load("photos", "all").described


def test_a_folder_that_is_not_there_is_a_sentence():
    found = owner.named(["--images", "nowhere"])
    assert found.images is None
    assert found.problem.startswith("There is no nowhere: expected a folder of images")


def test_the_owner_may_open_a_larger_file_than_visitors_may(tmp_path):
    tensors = plain.random(plain.Vqgan(C=3, widths=(32, 32), blocks=1, attended=()).shapes(), 0)
    tensors["loss.perceptual.weight"] = torch.zeros(checkpoint.MAX_BYTES // 2 + 1, dtype=torch.float16)
    torch.save({"state_dict": tensors}, file := tmp_path / "vqgan.pt")
    with pytest.raises(checkpoint.CheckpointError, match="expected at most 64 MB"):
        checkpoint.load(file)
    found = owner.named(["--model", str(file)])
    assert (found.problem, found.title) == ("", "vqgan")


def test_an_adapter_without_its_function_is_told_what_is_expected():
    assert "such as my_adapter.py:make" in owner.named(["--model", "my_adapter.py"]).problem


def test_weights_that_say_no_variance_are_measured_against_the_images_named(tmp_path):
    torch.save(plain.random(plain.Vqgan(C=3, widths=(32, 32), blocks=1, attended=()).shapes(), 0), tmp_path / "a.pt")
    rng = np.random.default_rng(0)
    for number in range(4):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    found = owner.named(["--model", str(tmp_path / "a.pt"), "--images", str(tmp_path)])
    assert found.model.variance == found.images.variance
    assert "4 images of" in found.model.assumed[-1]
