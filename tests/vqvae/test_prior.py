"""The prior: what it is trained on, what it says, what it writes, and what is kept of it."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from vqvae import prior_file
from vqvae.checkpoint import CheckpointError
from vqvae.prior import Prior, PriorConfig, hide, mean_nats, nats, surprise, uniform, write
from vqvae.prior_file import TrainedPrior
from vqvae.prior_training import PriorRecipe, PriorTraining, train

SMALL = PriorConfig(num_embeddings=5, height=3, width=4, classes=2, channels=6, blocks=2)


def of_random_weights(config: PriorConfig = SMALL) -> Prior:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        prior = Prior(config)
        for parameter in prior.parameters():
            nn.init.normal_(parameter, std=0.3)
    return prior.requires_grad_(False).eval()


def grids(count: int, config: PriorConfig = SMALL) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, config.num_embeddings, (count, config.height, config.width), generator=generator)


def test_exactly_as_many_cells_are_hidden_as_asked_for_and_the_others_stay():
    codes, counts = grids(24), torch.arange(24) % 12 + 1
    given, where = hide(codes, counts, 5, torch.Generator().manual_seed(0))
    assert torch.equal(where.flatten(1).sum(1), counts)
    assert (given[where] == 5).all()
    assert torch.equal(given[~where], codes[~where])


def test_each_cell_is_hidden_equally_often():
    _, where = hide(grids(1).expand(6000, 3, 4), torch.full((6000,), 4), 5, torch.Generator().manual_seed(0))
    share = where.float().mean(0)
    assert (share - 4 / 12).abs().max() < 4 * math.sqrt(4 / 12 * 8 / 12 / 6000)


def test_what_is_hidden_cannot_be_seen():
    """Two grids that differ in hidden cells alone are one to the prior."""
    prior, codes = of_random_weights(), grids(2)
    one, other = codes
    given = torch.stack([one, torch.where(torch.arange(12).view(3, 4) % 3 == 0, other, one)])
    given[:, torch.arange(12).view(3, 4) % 3 == 0] = prior.hidden
    first, second = prior.probabilities(given, torch.zeros(2, dtype=torch.int64))
    assert torch.equal(first, second)


def test_the_nats_are_the_mean_surprise_of_the_hidden_codes():
    prior, codes, classes = of_random_weights(), grids(3), torch.tensor([0, 1, 2])
    counts = torch.tensor([1, 5, 12])
    found = nats(prior, codes, classes, counts, torch.Generator().manual_seed(9))
    given, where = hide(codes, counts, prior.hidden, torch.Generator().manual_seed(9))
    for n in range(3):
        chances = prior.probabilities(given[n : n + 1], classes[n : n + 1])[0]
        by_hand = [-math.log(chances[cell][codes[n][cell]]) for cell in map(tuple, where[n].nonzero().tolist())]
        assert math.isclose(found[n], sum(by_hand) / len(by_hand), rel_tol=1e-5)


def test_a_prior_that_knows_nothing_needs_log_k_nats_a_code():
    prior = of_random_weights()
    nn.init.zeros_(prior.head[1].weight)
    nn.init.zeros_(prior.head[1].bias)
    assert math.isclose(mean_nats(prior, grids(20), torch.zeros(20, dtype=torch.int64)), math.log(5), rel_tol=1e-5)


def test_the_surprise_of_a_cell_is_that_of_its_code_with_it_alone_hidden():
    prior, codes = of_random_weights(), grids(1)[0]
    found = surprise(prior, codes, 1)
    for row in range(3):
        for column in range(4):
            given = codes.clone().unsqueeze(0)
            given[0, row, column] = prior.hidden
            chance = prior.probabilities(given, torch.tensor([1]))[0, row, column, codes[row, column]]
            assert math.isclose(found[row, column], -math.log(chance), rel_tol=1e-4)


def test_guidance_counts_what_the_class_changes_so_many_times():
    """In logits: what the class adds to those without it, two and a half times."""
    prior, codes = of_random_weights(), grids(3)
    given, _ = hide(codes, torch.full((3,), 7), prior.hidden, torch.Generator().manual_seed(1))
    with_class, without = (prior.probabilities(given, torch.full((3,), label)).log() for label in (1, prior.any_class))
    expected = (without + 2.5 * (with_class - without)).softmax(-1)
    assert torch.allclose(prior.probabilities(given, torch.full((3,), 1), 2.5), expected, atol=1e-5)


def test_guidance_changes_nothing_where_no_class_is_asked_for():
    prior, codes = of_random_weights(), grids(3)
    any_class = torch.full((3,), prior.any_class)
    assert torch.allclose(prior.probabilities(codes, any_class, 3.0), prior.probabilities(codes, any_class), atol=1e-6)


@pytest.mark.parametrize("order", ["certain", "rows", "random"])
def test_writing_leaves_what_stands_and_fills_the_rest(order):
    prior, codes = of_random_weights(), grids(6)
    given, where = hide(codes, torch.full((6,), 7), prior.hidden, torch.Generator().manual_seed(1))
    written = write(prior, given, torch.zeros(6, dtype=torch.int64), torch.arange(6), order, stride=2)
    assert torch.equal(written[~where], codes[~where])
    assert 0 <= written.min()
    assert written.max() < prior.hidden


def test_the_first_code_is_drawn_by_its_probability():
    """Over many seeds, the code of the first cell, row by row, comes as often as the prior says."""
    prior, many = of_random_weights(PriorConfig(5, 1, 2, 1, 6, 1)), 4000
    empty = torch.full((many, 1, 2), prior.hidden)
    classes = torch.zeros(many, dtype=torch.int64)
    expected = prior.probabilities(empty[:1], classes[:1])[0, 0, 0]
    written = write(prior, empty, classes, torch.arange(many), "rows")[:, 0, 0]
    found = torch.bincount(written, minlength=5) / many
    assert (found - expected).abs().max() < 4 * 0.5 / math.sqrt(many)


def test_at_a_low_temperature_the_likeliest_code_is_written():
    prior = of_random_weights(PriorConfig(5, 1, 1, 1, 6, 1))
    empty, classes = torch.full((50, 1, 1), prior.hidden), torch.zeros(50, dtype=torch.int64)
    likeliest = prior.probabilities(empty, classes).argmax(-1)
    assert torch.equal(write(prior, empty, classes, torch.arange(50), temperature=0.01), likeliest)


def test_the_most_certain_cell_is_written_first():
    """One step of all but one cell: the one left hidden is the one that the prior was least sure of."""
    prior = of_random_weights()
    empty, classes = torch.full((1, 3, 4), prior.hidden), torch.tensor([0])
    sure = prior.probabilities(empty, classes)[0].amax(-1)
    one = write(prior, empty, classes, torch.tensor([3]), stride=12)  # all at once, from the first probabilities
    two = write(prior, empty, classes, torch.tensor([3]), stride=11)
    apart = (one != two)[0]
    assert not apart.any() or apart.nonzero().tolist() == [list(divmod(int(sure.argmin()), 4))]


def test_chance_is_even_over_seeds_and_places():
    numbers = uniform(torch.arange(300).unsqueeze(1), torch.arange(98))
    assert 0 <= numbers.min()
    assert numbers.max() < 1
    assert abs(numbers.mean() - 0.5) < 4 * math.sqrt(1 / 12 / numbers.numel())
    counts = torch.histc(numbers, 20, 0, 1) / numbers.numel()
    assert (counts - 0.05).abs().max() < 0.005
    beside = torch.corrcoef(torch.stack([numbers[:, :-1].flatten(), numbers[:, 1:].flatten()]))[0, 1]
    assert abs(beside) < 0.03


@pytest.mark.parametrize("wrong", [{"order": "backwards"}, {"temperature": 0.0}])
def test_an_unknown_order_or_no_temperature_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        write(of_random_weights(), grids(1), torch.tensor([0]), torch.tensor([0]), **wrong)


def test_codes_out_of_range_are_refused():
    prior = of_random_weights()
    with pytest.raises(ValueError, match="expected codes from 0 to 5, got 0 to 6"):
        prior.probabilities(grids(1).clamp_max(0) + torch.tensor([[[6] + [0] * 3] + [[0] * 4] * 2]), torch.tensor([0]))


# Training.

RECIPE = PriorRecipe(steps=12, batch_size=16, channels=8, blocks=1, lr=1e-2)


def striped() -> tuple[torch.Tensor, torch.Tensor]:
    """Grids whose code is one and the same in all cells, 0 to 3; the class says whether it is even."""
    codes = (torch.arange(64) % 4).view(-1, 1, 1).expand(64, 3, 4).contiguous()
    return codes, torch.arange(64) % 2


def test_a_class_that_no_training_image_has_can_be_measured():
    codes, labels = striped()
    prior = PriorTraining(codes, labels, 5, RECIPE, classes=4).prior
    assert prior.any_class == 4
    assert math.isfinite(mean_nats(prior, codes, torch.full_like(labels, 3)))


def test_training_learns_what_there_is_to_learn():
    """One visible cell tells all others: what is left is the first code, ln 2 nats in 12 cells with the class."""
    codes, labels = striped()
    training = PriorTraining(codes, labels, 5, PriorRecipe(steps=300, batch_size=16, channels=12, blocks=2, lr=1e-2))
    for _ in train(training):
        pass
    prior = training.prior.eval()
    assert mean_nats(prior, codes, labels) < 1.5 * math.log(2) / 12 + 0.03
    assert mean_nats(prior, codes, torch.full((64,), prior.any_class)) < 1.5 * math.log(4) / 12 + 0.03


def test_a_training_that_was_interrupted_goes_on_to_the_same_bits(tmp_path):
    straight, first, second = (PriorTraining(*striped(), 5, RECIPE) for _ in range(3))
    for _ in train(straight):
        pass
    for _ in range(5):
        first.step()
    prior_file.keep(first, "a model", tmp_path / "state")
    prior_file.go_on(second, "a model", tmp_path / "state")
    for _ in train(second):
        pass
    for name, value in straight.prior.state_dict().items():
        assert torch.equal(value, second.prior.state_dict()[name]), name


def test_a_prior_with_one_block_more_begins_with_all_that_its_start_knows():
    codes, labels = striped()
    start = PriorTraining(codes, labels, 5, RECIPE)
    for _ in train(start):
        pass
    longer = PriorTraining(codes, labels, 5, replace(RECIPE, blocks=2, steps_before=12), start.prior)
    shown = codes.where(torch.arange(12).view(3, 4) % 3 > 0, 5)
    assert torch.equal(longer.prior.probabilities(shown, labels), start.prior.probabilities(shown, labels))


def test_a_start_of_other_sizes_is_refused():
    start = PriorTraining(*striped(), 5, replace(RECIPE, blocks=2)).prior
    with pytest.raises(ValueError, match="expected a prior of these sizes to begin with"):
        PriorTraining(*striped(), 5, RECIPE, start)


def test_a_state_of_another_training_is_refused(tmp_path):
    training = PriorTraining(*striped(), 5, RECIPE)
    training.step()
    prior_file.keep(training, "a model", tmp_path / "state")
    with pytest.raises(ValueError, match="holds another training"):
        prior_file.go_on(PriorTraining(*striped(), 5, RECIPE), "another model", tmp_path / "state")


# Files.


def trained(model: str = "0123456789ab") -> TrainedPrior:
    return TrainedPrior(prior_file.rounded(of_random_weights()), model, "digits", 64, RECIPE)


def test_a_prior_comes_back_from_its_file_to_the_last_bit(tmp_path):
    path = tmp_path / "some.prior.safetensors"
    prior_file.save(trained(), path)
    found = prior_file.load(path, "0123456789ab")
    assert found is not None
    assert (found.dataset, found.images, found.recipe) == ("digits", 64, RECIPE)
    for name, value in trained().prior.state_dict().items():
        assert torch.equal(value, found.prior.state_dict()[name])


def test_another_models_prior_is_none(tmp_path):
    prior_file.save(trained(), tmp_path / "some.prior.safetensors")
    assert prior_file.load(tmp_path / "some.prior.safetensors", "another") is None
    assert prior_file.load(tmp_path / "nothing", "another") is None


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"nothing", lambda b: b.replace(b"conv", b"vnoc")]
)
def test_a_damaged_prior_is_one_sentence(damage, tmp_path):
    path = tmp_path / "some.prior.safetensors"
    prior_file.save(trained(), path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError, match="is not a prior, or is damaged"):
        prior_file.load(path, "0123456789ab")
