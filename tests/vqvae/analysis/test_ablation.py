"""What breaks without a code, held against a loop that bans it in the distances and draws every digit anew."""

import threading

import pytest
import torch

from vqvae import checkpoint as checkpoints
from vqvae import data
from vqvae.__main__ import main
from vqvae.analysis import ablation
from vqvae.analysis.ablation import DAMAGED, AblationJobs, ablate, content_key, redraw
from vqvae.background.array_cache import ArrayCache
from vqvae.background.jobs import CancelledError
from vqvae.checkpoint import SHIPPED, Checkpoint
from vqvae.data import to_unit
from vqvae.model import ModelConfig

SIZES = [
    ModelConfig(num_embeddings=12, embedding_dim=5),
    ModelConfig(num_embeddings=2, embedding_dim=3),
    ModelConfig(channels=3, height=16, width=24, num_embeddings=40, embedding_dim=4),
]


def by_hand(model, digits, variance, code=None):
    """The NMSE of each digit with a code out of reach of every cell: (N,)."""
    images = to_unit(digits.pixels)
    distances = model.vq_layer.distances(model.latents(images))
    if code is not None:
        distances[..., code] = torch.inf
    return (model.decode(distances.argmin(-1)) - images).square().flatten(1).mean(1).double() / variance


@pytest.mark.parametrize("config", SIZES, ids=["K12", "K2", "colour"])
def test_each_code_is_banned_as_by_hand(make_model, digits, config):
    model, digits = make_model(config), data.fitted(digits, config)
    found = ablate(model, digits, 0.1)
    whole = by_hand(model, digits, 0.1)
    assert found.nmse == pytest.approx(float(whole.mean()), rel=1e-5)
    for code in range(config.num_embeddings):
        without = by_hand(model, digits, 0.1, code)
        assert float(found.without[code]) == pytest.approx(float(without.mean()), rel=1e-5)
        growth = (without - whole)[found.digits_of(code)]
        users = (model.encode(digits.images) == code).flatten(1).any(1)
        assert len(growth) == min(DAMAGED, int(users.sum()))
        expected = (without - whole)[users].sort(descending=True).values[:DAMAGED]
        torch.testing.assert_close(growth, expected, rtol=1e-3, atol=1e-4)


def test_a_code_reaches_no_pixel_beyond_the_cells_around_its_own(make_model):
    config = ModelConfig(channels=3, height=28, width=36, num_embeddings=40)
    model = make_model(config)
    codes = torch.randint(0, 40, (1, *config.grid))
    for row, column in ((3, 4), (0, 0), (6, 8), (0, 5)):
        other = codes.clone()
        other[0, row, column] = (other[0, row, column] + 7) % 40
        touched = (model.decode(codes) - model.decode(other)).abs().amax((0, 1)) > 1e-5
        assert touched.any()
        touched[max(0, 4 * row - 4) : 4 * row + 8, max(0, 4 * column - 4) : 4 * column + 8] = False
        assert not touched.any()


def test_a_dead_code_damages_nothing(make_model, digits):
    model = make_model()
    found, codes = ablate(model, digits, 0.1), model.encode(digits.images)
    dead = [code for code in range(model.config.num_embeddings) if not (codes == code).any()]
    assert dead
    for code in dead:
        assert float(found.without[code]) == found.nmse
        assert not len(found.digits_of(code))


def test_the_ranking_begins_with_the_code_that_is_missed_most():
    without = torch.tensor([0.1, 0.4, 0.1, 0.2], dtype=torch.float64)
    assert ablation.Ablation(0.1, without, torch.zeros(4, DAMAGED)).ranking.tolist() == [1, 3, 0, 2]


def test_digits_are_drawn_with_a_code_and_without_it(make_model, digits):
    model = make_model()
    code = int(model.encode(digits.images).flatten().mode().values)
    redrawn = redraw(model, digits, 0.1, code)
    torch.testing.assert_close(redrawn.before.nmse.double(), by_hand(model, digits, 0.1), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(redrawn.after.nmse.double(), by_hand(model, digits, 0.1, code), rtol=1e-4, atol=1e-6)


def test_the_only_code_cannot_be_banned(make_model, digits):
    with pytest.raises(ValueError, match="at least two codes"):
        ablate(make_model(ModelConfig(num_embeddings=1)), digits, 0.1)


def test_the_share_done_grows_to_the_end_and_no_more_is_done_once_called_off(make_model, digits):
    heard = []
    ablate(make_model(), digits, 0.1, lambda share: heard.append(share) or True)
    assert heard == sorted(heard)
    assert heard[0] == 0
    assert heard[-1] == 1
    with pytest.raises(CancelledError):
        ablate(make_model(), digits, 0.1, lambda share: share < 0.3)


def test_a_key_changes_with_the_model_its_variance_and_the_pixels(make_model, digits):
    one = Checkpoint(make_model(), variance=0.1)
    keys = {
        content_key(one, digits),
        content_key(Checkpoint(make_model(seed=1), variance=0.1), digits),
        content_key(Checkpoint(make_model(), variance=0.2), digits),
        content_key(one, digits.take(torch.arange(59))),
    }
    assert len(keys) == 4
    assert content_key(Checkpoint(make_model(), variance=0.1), digits) in keys


def test_an_ablation_is_measured_in_the_background_once_and_kept_on_disk(make_model, digits, tmp_path, monkeypatch):
    checkpoint = Checkpoint(make_model(), variance=0.1)
    key, K = content_key(checkpoint, digits), checkpoint.model.config.num_embeddings
    gate, calls = threading.Event(), []

    def slowly(*arguments):
        calls.append(arguments)
        gate.wait(30)
        return ablate(*arguments)

    monkeypatch.setattr(ablation, "ablate", slowly)
    ablations = AblationJobs(ArrayCache(tmp_path))
    assert ablations.find(key, K) is None
    job = ablations.start(key, checkpoint, digits, "ann")
    assert ablations.start(key, checkpoint, digits, "bob") is job
    gate.set()
    job.join(60)
    assert job.error is None
    assert len(calls) == 1
    expected = ablate(checkpoint.model, digits, 0.1)
    for kept in (ablations.find(key, K), AblationJobs(ArrayCache(tmp_path)).find(key, K)):
        assert kept.nmse == pytest.approx(expected.nmse)
        assert torch.allclose(kept.without, expected.without)
        assert torch.equal(kept.damaged, expected.damaged)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_checkpoints_bring_their_ablations(name, tmp_path):
    """Of the checkpoint as it is: a few codes are measured again."""
    checkpoint, digits = checkpoints.load(SHIPPED[name]), data.load(data.EMBEDDED, "all")
    K = checkpoint.model.config.num_embeddings
    found = AblationJobs(ArrayCache(tmp_path)).find(content_key(checkpoint, digits), K)
    assert found is not None, "python -m vqvae ablate writes it"
    few = digits.take(found.digits_of(int(found.ranking[0])))
    redrawn = redraw(checkpoint.model, few, checkpoint.variance, int(found.ranking[0]))
    growth = redrawn.after.nmse - redrawn.before.nmse
    assert (growth > 0).all()
    assert (growth.diff() <= 1e-5).all()


def test_the_command_names_the_shipped_models_where_it_is_asked_for_others(capsys):
    assert main(["ablate", "unheard-of"]) == 1
    assert "expected shipped checkpoints out of default, tutorial" in capsys.readouterr().err
