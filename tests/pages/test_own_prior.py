"""A prior for one's own model, asked for on Train and on Generate, without a browser; its training is a thread."""

import time
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui import resources
from tests.visiting import PATIENCE, text_of, visit
from vqvae import data
from vqvae.checkpoint import SHIPPED, Checkpoint, load
from vqvae.evaluation import Evaluation
from vqvae.limits import WAITING
from vqvae.model import ModelConfig
from vqvae.prior_training import PriorRecipe
from vqvae.runs import cost, own_checkpoints
from vqvae.runs.cost import Cost
from vqvae.runs.own_checkpoints import OwnCheckpoints
from vqvae.runs.run import Run
from vqvae.runs.visitor import Visitor, new_token

RECIPE = PriorRecipe(steps=6, batch_size=16, channels=8, blocks=1)
NONE = "This model has no prior yet"


@pytest.fixture(autouse=True)
def _quick(children, monkeypatch):
    """Priors have a short recipe; steps are not tried, and models not measured."""
    figures = Evaluation(data.EMBEDDED, "all", 5_000, 0.01, 0.1, 20.0, 4.0, 8)
    monkeypatch.setattr(cost, "step_cost", lambda recipe, image_shape, report: Cost(0.05, 50 * 2**20))
    resources.estimates.clear()
    monkeypatch.setattr(resources, "figures_on_digits", lambda checkpoint: figures)
    monkeypatch.setattr(own_checkpoints, "quick_recipe", lambda config, images: RECIPE)


@pytest.fixture
def endless(monkeypatch):
    monkeypatch.setattr(own_checkpoints, "quick_recipe", lambda config, images: replace(RECIPE, steps=1_000_000))


@pytest.fixture
def token() -> str:
    return new_token()


@pytest.fixture
def mine(token) -> OwnCheckpoints:
    return OwnCheckpoints(Visitor(token))


@pytest.fixture
def keep(mine, make_model, digits):
    """A function that keeps a model with what its file says: its name."""

    def keep(config: ModelConfig | None = None, title: str = "one", seed: int = 0, **said: object) -> str:
        model = make_model(config, seed) if config else make_model(seed=seed)
        return mine.add(Checkpoint(model, 0.1, **said), title, digits).name

    return keep


@pytest.fixture
def name(keep) -> str:
    """A checkpoint that was trained on 48 of the embedded digits."""
    return keep(dataset="digits", training_images=48)


def button(page: AppTest, label: str):
    (found,) = [button for button in page.button if button.label == label]
    return found


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


def bars(page: AppTest) -> list[str]:
    """What the bars of progress say."""
    return [bar.proto.text for bar in page.get("progress")]


def until(run: Run, *states: str, step: int = 0) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not (run.status().state in states and run.status().step >= step):
        time.sleep(0.01)
    assert run.status().state in states, run.status()


def test_generate_trains_the_prior_of_a_model_without_one_and_writes_with_it(token, mine, name):
    page = visit("generate", token=token, model=name)
    said = text_of(page)
    assert NONE in said
    assert "learns from 48 embedded digits (their training part)" in said
    assert "measured on 48 embedded digits (their held-out part)" in said
    page = button(page, "Train its prior").click().run()
    until(mine.prior_run(name), "finished")
    page = page.run()
    assert NONE not in text_of(page)
    assert page.session_state["generate.start"].fingerprint == mine.open(name).fingerprint
    assert "measured on 48 embedded digits (their held-out part)" in text_of(page)


def test_train_shows_how_far_it_is_stops_it_and_goes_on(token, mine, name, endless):
    page = button(visit("train", token=token), "Train its prior").click().run()
    run = mine.prior_run(name)
    until(run, "running", step=2)
    page = page.run()
    assert any("Training its prior. Step" in bar and "left" in bar for bar in bars(page))
    assert "of the training batches and of 48 embedded digits (their held-out part)" in text_of(page)
    button(page, "Stop").click().run()
    until(run, "stopped")
    stopped = run.status().step
    page = page.run()
    assert {"Go on with its prior", "Train it from the start"} <= set(labels(page))
    button(page, "Go on with its prior").click().run()
    until(run, "running", step=stopped + 1)


def test_a_finished_prior_says_what_it_takes_and_is_tried_in_generate(token, mine, name):
    until(mine.train_prior(name), "finished")
    page = visit("train", token=token)
    assert "nats a code where it knows the class" in text_of(page)
    assert "measured on 48 embedded digits (their held-out part)" in text_of(page)
    page = button(page, "Try it in Generate").click().run()
    assert page.title[0].value == "Generate"
    assert page.session_state["generate.start"].fingerprint == mine.open(name).fingerprint


def test_generate_has_a_line_of_progress_while_it_is_trained(token, mine, name, endless):
    until(mine.train_prior(name), "running", step=1)
    page = visit("generate", token=token, model=name)
    assert len(bars(page)) == 1
    assert "Train its prior" not in labels(page)


def test_on_a_stage_there_is_progress_and_no_button(token, mine, name, endless):
    assert not {"Train its prior", "Stop"} & set(labels(visit("generate", token=token, model=name, present="1")))
    until(mine.train_prior(name), "running", step=1)
    page = visit("generate", token=token, model=name, present="1")
    assert len(bars(page)) == 1
    assert not {"Train its prior", "Stop"} & set(labels(page))


def test_the_checkpoint_whose_prior_is_trained_is_the_one_that_train_opens_with(token, mine, name, keep, endless):
    newest = keep(title="two", seed=1)
    run = mine.train_prior(name)
    until(run, "running", step=1)
    assert visit("train", token=token).session_state["train.one"] == name
    run.stop()
    until(run, "stopped")
    assert visit("train", token=token).session_state["train.one"] == newest
    run.report(run.status()._replace(message="The app that began it ended."))
    assert visit("train", token=token).session_state["train.one"] == name


def test_another_visitor_sees_nothing_of_it(mine, name):
    until(mine.train_prior(name), "finished")
    page = visit("generate", token=new_token(), model=name)
    assert page.session_state["generate.start"].fingerprint != mine.open(name).fingerprint


def test_a_damaged_prior_is_one_sentence_and_trained_again(token, mine, name):
    until(mine.train_prior(name), "finished")
    mine.prior_file(name).write_bytes(b"nothing")
    page = visit("generate", token=token, model=name)
    assert "Its prior is damaged or gone: train it again." in text_of(page)
    button(page, "Train its prior").click().run()
    until(mine.prior_run(name), "finished")
    assert NONE not in text_of(page.run())


def test_images_that_are_not_there_are_fetched_on_train(token, keep, tmp_path, monkeypatch):
    monkeypatch.setenv("VQVAE_DATA", str(tmp_path / "data"))
    name = keep(dataset="kmnist", training_images=60_000)
    page = visit("generate", token=token, model=name)
    assert "It would learn from KMNIST" in text_of(page)
    assert "download it on the Train page" in text_of(page)
    assert button(page, "Train its prior").disabled
    page = visit("train", token=token, data="kmnist")
    assert labels(page).count("Download KMNIST") == 2
    assert button(page, "Train its prior").disabled


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (ModelConfig(num_embeddings=4, embedding_dim=2, height=68, width=28), "train a model of smaller images"),
        (ModelConfig(num_embeddings=4096, embedding_dim=512), "pick another one, or train a smaller one"),
    ],
    ids=["grid", "weights"],
)
def test_a_model_that_gets_no_prior_is_told_why_and_what_to_do(token, keep, config, sentence, monkeypatch):
    monkeypatch.setattr(own_checkpoints, "check_size", lambda config: None)
    name = keep(config)
    for page in (visit("generate", token=token, model=name), visit("train", token=token)):
        assert sentence in text_of(page)
        assert "Train its prior" not in labels(page)


def test_a_full_queue_is_one_sentence_beside_the_button(token, name, monkeypatch):
    monkeypatch.setenv(WAITING.name, "0")
    page = button(visit("generate", token=token, model=name), "Train its prior").click().run()
    assert "may wait here, and there would be" in page.error[0].value


def test_a_shipped_model_without_a_prior_gets_one_as_a_copy_of_ones_own(token, mine, endless):
    page = visit("generate", token=token, model="plane")
    assert NONE in text_of(page)
    page = page.button(key="generate.prior.copy").click().run()
    (copy,) = mine.entries()
    assert page.selectbox[0].value == copy.name
    assert mine.open(copy.name).fingerprint == load(SHIPPED["plane"]).fingerprint
    assert "Training its prior" in text_of(page) or mine.prior_run(copy.name).alive()
    mine.prior_run(copy.name).stop()
