"""The codes of many digits, and where they are background."""

import pytest
import torch

from tests.vqvae.analysis.making import SIZES, make_digits, make_model
from vqvae.analysis.encoding import encode
from vqvae.data import to_unit
from vqvae.model import VQVAE


@pytest.fixture(params=SIZES)
def model(request) -> VQVAE:
    return make_model(**SIZES[request.param])


def test_encoding_gives_the_models_codes_and_their_distances(model):
    digits = make_digits(model.config)
    encoded = encode(model, digits)
    images = to_unit(digits.pixels)
    assert torch.equal(encoded.codes, model.encode(images))
    latents, chosen = model.latents(images), model.vq_layer.lookup(encoded.codes)
    torch.testing.assert_close(encoded.errors, (latents - chosen).square().sum(1), rtol=1e-3, atol=1e-4)


def test_no_images_cannot_be_encoded():
    model = make_model()
    with pytest.raises(ValueError, match="at least one image"):
        encode(model, make_digits(model.config).take(slice(0)))


def test_background_cells_of_one_position_take_one_code():
    model = make_model()
    encoded = encode(model, make_digits(model.config))
    for row, column in ((0, 6), (3, 5), (6, 6)):
        blank = encoded.background[:, row, column]
        assert blank.any()
        assert len(encoded.codes[:, row, column][blank].unique()) == 1


def test_cells_of_a_code_can_leave_out_background():
    model = make_model(num_embeddings=3)
    encoded = encode(model, make_digits(model.config))
    for code in range(3):
        everywhere = encoded.cells_of(code, with_background=True)
        inked = encoded.cells_of(code, with_background=False)
        assert len(everywhere) == int((encoded.codes == code).sum())
        assert len(inked) == int(((encoded.codes == code) & ~encoded.background).sum())
