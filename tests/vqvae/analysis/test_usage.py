"""What a codebook does on data, held against loops that say the same thing slowly."""

import pytest
import torch
from torch import nn

from vqvae.analysis import tiles as pictures
from vqvae.analysis import usage as counting
from vqvae.analysis.encoding import Encoded, encode
from vqvae.analysis.neighbours import nearest_cells, nearest_codes, typical_cells
from vqvae.analysis.receptive_field import background_cells, patches, receptive_field
from vqvae.data import Digits, fitted, to_unit
from vqvae.evaluation import perplexity
from vqvae.model import VQVAE, ModelConfig


def make_model(**sizes) -> VQVAE:
    torch.manual_seed(0)
    return VQVAE(ModelConfig(**sizes)).requires_grad_(False).eval()


def make_digits(config: ModelConfig, count: int = 24) -> Digits:
    """Random images with a blank half, so that there are background cells."""
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (count, *config.image_shape), generator=generator, dtype=torch.uint8)
    pixels[:, :, :, config.width // 2 :] = 0
    return Digits(pixels, torch.arange(count) % 10, "digits", "all")


SIZES = [
    {"num_embeddings": 37, "embedding_dim": 5},
    {"num_embeddings": 1},
    {"channels": 3, "height": 32, "width": 48, "num_embeddings": 512, "embedding_dim": 64},
]


@pytest.fixture(params=SIZES, ids=["K37", "K1", "K512-colour"])
def model(request) -> VQVAE:
    return make_model(**request.param)


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


def test_a_tile_is_the_centre_cell_of_nine(model):
    tiles = pictures.tiles(model)
    assert tiles.shape == (model.config.num_embeddings, model.config.channels, 4, 4)
    for code in {0, model.config.num_embeddings - 1}:
        nine = model.decode(torch.full((1, 3, 3), code))
        torch.testing.assert_close(tiles[code], nine[0, :, 4:8, 4:8].clamp(0, 1))


def test_encoding_gives_the_models_codes_and_their_distances(model):
    digits = make_digits(model.config)
    encoded = encode(model, digits)
    images = to_unit(digits.pixels)
    assert torch.equal(encoded.codes, model.encode(images))
    latents, chosen = model.latents(images), model.vq_layer.lookup(encoded.codes)
    torch.testing.assert_close(encoded.errors, (latents - chosen).square().sum(1), rtol=1e-3, atol=1e-4)


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


def test_no_images_cannot_be_encoded():
    model = make_model()
    with pytest.raises(ValueError, match="at least one image"):
        encode(model, make_digits(model.config).take(slice(0)))


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


def test_background_cells_of_one_position_take_one_code():
    model = make_model()
    encoded = encode(model, make_digits(model.config))
    for row, column in ((0, 6), (3, 5), (6, 6)):
        blank = encoded.background[:, row, column]
        assert blank.any()
        assert len(encoded.codes[:, row, column][blank].unique()) == 1


def test_usage_counts_every_cell_once_by_code_class_and_position(model):
    digits = make_digits(model.config)
    K, (h, w) = model.config.num_embeddings, model.config.grid
    encoded = encode(model, digits)
    usage = counting.usage(encoded, K)
    for counts, only_ink in ((usage.all_cells, False), (usage.ink_cells, True)):
        total, by_class, by_position = torch.zeros(K), torch.zeros(10, K), torch.zeros(h, w, K)
        for n in range(len(digits)):
            for row in range(h):
                for column in range(w):
                    if only_ink and encoded.background[n, row, column]:
                        continue
                    code = int(encoded.codes[n, row, column])
                    total[code] += 1
                    by_class[digits.labels[n], code] += 1
                    by_position[row, column, code] += 1
        assert torch.equal(counts.total, total.long())
        assert torch.equal(counts.by_class, by_class.long())
        assert torch.equal(counts.by_position, by_position.long())
    assert usage.images.tolist() == [3, 3, 3, 3, 2, 2, 2, 2, 2, 2]


def test_a_code_used_on_background_alone_is_not_dead():
    codes = torch.tensor([[[0, 2]]])
    encoded = Encoded(codes, torch.zeros(1, 1, 2), torch.tensor([[[True, False]]]), torch.tensor([7]))
    usage = counting.usage(encoded, 4)
    assert usage.dead.tolist() == [1, 3]
    assert usage.ink_cells.total.tolist() == [0, 0, 1, 0]


def test_codes_are_ordered_by_use_with_ties_by_index():
    assert counting.by_use(torch.tensor([5, 0, 9, 5])).tolist() == [2, 0, 3, 1]


def test_codes_are_grouped_by_the_class_that_uses_them_most_for_its_size():
    by_class = torch.zeros(10, 5, dtype=torch.int64)
    by_class[2, 0] = 30
    by_class[1, 0] = 20  # less than class 2, yet more an image
    by_class[1, 3] = 25
    by_class[9, 1] = 1
    by_class[0, 4] = 1
    images = torch.ones(10, dtype=torch.int64)
    images[2] = 10
    counts = counting.Counts(by_class.sum(0), by_class, torch.zeros(1, 1, 5))
    assert counting.by_class(counting.Usage(images, counts, counts), counts).tolist() == [4, 3, 0, 1, 2]


def test_similar_codes_stand_side_by_side():
    places = torch.tensor([3.0, 0.0, 2.0, 7.0, 1.0])
    order = counting.by_similarity(places.unsqueeze(1)).tolist()
    assert order in ([1, 4, 2, 0, 3], [3, 0, 2, 4, 1])
    assert counting.by_similarity(torch.zeros(1, 4)).tolist() == [0]


def test_the_nearest_cells_have_the_smallest_errors_in_order():
    model = make_model(num_embeddings=3)
    encoded = encode(model, make_digits(model.config))
    code = int(encoded.codes.flatten().mode().values)
    cells = encoded.cells_of(code, with_background=True)
    nearest = nearest_cells(encoded, cells, 24)
    errors = [float(encoded.errors[tuple(cell)]) for cell in nearest]
    expected = sorted(float(encoded.errors[tuple(cell)]) for cell in cells)[:24]
    assert errors == expected


def test_typical_cells_are_a_sample_that_the_seed_alone_decides():
    cells = torch.arange(300).view(100, 3)
    sample = typical_cells(cells, 24, seed=5)
    assert torch.equal(sample, typical_cells(cells, 24, seed=5))
    assert not torch.equal(sample, typical_cells(cells, 24, seed=6))
    assert len({tuple(cell) for cell in sample.tolist()}) == 24
    assert {tuple(cell) for cell in sample.tolist()} <= {tuple(cell) for cell in cells.tolist()}


def test_the_nearest_codes_are_the_others_by_squared_distance():
    vectors = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    near = nearest_codes(vectors, 0, 2)
    assert near.codes.tolist() == [3, 2]
    assert near.distances.tolist() == [0, 1]
    assert nearest_codes(vectors, 2, 9).codes.tolist() == [0, 3, 1]
    assert not len(nearest_codes(torch.zeros(1, 4), 0, 9).codes)


def test_entropy_is_the_bits_that_a_code_would_take():
    counts = torch.tensor([[3, 3, 3, 3], [5, 0, 0, 5], [0, 7, 0, 0], [0, 0, 0, 0]])
    assert counting.entropy_bits(counts).tolist() == pytest.approx([2, 1, 0, 0])
    counts = torch.randint(0, 50, (20,), generator=torch.Generator().manual_seed(0))
    assert 2 ** float(counting.entropy_bits(counts)) == pytest.approx(perplexity(counts))


def test_lift_is_one_where_rows_and_columns_are_independent():
    rows, columns = torch.tensor([1, 4, 2]), torch.tensor([3, 1, 5, 7])
    assert torch.allclose(counting.lift(rows.unsqueeze(1) * columns), torch.ones(3, 4).double())


def test_lift_compares_the_share_in_a_row_with_the_share_in_all():
    table = torch.tensor([[6, 2, 0], [0, 8, 0]])
    found = counting.lift(table)
    assert found[0, 0] == pytest.approx((6 / 8) / (6 / 16))
    assert found[1, 0] == 0
    assert found[1, 1] == pytest.approx((8 / 8) / (10 / 16))
    assert found[:, 2].isnan().all()


@pytest.mark.parametrize("with_background", [True, False])
def test_adjacency_counts_each_pair_of_neighbouring_cells_from_both_sides(model, with_background):
    K, (h, w) = model.config.num_embeddings, model.config.grid
    encoded = encode(model, make_digits(model.config, 5))
    expected = torch.zeros(K, K, dtype=torch.int64)
    for n in range(5):
        for row in range(h):
            for column in range(w):
                for other in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                    if not (0 <= other[0] < h and 0 <= other[1] < w):
                        continue
                    blank = encoded.background[n, row, column] or encoded.background[n, other[0], other[1]]
                    if with_background or not blank:
                        expected[encoded.codes[n, row, column], encoded.codes[n, other[0], other[1]]] += 1
    found = counting.adjacency(encoded, with_background, K)
    assert torch.equal(found, expected)
    assert torch.equal(found, found.t())


@pytest.mark.parametrize("count", [0, 5])
def test_fewer_cells_than_asked_for_are_all_given(count):
    cells = torch.arange(3 * count).view(count, 3)
    assert torch.equal(typical_cells(cells, 24, seed=0), cells)


def test_cells_of_a_code_can_leave_out_background():
    model = make_model(num_embeddings=3)
    encoded = encode(model, make_digits(model.config))
    for code in range(3):
        everywhere = encoded.cells_of(code, with_background=True)
        inked = encoded.cells_of(code, with_background=False)
        assert len(everywhere) == int((encoded.codes == code).sum())
        assert len(inked) == int(((encoded.codes == code) & ~encoded.background).sum())


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
