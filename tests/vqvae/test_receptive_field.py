"""What a cell sees, held against gradients and loops."""

import pytest
import torch
from torch import nn

from tests.vqvae.analysis.making import SIZES, make_digits, make_model
from vqvae.model import VQVAE
from vqvae.receptive_field import background_cells, patches, receptive_field


@pytest.fixture(params=SIZES)
def model(request) -> VQVAE:
    return make_model(**SIZES[request.param])


@pytest.mark.parametrize(
    "layers",
    [
        nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(2, 2, 3, stride=2, padding=1)),
        nn.Sequential(nn.Conv2d(1, 2, (5, 3), stride=(1, 2), padding=(2, 0)), nn.Sequential(nn.Conv2d(2, 1, 2))),
        nn.Sequential(nn.Conv2d(1, 2, 3, dilation=2, padding=1), nn.Tanh(), nn.Conv2d(2, 1, 4, stride=3, padding=3)),
    ],
)
def test_the_receptive_field_is_where_the_gradient_reaches(layers):
    """A cell sees the pixels that have a gradient, with every weight positive so that nothing cancels."""
    for parameter in layers.parameters():
        nn.init.constant_(parameter, 0.1)
    image = torch.ones(1, 1, 40, 40, requires_grad=True)
    field = receptive_field(layers)
    output = layers(image)
    middle = output.shape[2] // 2, output.shape[3] // 2
    for row, column in (middle, (0, 0), (output.shape[2] - 1, output.shape[3] - 1)):
        (gradient,) = torch.autograd.grad(output[0, 0, row, column], image, retain_graph=True)
        expected = torch.zeros(40, 40, dtype=torch.bool)
        expected[field.window(row, column)] = True
        touched = gradient[0, 0] != 0
        assert touched.any()
        assert not (touched & ~expected).any()
        if (row, column) == middle:  # dilation leaves holes: the field is the box around what is touched
            rows, columns = touched.any(1).nonzero().flatten(), touched.any(0).nonzero().flatten()
            assert (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)) == (
                field.window(row, column)
            )


def test_the_tutorials_cells_see_seven_pixels_each_way():
    field = receptive_field(make_model().encoder)
    assert (field.size, field.stride, field.start) == ((7, 7), (4, 4), (-3, -3))


def test_a_layer_of_unknown_reach_is_refused():
    with pytest.raises(TypeError, match="MaxPool2d"):
        receptive_field(nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d(2)))


def test_a_cell_is_background_where_its_patch_holds_no_ink(model):
    digits = make_digits(model.config)
    field = receptive_field(model.encoder)
    background = background_cells(digits.pixels, field, model.config.grid)
    for row in range(model.config.grid[0]):
        for column in range(model.config.grid[1]):
            top, left = 4 * row - 3, 4 * column - 3
            patch = digits.pixels[:, :, max(0, top) : top + 7, max(0, left) : left + 7]
            assert torch.equal(background[:, row, column], patch.flatten(1).sum(1, dtype=torch.int64) == 0)
    assert 0 < background.sum() < background.numel()


def test_one_faint_pixel_at_the_edge_of_a_patch_is_ink():
    field = receptive_field(make_model().encoder)
    pixels = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    pixels[0, 0, 7, 7] = 1  # seen by cells 1 and 2 of each axis: 4 r - 3 <= 7 <= 4 r + 3
    background = background_cells(pixels, field, (7, 7))
    assert (~background[0]).nonzero().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]


def test_a_patch_is_the_window_of_pixels_and_knows_the_border(model):
    digits = make_digits(model.config)
    h, w = model.config.grid
    field = receptive_field(model.encoder)
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
    field = receptive_field(model.encoder)
    seen, inside = patches(digits.pixels, torch.empty(0, 3, dtype=torch.int64), field)
    assert seen.shape == (0, 1, 7, 7)
    assert inside.shape == (0, 7, 7)
