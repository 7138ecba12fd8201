"""A state on disk is taken up again by the same run, whatever version wrote it, and by no other."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from vqvae.data import Digits
from vqvae.runs.resume import STATE, go_on, keep
from vqvae.training import Hyperparameters, Training

RECIPE = Hyperparameters(
    batch_size=25, num_embeddings=6, embedding_dim=3, epochs=2, quantizer="ema", dead_code_replacement=True
)


@pytest.fixture
def left(tmp_path, digits: Digits):
    """Leave a run after its first step in the folder, which then says of it what is given."""
    run = Training(digits, RECIPE, torch.device("cpu"))
    run.step()
    keep(run, tmp_path, tmp_path / "model.safetensors")
    said = {"dataset": digits.dataset, "images": len(digits), **vars(RECIPE)}

    def say(said: object) -> None:
        save_file(load_file(tmp_path / STATE), tmp_path / STATE, {"run": json.dumps(said)})

    return said, say


def taken_up(folder, digits: Digits, recipe: Hyperparameters = RECIPE) -> int:
    run = Training(digits, recipe, torch.device("cpu"))
    go_on(run, folder)
    return run.step_count


def test_a_run_goes_on_where_it_was_left_whatever_it_prints(left, tmp_path, digits):
    assert taken_up(tmp_path, digits) == 1
    assert taken_up(tmp_path, digits, replace(RECIPE, print_freq=7)) == 1


def test_a_state_of_an_earlier_version_goes_on(left, tmp_path, digits):
    said, say = left
    former = {"kmeans_init": "kmeans_start", "dead_code_replacement": "revival"}
    say({former.get(name, name): value for name, value in said.items() if name != "print_freq"})
    assert taken_up(tmp_path, digits) == 1
    del said["kmeans_init"]  # as if there had been no such thing yet: it is off by default
    say(said)
    assert taken_up(tmp_path, digits) == 1


@pytest.mark.parametrize(
    "change",
    [{"dead_code_replacement": False}, {"seed": 1}, {"images": 59}, {"dataset": "kmnist"}, {"unheard_of": 1}],
    ids=str,
)
def test_another_run_does_not(left, tmp_path, digits, change):
    said, say = left
    say(said | change)
    with pytest.raises(ValueError, match="holds another run"):
        taken_up(tmp_path, digits)


@pytest.mark.parametrize("nonsense", [None, 7, [], "run", {}], ids=str)
def test_nonsense_is_no_run(left, tmp_path, digits, nonsense):
    left[1](nonsense)
    with pytest.raises(ValueError, match="holds another run"):
        taken_up(tmp_path, digits)
