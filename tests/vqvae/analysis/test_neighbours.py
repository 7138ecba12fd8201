"""What is nearest, and what is typical."""

import numpy as np
import pytest
import torch

from tests.vqvae.analysis.making import make_digits
from tests.vqvae.analysis.making import make_model as model_of
from vqvae.analysis.encoding import Encoded, encode
from vqvae.analysis.neighbours import (
    Neighbours,
    between,
    nearest_cells,
    nearest_codes,
    nearest_digits,
    telling_cells,
    typical_cells,
)


def test_the_nearest_cells_have_the_smallest_errors_in_order():
    model = model_of(num_embeddings=3)
    encoded = encode(model, make_digits(model.config))
    code = int(encoded.codes.flatten().mode().values)
    cells = encoded.cells_of(code, with_background=True)
    nearest = nearest_cells(encoded, cells, 24)
    errors = [float(encoded.errors[tuple(cell)]) for cell in nearest]
    expected = sorted(float(encoded.errors[tuple(cell)]) for cell in cells)[:24]
    assert errors == expected


def test_telling_cells_follow_the_classes_that_use_the_code():
    labels = torch.arange(40) % 10  # four images a class
    codes = torch.zeros(40, 2, 2, dtype=torch.int64)
    codes[labels == 5] = 1  # in all cells of the fives,
    codes[labels == 8, 0] = 1  # in half of the eights',
    codes[3, 0, 0] = 1  # and in a single one of a three, which fits it best
    errors = torch.arange(160, dtype=torch.float32).view(40, 2, 2).flip(0)
    errors[3, 0, 0] = 0
    encoded = Encoded(codes, errors, torch.zeros(40, 2, 2, dtype=torch.bool), labels, classes=10)
    cells = telling_cells(encoded, 1, 6)
    assert labels[cells[:, 0]].tolist() == [5, 5, 5, 5, 8, 8]
    assert cells[:, 0].tolist() == [35, 25, 15, 5, 38, 28]  # each image once, the nearest first
    assert len(telling_cells(encoded, 1, 99)) == 9
    assert len(telling_cells(encoded, 2, 6)) == 0


def test_typical_cells_are_a_sample_that_the_seed_alone_decides():
    cells = torch.arange(300).view(100, 3)
    sample = typical_cells(cells, 24, seed=5)
    assert torch.equal(sample, typical_cells(cells, 24, seed=5))
    assert not torch.equal(sample, typical_cells(cells, 24, seed=6))
    assert len({tuple(cell) for cell in sample.tolist()}) == 24
    assert {tuple(cell) for cell in sample.tolist()} <= {tuple(cell) for cell in cells.tolist()}


@pytest.mark.parametrize("count", [0, 5])
def test_fewer_cells_than_asked_for_are_all_given(count):
    cells = torch.arange(3 * count).view(count, 3)
    assert torch.equal(typical_cells(cells, 24, seed=0), cells)


def test_the_nearest_codes_are_the_others_by_squared_distance():
    vectors = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    near = nearest_codes(vectors, 0, 2)
    assert near.codes.tolist() == [3, 2]
    assert near.distances.tolist() == [0, 1]
    assert nearest_codes(vectors, 2, 9).codes.tolist() == [0, 3, 1]
    assert not len(nearest_codes(torch.zeros(1, 4), 0, 9).codes)


def test_nearest_digits_are_those_of_the_quantised_latents(make_model, digits):
    model = make_model()
    codes = model.encode(digits.images)
    latents = model.vq_layer.lookup(codes).flatten(1)
    distances = (latents - latents[17]).square().sum(1)
    found = nearest_digits(model, codes[17], codes, 10)
    assert float(found.distances[0]) == pytest.approx(0, abs=1e-6)
    assert np.allclose(found.distances, distances.sort().values[:10], rtol=1e-3, atol=1e-4)


def test_a_drawing_lies_near_the_neighbours_that_are_nearest():
    positions = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    neighbours = Neighbours(torch.arange(3), torch.tensor([1.0, 4.0, 4.0]).double())
    assert np.allclose(between(positions, neighbours), [10 / 6, 10 / 6], atol=1e-4)
    same = Neighbours(torch.arange(3), torch.tensor([0.0, 4.0, 4.0]).double())
    assert np.allclose(between(positions, same), [0, 0], atol=1e-3)
