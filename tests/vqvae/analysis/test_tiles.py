"""What a code draws on its own."""

import pytest
import torch

from tests.vqvae.analysis.making import SIZES, make_model
from vqvae.analysis import tiles as pictures
from vqvae.model import VQVAE


@pytest.fixture(params=SIZES)
def model(request) -> VQVAE:
    return make_model(**SIZES[request.param])


def test_a_tile_is_the_centre_cell_of_nine(model):
    tiles = pictures.tiles(model)
    assert tiles.shape == (model.config.num_embeddings, model.config.channels, 4, 4)
    for code in {0, model.config.num_embeddings - 1}:
        nine = model.decode(torch.full((1, 3, 3), code))
        torch.testing.assert_close(tiles[code], nine[0, :, 4:8, 4:8].clamp(0, 1))
