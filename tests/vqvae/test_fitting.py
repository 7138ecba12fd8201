"""Digits in the size that a model takes."""

import pytest
import torch

from tests.vqvae.analysis.making import make_digits, make_model
from vqvae import data
from vqvae.analysis.encoding import encode
from vqvae.data import fitted, in_shape
from vqvae.model import ModelConfig


def test_digits_of_the_models_size_stay_as_they_are():
    config = ModelConfig()
    digits = make_digits(config)
    assert fitted(digits, config) is digits


@pytest.mark.parametrize("sizes", [{"channels": 3, "height": 32, "width": 48}, {"height": 12, "width": 20}])
def test_digits_of_another_size_become_means_over_areas(sizes):
    digits, config = make_digits(ModelConfig()), ModelConfig(**sizes)
    resampled = fitted(digits, config)
    assert resampled.pixels.shape[1:] == config.image_shape
    fine = digits.pixels.double().repeat_interleave(config.height, 2).repeat_interleave(config.width, 3)
    expected = fine.view(len(digits), 1, config.height, 28, config.width, 28).mean((3, 5))
    assert (resampled.pixels - expected).abs().max() <= 0.501  # rounded
    model = make_model(**sizes)
    assert encode(model, resampled).codes.shape == (len(digits), *config.grid)


@pytest.mark.parametrize("at_once", [1, 3 * 40 * 30 * 2])
def test_many_images_are_resampled_a_few_at_a_time_to_the_same_pixels(at_once, rng, monkeypatch):
    pixels = torch.randint(256, (2, 5, 3, 40, 30), generator=rng, dtype=torch.uint8)
    whole = in_shape(pixels, (1, 16, 20)).int()
    monkeypatch.setattr(data, "AT_ONCE", at_once)
    assert (in_shape(pixels, (1, 16, 20)).int() - whole).abs().max() <= 1  # sums of floats, in whatever order
    assert in_shape(pixels[:0], (1, 16, 20)).shape == (0, 5, 1, 16, 20)
