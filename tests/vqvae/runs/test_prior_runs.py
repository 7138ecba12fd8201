"""Priors for a visitor's own checkpoints, trained in the background: mostly in a thread, once in a child process."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.visiting import PATIENCE
from tests.vqvae.runs.test_runs import LONG, until
from vqvae import data, prior_file
from vqvae.checkpoint import Checkpoint, CheckpointError
from vqvae.data import DataError
from vqvae.limits import WAITING
from vqvae.model import VQVAE, ModelConfig
from vqvae.prior_training import PriorRecipe, PriorTraining, grids, quick_recipe, train
from vqvae.runs import own_checkpoints
from vqvae.runs.own_checkpoints import OwnCheckpoints, trained_on
from vqvae.runs.run import PriorRunConfig, Run, RunError
from vqvae.runs.visitor import Visitor, new_token

RECIPE = PriorRecipe(steps=6, batch_size=16, channels=8, blocks=1)
ENDLESS = replace(RECIPE, steps=1_000_000)


@pytest.fixture
def recipe(monkeypatch) -> Callable[[PriorRecipe], None]:
    """A function that makes a recipe the one of all priors; it begins with a short one."""

    def make(chosen: PriorRecipe) -> None:
        monkeypatch.setattr(own_checkpoints, "quick_recipe", lambda config, images: chosen)

    make(RECIPE)
    return make


@pytest.fixture
def mine(tmp_path, monkeypatch, recipe) -> OwnCheckpoints:
    monkeypatch.setenv("VQVAE_RUNS", str(tmp_path / "runs"))
    return OwnCheckpoints(Visitor(new_token()))


@pytest.fixture
def name(mine, make_model, digits) -> str:
    """A checkpoint that was trained on 48 of the embedded digits."""
    return mine.add(Checkpoint(make_model(), 0.1, dataset="digits", training_images=48), "one", digits).name


def expected(model: VQVAE) -> prior_file.TrainedPrior:
    """The prior of the same training without any of this."""
    images, test = (data.load("digits", split).evenly(48) for split in ("train", "test"))
    training = PriorTraining(grids(model, images), images.labels, model.config.num_embeddings, RECIPE)
    for _ in train(training):
        pass
    return prior_file.finished(training, "some", "digits", grids(model, test), test)


def ended(run: Run) -> None:
    """Wait until its child has left."""
    deadline = time.monotonic() + PATIENCE
    while run.alive() and time.monotonic() < deadline:
        time.sleep(0.01)


def is_as_expected(mine: OwnCheckpoints, name: str) -> bool:
    opened = mine.open(name)
    found, wanted = prior_file.load(mine.prior_file(name), opened.fingerprint), expected(opened.model)
    assert found is not None
    assert (found.dataset, found.images, found.measured) == ("digits", 48, wanted.measured)
    weights = wanted.prior.state_dict()
    return all(torch.equal(value, weights[key]) for key, value in found.prior.state_dict().items())


# From start to end


@pytest.fixture
def _one_thread():
    """As many as the child takes: sums over more of them end on other last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("_one_thread")
def test_a_process_of_its_own_trains_a_prior_and_leaves_it_beside_its_checkpoint(mine, name):
    run = mine.train_prior(name)
    status = until(run, "finished", "failed")
    assert (status.state, status.step, status.steps) == ("finished", 6, 6), status.message
    assert is_as_expected(mine, name)
    assert not list(run.folder.glob("*.safetensors"))  # nothing is left to go on with


def test_a_prior_learns_and_says_so_from_its_first_step_to_its_last(mine, name, children):
    run = mine.train_prior(name)
    until(run, "finished")
    history = run.prior_history()
    assert [metrics.step for metrics in history] == [1, 2, 3, 4, 5, 6]
    assert all(0 < metrics.nats < 4 for metrics in history)
    assert 0 < history[-1].held_out_nats < 4
    (figures,) = prior_file.load(mine.prior_file(name), mine.open(name).fingerprint).measured
    assert (figures.dataset, figures.split, figures.images) == ("digits", "test", 48)


def test_a_stopped_prior_goes_on_to_the_same_bits(mine, name, children):
    run = mine.train_prior(name)
    run.pause()
    until(run, "paused")
    run.step()
    until(run, "paused", step=1)
    run.step()
    saved = until(run, "paused", step=2).step
    run.stop()
    assert until(run, "stopped").saved == saved
    ended(run)
    mine.visitor.go_on_with_prior(run)
    until(run, "finished")
    assert is_as_expected(mine, name)
    assert [metrics.step for metrics in run.prior_history()] == [1, 2, 3, 4, 5, 6]


def test_a_prior_waits_for_its_turn_among_all_runs(mine, name, children):
    other = Visitor(new_token()).start(LONG)
    until(other, "running", step=1)
    run = mine.train_prior(name)
    assert until(run, "queued").before == 1
    other.stop()
    until(run, "finished")


def test_a_full_queue_takes_no_prior(mine, name, children, monkeypatch):
    monkeypatch.setenv(WAITING.name, "0")
    with pytest.raises(RunError, match="may wait here, and there would be"):
        mine.train_prior(name)


def test_a_visitor_trains_one_prior_at_a_time(mine, name, children, recipe, make_model, digits):
    other = mine.add(Checkpoint(make_model(seed=1), 0.1), "two", digits).name
    stopped = mine.train_prior(other)
    stopped.stop()
    until(stopped, "stopped", "finished")
    ended(stopped)
    recipe(ENDLESS)
    mine.train_prior(name)
    with pytest.raises(RunError, match="still training: stop it"):
        mine.train_prior(other)
    with pytest.raises(RunError, match="still training: stop it"):
        mine.visitor.go_on_with_prior(stopped)


# Deleted and taken back


def test_a_prior_goes_with_its_checkpoint_and_comes_back_with_it(mine, name, children):
    until(mine.train_prior(name), "finished")
    path = mine.prior_file(name)
    mine.delete(name)
    assert not path.exists()
    mine.undelete(name)
    assert is_as_expected(mine, name)


def test_what_is_gone_for_good_leaves_nothing_of_its_prior(mine, name, children, make_model, digits):
    run = mine.train_prior(name)
    until(run, "finished")
    other = mine.add(Checkpoint(make_model(seed=1), 0.1), "two", digits).name
    mine.delete(name)
    mine.delete(other)
    assert not [path for path in mine.folder.rglob("*") if name in str(path)]


def test_a_deletion_stops_the_training_which_goes_on_once_it_is_taken_back(mine, name, children, recipe):
    recipe(ENDLESS)
    run = mine.train_prior(name)
    until(run, "running", step=1)
    mine.delete(name)
    stopped = until(run, "stopped")
    mine.undelete(name)
    mine.prior_run(name).play()
    assert until(run, "running", step=stopped.step + 1)


def test_a_new_name_changes_nothing_for_the_prior(mine, name, children):
    until(mine.train_prior(name), "finished")
    mine.rename(name, "another")
    assert is_as_expected(mine, name)


# What goes wrong


def test_a_damaged_state_begins_again_and_says_so(mine, name, children, recipe):
    recipe(ENDLESS)
    run = mine.train_prior(name)
    until(run, "running", step=2)
    run.stop()
    until(run, "stopped")
    state = run.folder / "state.safetensors"
    state.write_bytes(state.read_bytes()[:100])
    run.play()
    run.pause()
    assert "damaged: it begins again by itself" in until(run, "paused").message


def test_a_full_disk_is_one_sentence_and_what_was_saved_stays(mine, name, children, recipe):
    recipe(ENDLESS)
    run = mine.train_prior(name)
    until(run, "running", step=1)
    run.pause()
    saved = until(run, "paused").saved
    run.history_file.unlink()
    run.history_file.symlink_to("/dev/full")  # every write there finds the disk full
    run.play()
    message = until(run, "failed").message
    assert "No space left on device" in message
    assert f"what was saved at step {saved} stays" in message


def test_images_that_have_disappeared_are_one_sentence(mine, name, children, monkeypatch):
    monkeypatch.setattr(data, "load", lambda *_: (_ for _ in ()).throw(DataError("The digits are gone.")))
    assert until(mine.train_prior(name), "failed").message.startswith("The digits are gone")


def test_a_checkpoint_that_is_damaged_is_one_sentence(mine, name, children):
    (mine.folder / f"{name}.safetensors").write_bytes(b"nothing")
    run = mine.visitor.train_prior(mine.folder / f"{name}.prior", PriorRunConfig(RECIPE, "digits", 48))
    assert "not a safetensors file, or is damaged" in until(run, "failed").message


def test_a_grid_above_sixteen_by_sixteen_is_refused_in_a_sentence(mine, make_model, digits, monkeypatch):
    model = make_model(ModelConfig(num_embeddings=4, embedding_dim=2, height=68, width=28))
    monkeypatch.setattr(mine, "open", lambda name: Checkpoint(model, 0.1))
    with pytest.raises(CheckpointError, match=r"17 x 7 codes.+16 x 16 at most.+smaller images"):
        mine.train_prior("own-0123456789ab")


def test_another_visitor_has_no_such_prior(mine, name):
    with pytest.raises(CheckpointError, match="no such checkpoint among yours"):
        OwnCheckpoints(Visitor(new_token())).train_prior(name)


def test_a_run_of_a_prior_is_none_of_a_model(mine, name, children):
    until(mine.train_prior(name), "finished")
    assert mine.visitor.current() is None
    with pytest.raises(RunError, match="does not say what to train"):
        mine.prior_run(name).config()


# What it is trained with


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"dataset": "mnist", "training_images": 60_000}, ("mnist", None)),
        ({"dataset": "kmnist", "training_images": 1_000}, ("kmnist", 1_000)),
        ({"dataset": "digits", "training_images": -3}, ("digits", None)),
        ({"dataset": "elsewhere"}, ("digits", None)),
        ({}, ("digits", None)),
    ],
)
def test_a_prior_learns_from_the_images_that_its_model_was_trained_on(said, expected, make_model):
    assert trained_on(Checkpoint(make_model(), 0.1, **said)) == expected


def test_a_step_takes_as_many_cells_of_a_large_grid_as_of_a_small_one():
    small, large = quick_recipe(ModelConfig(), 60_000), quick_recipe(ModelConfig(height=64, width=64), 60_000)
    assert small.steps == large.steps
    assert small.batch_size * 49 >= large.batch_size * 256 > 0.9 * small.batch_size * 49


def test_few_images_are_passed_over_a_bounded_number_of_times():
    recipe = quick_recipe(ModelConfig(), 256)
    assert recipe.steps * recipe.batch_size <= 70 * 256


@pytest.mark.parametrize("folder", ["runs/1", "comparison/0-one", "checkpoints/own-0123456789ab.prior"])
def test_a_folder_says_whether_it_trains_a_prior(folder):
    assert Run(Path(folder)).trains_prior == folder.endswith("prior")
