"""What a cell sees, held against gradients and loops."""

import pytest
import torch
from torch import nn

from tests.vqvae.analysis.making import SIZES, make_digits, make_model
from vqvae.model import VQVAE, Autoencoder, OtherSizes
from vqvae.quantizer import VectorQuantizer
from vqvae.receptive_field import background_cells, patches, pictured, reach_of, receptive_field


@pytest.fixture(params=SIZES)
def model(request) -> VQVAE:
    return make_model(**SIZES[request.param])


LAYERS = {
    "strides": nn.Sequential(
        nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(2, 2, 3, stride=2, padding=1)
    ),
    "sides": nn.Sequential(nn.Conv2d(1, 2, (5, 3), stride=(2, 4), padding=(2, 1)), nn.Conv2d(2, 2, 1)),
    "holes": nn.Sequential(nn.Conv2d(1, 2, 3, dilation=2, padding=2), nn.Tanh(), nn.Conv2d(2, 2, 4, stride=4)),
    "pooling": nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(4)),
}


def with_encoder(encoder: nn.Module, side: int = 40) -> Autoencoder:
    rows, columns = encoder(torch.zeros(1, 1, side, side)).shape[2:]
    sizes = OtherSizes(1, side, side, num_embeddings=4, embedding_dim=2, rows=rows, columns=columns)
    return Autoencoder(sizes, encoder, VectorQuantizer(4, 2), nn.Upsample(scale_factor=side // rows))


@pytest.mark.parametrize("layers", LAYERS)
def test_the_receptive_field_is_where_the_gradient_of_each_cell_reaches(layers):
    """Held against the gradient of every cell, with noise in the image and weights of one sign."""
    encoder = LAYERS[layers]
    for parameter in encoder.parameters():
        nn.init.constant_(parameter, 0.1)
    model = with_encoder(encoder)
    field, (h, w) = receptive_field(model), model.config.grid
    images = torch.rand(64, 1, 40, 40, requires_grad=True)
    output = encoder(images)
    for row, column in ((h // 2, w // 2), (0, 0), (h - 1, w - 1), (0, w // 2)):
        (gradient,) = torch.autograd.grad(output[:, :, row, column].sum(), images, retain_graph=True)
        touched = (gradient != 0).flatten(0, 1).any(0)
        rows, columns = touched.any(1).nonzero().flatten(), touched.any(0).nonzero().flatten()
        seen = tuple(slice(one.start, min(40, one.stop)) for one in field.window(row, column))
        assert seen == (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))


class Everywhere(nn.Module):
    """Each cell sees the whole image, as with attention or group normalisation."""

    def forward(self, x):
        return nn.functional.avg_pool2d(x, 8).repeat(1, 2, 1, 1) + x.mean((1, 2, 3), keepdim=True)


def test_a_cell_that_sees_the_whole_image_has_it_for_its_window():
    model = with_encoder(Everywhere())
    field = receptive_field(model)
    for row, column in ((0, 0), (2, 3), (4, 4)):
        assert torch.zeros(40, 40)[field.window(row, column)].shape == (40, 40)


def test_the_picture_of_a_patch_shows_no_more_than_a_cells_surroundings():
    wide, plain = with_encoder(Everywhere()), make_model()
    assert (pictured(wide).size, pictured(wide).start) == ((24, 24), (-8, -8))
    assert pictured(plain) == receptive_field(plain)


@pytest.mark.parametrize("name", SIZES)
def test_a_code_reaches_the_cells_beside_its_own_in_the_tutorials_decoder(name):
    model = make_model(**SIZES[name])
    assert reach_of(model) == ((0, 0) if model.config.num_embeddings == 1 else (1, 1))


def test_a_decoder_that_mixes_all_cells_reaches_the_whole_grid():
    model = with_encoder(Everywhere())
    model.decoder = nn.Sequential(nn.Conv2d(2, 1, 5, padding=2), nn.Upsample(scale_factor=8), Norm())
    assert reach_of(model) == (4, 4)


class Norm(nn.Module):
    def forward(self, x):
        return x - x.mean((1, 2, 3), keepdim=True)


def test_the_tutorials_cells_see_seven_pixels_each_way():
    field = receptive_field(make_model())
    assert (field.size, field.stride, field.start) == ((7, 7), (4, 4), (-3, -3))


def test_a_cell_is_background_where_its_patch_holds_no_ink(model):
    digits = make_digits(model.config)
    field = receptive_field(model)
    background = background_cells(digits.pixels, field, model.config.grid)
    for row in range(model.config.grid[0]):
        for column in range(model.config.grid[1]):
            top, left = 4 * row - 3, 4 * column - 3
            patch = digits.pixels[:, :, max(0, top) : top + 7, max(0, left) : left + 7]
            assert torch.equal(background[:, row, column], patch.flatten(1).sum(1, dtype=torch.int64) == 0)
    assert 0 < background.sum() < background.numel()


def test_one_faint_pixel_at_the_edge_of_a_patch_is_ink():
    field = receptive_field(make_model())
    pixels = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    pixels[0, 0, 7, 7] = 1  # seen by cells 1 and 2 of each axis: 4 r - 3 <= 7 <= 4 r + 3
    background = background_cells(pixels, field, (7, 7))
    assert (~background[0]).nonzero().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]


def test_a_patch_is_the_window_of_pixels_and_knows_the_border(model):
    digits = make_digits(model.config)
    h, w = model.config.grid
    field = receptive_field(model)
    cells = torch.tensor([[0, 0, 0], [1, 1, 2], [2, h - 1, w - 1], [3, 0, w - 1]])
    seen, inside = patches(digits.pixels, cells, field)
    C, H, W = model.config.image_shape
    assert seen.shape == (4, C, 7, 7)
    for index, (n, row, column) in enumerate(cells.tolist()):
        for y in range(7):
            for x in range(7):
                py, px = 4 * row - 3 + y, 4 * column - 3 + x
                within = 0 <= py < H and 0 <= px < W
                assert bool(inside[index, y, x]) == within
                expected = digits.pixels[n, :, py, px] if within else torch.zeros(C, dtype=torch.uint8)
                assert torch.equal(seen[index, :, y, x], expected)


def test_no_cells_have_no_patches():
    model = make_model()
    digits = make_digits(model.config)
    field = receptive_field(model)
    seen, inside = patches(digits.pixels, torch.empty(0, 3, dtype=torch.int64), field)
    assert seen.shape == (0, 1, 7, 7)
    assert inside.shape == (0, 7, 7)
