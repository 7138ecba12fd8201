"""The codes that draw a picture best, held against trying every code on whole pictures."""

import pytest
import torch

from tests.vqvae.analysis.making import make_digits, make_model
from vqvae import checkpoint
from vqvae.analysis.best_codes import best_codes, gain, load, record
from vqvae.checkpoint import Checkpoint
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


# What the choice of codes costs a model


@pytest.fixture
def models() -> list[Checkpoint]:
    return [Checkpoint(make_model(num_embeddings=K, embedding_dim=5), variance=0.1) for K in (2, 6)]


@pytest.fixture
def few(digits):
    return digits.evenly(3)


def test_a_gain_is_the_error_of_the_nearest_codes_and_of_the_best(models, few):
    for one in models:
        codes = one.model.encode(few.images)
        better = best_codes(one.model, few.images, codes)
        nearest, best, changed = gain(one, few)
        for grid, nmse in ((codes, nearest), (better, best)):
            expected = errors(one.model, few.images, grid).sum() / few.images.numel() / one.variance
            assert nmse == pytest.approx(float(expected), rel=1e-5)
        assert changed == pytest.approx(float((codes != better).float().mean()))


def test_the_gains_of_models_are_written_down_one_by_one_and_measured_once(models, few, tmp_path, monkeypatch):
    path, asked = tmp_path / "gains.json", iter([False, True])
    (first,) = record(path, models, few, lambda: next(asked))
    both = list(record(path, models, few))
    assert both[0] == first
    assert load(path) == (few.dataset, few.split, 3, dict(zip((one.fingerprint for one in models), both, strict=True)))
    monkeypatch.setattr("vqvae.analysis.best_codes.gain", lambda *_: pytest.fail("measured again"))
    assert list(record(path, models, few)) == both


def test_gains_on_other_images_are_measured_anew(models, few, tmp_path):
    path = tmp_path / "gains.json"
    list(record(path, models, few))
    list(record(path, models[:1], few.take(slice(2))))
    found = load(path)
    assert (found.images, set(found.models)) == (2, {models[0].fingerprint})


@pytest.mark.parametrize("models", ["1", '{"a": [-1, 0, 0]}', '{"a": [1, 2]}', '{"a": ["1", 0, 0]}'])
def test_gains_that_cannot_be_read_are_none(models, tmp_path):
    path = tmp_path / "gains.json"
    assert load(path) is None
    path.write_text(f'{{"dataset": "mnist", "split": "test", "images": 1, "models": {models}}}')
    assert load(path) is None


def test_what_ships_is_the_gain_of_every_rung_of_the_ladder_and_of_the_default():
    shipped = load()
    paths = [*(checkpoint.ASSETS / "ladder").glob("codes-*.safetensors"), checkpoint.SHIPPED["default"]]
    rungs = [checkpoint.load(path) for path in paths]
    assert (shipped.dataset, shipped.split) == ("mnist", "test")
    assert set(shipped.models) == {one.fingerprint for one in rungs}
    for one in rungs:
        measured = shipped.models[one.fingerprint]
        assert measured.best < measured.nearest == pytest.approx(one.measured[0].nmse, rel=0.1)
