"""What a codebook does on data, held against loops that say the same thing slowly."""

import pytest
import torch

from tests.vqvae.analysis.making import SIZES, make_digits, make_model
from vqvae.analysis import usage as counting
from vqvae.analysis.encoding import Encoded, encode
from vqvae.evaluation import perplexity
from vqvae.model import VQVAE


@pytest.fixture(params=SIZES)
def model(request) -> VQVAE:
    return make_model(**SIZES[request.param])


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
    encoded = Encoded(codes, torch.zeros(1, 1, 2), torch.tensor([[[True, False]]]), torch.tensor([7]), classes=10)
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
    found = counting.adjacency(encoded, with_background, torch.arange(K), K)
    assert torch.equal(found[:K, :K], expected)
    assert not found[K].any()
    assert torch.equal(found, found.t())
    assert torch.equal(counting.beside(encoded, with_background, 3 % K, K), expected[3 % K])
    some = torch.arange(K).flip(0)[:5]
    few = counting.adjacency(encoded, with_background, some, K)
    assert torch.equal(few[:-1, :-1], expected[some][:, some])
    assert torch.equal(few.sum(1)[:-1], expected.sum(1)[some])  # all others are one more code
    assert few.sum() == expected.sum()
