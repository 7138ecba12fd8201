"""Nearest digits and percentiles of one picture, against counting by hand."""

import pytest
import torch

from vqvae import evaluation
from vqvae.analysis.encoding import encode
from vqvae.analysis.typicality import Reference, reference, typicality
from vqvae.data import Digits, to_unit
from vqvae.model import VQVAE

VARIANCE = 0.1


@pytest.fixture
def model(make_model, digits: Digits) -> VQVAE:
    """Random weights, with encodings of digits as its codes, so that many are in use."""
    model = make_model()
    vectors = model.latents(digits.images).permute(0, 2, 3, 1).flatten(0, 2)
    K = model.config.num_embeddings
    model.vq_layer.embeddings.weight.copy_(vectors[torch.arange(K) * len(vectors) // K + 100])
    return model


@pytest.fixture
def everybody(model: VQVAE, digits: Digits) -> Reference:
    encoded = encode(model, digits)
    return reference(digits, encoded, evaluation.reconstructions(model, digits, encoded.codes, VARIANCE))


def stranger(rng: torch.Generator) -> torch.Tensor:
    return torch.randint(0, 256, (1, 28, 28), generator=rng, dtype=torch.uint8)


def measured(model: VQVAE, pixels: torch.Tensor, codes: torch.Tensor) -> tuple[float, float]:
    """NMSE and mean quantisation error of one picture, one vector at a time."""
    image = to_unit(pixels).unsqueeze(0)
    nmse = (model.decode(codes.unsqueeze(0)) - image).square().mean() / VARIANCE
    vectors = model.latents(image)[0]
    errors = [
        (vectors[:, row, column] - model.vq_layer.codebook[codes[row, column]]).square().sum()
        for row in range(codes.shape[0])
        for column in range(codes.shape[1])
    ]
    return float(nmse), float(sum(errors) / len(errors))


def test_a_stranger_is_compared_with_everybody_one_by_one(model, everybody, digits, rng):
    pixels = stranger(rng)
    codes = model.encode(to_unit(pixels).unsqueeze(0))[0]
    found = typicality(model, VARIANCE, pixels, codes, everybody, 5)
    nmse, error = measured(model, pixels, codes)
    assert (found.nmse, found.quantisation_error) == (pytest.approx(nmse, rel=1e-5), pytest.approx(error, rel=1e-4))
    each = [measured(model, *digit) for digit in zip(digits.pixels, model.encode(digits.images), strict=True)]
    assert found.nmse_share == sum(other < nmse for other, _ in each) / len(digits)
    assert found.quantisation_share == sum(other < error for _, other in each) / len(digits)
    assert (found.itself, found.others) == (None, len(digits))


def test_the_nearest_are_those_whose_quantised_latents_are_nearest(model, everybody, digits, rng):
    pixels = stranger(rng)
    codes = model.encode(to_unit(pixels).unsqueeze(0))
    apart = (model.vq_layer.lookup(everybody.codes) - model.vq_layer.lookup(codes)).square().sum((1, 2, 3))
    nearest = typicality(model, VARIANCE, pixels, codes[0], everybody, 5).nearest
    assert nearest.indices.tolist() == apart.argsort(stable=True)[:5].tolist()
    torch.testing.assert_close(nearest.distances.float(), apart[nearest.indices], rtol=1e-4, atol=1e-4)


def test_a_reference_digit_is_left_out_of_its_own_comparison(model, everybody, digits):
    found = typicality(model, VARIANCE, digits.pixels[17], everybody.codes[17], everybody, 59)
    assert (found.itself, found.others) == (17, 59)
    assert sorted(found.nearest.indices.tolist()) == [index for index in range(60) if index != 17]
    assert found.nmse_share == float((everybody.nmse < everybody.nmse[17]).sum()) / 59


def test_edited_codes_are_what_is_compared(model, everybody, digits):
    codes = everybody.codes[30].clone()
    found = typicality(model, VARIANCE, digits.pixels[5], codes, everybody, 1)
    assert torch.equal(everybody.codes[found.nearest.indices[0]], codes)
    assert float(found.nearest.distances) == 0
    assert found.quantisation_error == pytest.approx(measured(model, digits.pixels[5], codes)[1], rel=1e-4)


def test_a_single_reference_digit_has_nobody_to_compare_with(model, digits):
    one = digits.take(slice(0, 1))
    encoded = encode(model, one)
    alone = reference(one, encoded, evaluation.reconstructions(model, one, encoded.codes, VARIANCE))
    found = typicality(model, VARIANCE, one.pixels[0], encoded.codes[0], alone, 5)
    assert len(found.nearest.indices) == 0
    assert (found.nmse_share, found.others) == (0, 0)
