"""The ladder: trained once, resumed where it stopped, rounded before it is measured."""

from dataclasses import replace

import pytest
import torch

from vqvae import checkpoint
from vqvae.checkpoint import rounded
from vqvae.evaluation import evaluate
from vqvae.runs import ladder
from vqvae.runs.ladder import build, load, unquantised_nmse
from vqvae.runs.resume import as_checkpoint, keep
from vqvae.training import RECOMMENDED, Training, train


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """A ladder of two rungs and few steps."""
    monkeypatch.setattr(ladder, "RECOMMENDED", replace(RECOMMENDED, batch_size=16, epochs=3))
    for name, value in {"CODES": (2, 6), "EPOCHS": 2, "STEPS": (0, 3), "STAGE_EPOCHS": (1,)}.items():
        monkeypatch.setattr(ladder, name, value)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def built(tmp_path, digits):
    """A whole ladder's folder."""
    outcomes = list(build(tmp_path / "out", tmp_path / "work", digits, digits))
    assert not any(one.kept for one in outcomes)
    return tmp_path / "out"


def test_the_ladder_holds_codebooks_stages_and_what_no_codebook_costs(built, digits):
    found = load(built)
    assert [one.model.config.num_embeddings for one in found.codes] == [2, 6]
    assert [one.steps for one in found.stages] == [0, 3, 4]
    assert found.unquantised.images == len(digits)
    assert found.unquantised.steps == 8


def test_a_ladder_interrupted_at_any_step_comes_out_the_same(built, tmp_path, digits):
    for _ in range(100):
        asked = iter([False, False, True])
        outcomes = list(build(tmp_path / "b", tmp_path / "w", digits, digits, lambda asked=asked: next(asked, True)))
        if len(outcomes) == len(files(built)):
            break
    assert files(tmp_path / "b") == files(built)


def test_finished_rungs_are_not_trained_again(built, tmp_path, digits, monkeypatch):
    monkeypatch.setattr(Training, "step", lambda run: pytest.fail("a step"))
    assert all(one.kept for one in build(built, tmp_path / "elsewhere", digits, digits))


def test_a_rung_of_other_images_is_trained_anew(built, tmp_path, digits):
    fewer = digits.evenly(32)
    assert not any(one.kept for one in build(built, tmp_path / "elsewhere", fewer, fewer))


def test_a_rung_that_the_train_command_has_finished_is_taken_up(built, tmp_path, digits):
    run = Training(digits, replace(ladder.RECOMMENDED, num_embeddings=2, epochs=2))
    list(train(run))
    keep(run, tmp_path / "theirs/2.run", tmp_path / "theirs/2.safetensors")
    watched = []
    list(build(tmp_path / "c", tmp_path / "theirs", digits, digits, watch=lambda name, *rest: watched.append(name)))
    assert "K = 6" in watched
    assert "K = 2" not in watched
    assert files(tmp_path / "c") == files(built)


def test_a_rung_is_measured_as_it_ships(built, digits):
    for rung in (*load(built).codes, *load(built).stages):
        assert rung.measured == (evaluate(rung.model, digits, rung.variance),)
        for tensor in rung.model.state_dict().values():
            assert torch.equal(tensor, tensor.half().float())


def test_without_a_codebook_the_decoder_gets_the_encoders_own_vectors(digits):
    run = Training(digits, ladder.RECOMMENDED)
    model = as_checkpoint(run).model
    passed = model.decoder(model.encoder(digits.images - model.config.offset)) + model.config.offset
    expected = float((passed - digits.images).square().mean()) / digits.variance
    assert unquantised_nmse(as_checkpoint(run), digits) == pytest.approx(expected, rel=1e-5)


def test_a_damaged_rung_is_left_out(built):
    (built / "codes-2.safetensors").write_bytes(b"nothing")
    (built / "unquantised.json").write_text('{"nmse": -1}')
    assert [one.model.config.num_embeddings for one in load(built).codes] == [6]
    assert load(built).unquantised is None


def test_half_precision_comes_back_as_the_rounded_weights(tmp_path):
    whole = checkpoint.load(checkpoint.SHIPPED["default"])
    checkpoint.save(rounded(whole), tmp_path / "half.safetensors", torch.float16)
    again = checkpoint.load(tmp_path / "half.safetensors")
    assert again.fingerprint == rounded(whole).fingerprint != whole.fingerprint
    assert rounded(again).fingerprint == again.fingerprint
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], tensor.half().float())


# What ships


def test_the_shipped_ladder_is_small():
    assert sum(path.stat().st_size for path in ladder.SHIPPED.iterdir()) < 4 * 10**6


def test_every_shipped_rung_was_measured_on_all_test_digits():
    found = load()
    for rung in (*found.codes, *found.stages):
        (figures,) = rung.measured
        assert (figures.dataset, figures.split, figures.images) == ("mnist", "test", 10_000)
        assert rung.training_images == 60_000
    assert [rung.steps for rung in found.stages] == [0, 10, 100, 469, 1000, 2345]


def test_a_shipped_rung_evaluates_to_its_stored_figures(full_test_set):
    rung = next(one for one in load().stages if one.steps == 1000)
    measured = evaluate(rung.model, full_test_set, rung.variance)
    assert measured[3:] == pytest.approx(rung.measured[0][3:], rel=1e-3)
