"""The codes that draw a picture best, held against trying every code on whole pictures."""

import pytest
import torch

from tests.vqvae.analysis.making import make_digits, make_model
from vqvae.analysis.best_codes import best_codes
from vqvae.data import to_unit
from vqvae.model import VQVAE

SIZES = {
    "K6": {"num_embeddings": 6, "embedding_dim": 5},
    "K1": {"num_embeddings": 1},
    "colour": {"channels": 3, "height": 16, "width": 24, "num_embeddings": 4, "embedding_dim": 3},
}


def errors(model: VQVAE, images: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    return (model.decode(codes) - images).square().sum((1, 2, 3), dtype=torch.float64)


@pytest.fixture(params=SIZES.values(), ids=SIZES)
def found(request):
    """A model, four images, the encoder's codes for them, and better ones."""
    model = make_model(**request.param)
    images = to_unit(make_digits(model.config, 4).pixels)
    codes = model.encode(images)
    return model, images, codes, best_codes(model, images, codes)


def test_no_other_code_in_any_cell_draws_better(found):
    model, images, _, better = found
    least = errors(model, images, better)
    for row in range(better.shape[1]):
        for column in range(better.shape[2]):
            for code in range(model.config.num_embeddings):
                other = better.clone()
                other[:, row, column] = code
                assert (errors(model, images, other) > least - 1e-4).all()


def test_the_error_shrinks_and_never_grows(found):
    model, images, codes, better = found
    before, after = errors(model, images, codes), errors(model, images, better)
    assert (after <= before).all()
    assert (after < before - 0.1).any() == (model.config.num_embeddings > 1)


def test_the_best_codes_stay(found):
    model, images, _, better = found
    assert torch.equal(best_codes(model, images, better), better)


def test_one_image_has_the_codes_that_it_has_among_others(found):
    model, images, codes, better = found
    assert torch.equal(best_codes(model, images[2:3], codes[2:3]), better[2:3])
