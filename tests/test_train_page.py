"""The Train page's logic, its figures and the estimate; what needs a browser is in tests/browser."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from pages.ui import lab, resources, training_figures
from vqvae import checkpoint as checkpoints
from vqvae import comparison, data, runs, worker
from vqvae.collection import Collection
from vqvae.estimate import Cost, step_cost
from vqvae.recording import Moment, code_paths
from vqvae.runs import Order, Run, Visitor, new_token
from vqvae.training import EFFECTS, RECOMMENDED, TUTORIAL

APP = str(Path(__file__).parents[1] / "app.py")
QUICK = {"images": "48", "num_embeddings": "8", "embedding_dim": "4", "batch_size": "16", "epochs": "3"}
PATIENCE = 180  # seconds: the machine may be busy


@pytest.fixture(autouse=True)
def _children_are_threads(tmp_path, monkeypatch):
    """Runs in a folder of the test's own, done by threads; a step costs what it says here."""
    threads = {}

    class Child:
        def __init__(self, thread):
            self.thread = thread

        def poll(self):
            return None if self.thread.is_alive() else 0

    def spawn(folder: Path, log: object) -> None:
        threads[folder] = threading.Thread(target=worker.work, args=(folder,), daemon=True)
        threads[folder].start()

    monkeypatch.setenv("VQVAE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(runs._children, "start", spawn)
    monkeypatch.setattr(runs._children, "get", lambda folder: Child(threads[folder]) if folder in threads else None)
    monkeypatch.setattr(worker, "_watch_server", lambda: lambda: False)
    monkeypatch.setattr(worker, "PUBLISH_EVERY", 0.0)
    monkeypatch.setattr(resources, "step_cost", lambda recipe: Cost(0.05, 50 * 2**20))
    yield
    for folder, thread in threads.items():
        if folder.exists():
            Run(folder).stop()
        thread.join(PATIENCE)


def open_page(token: str | None, **address: str) -> AppTest:
    """The page in a new session of the visitor with this token, as from a link with these fields."""
    page = AppTest.from_file(APP, default_timeout=PATIENCE).switch_page("pages/train.py")
    if token is not None:
        page.session_state["visitor.token"] = token
    for name, value in address.items():
        page.query_params[name] = value
    return page.run()


def text_of(page: AppTest) -> str:
    assert not page.exception
    kinds = (page.subheader, page.markdown, page.caption, page.warning, page.error)
    return "\n".join(element.value for kind in kinds for element in kind)


def button(page: AppTest, label: str):
    (found,) = [button for button in page.button if button.label == label]
    return found


def until(run: Run, *states: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while run.status().state not in states and time.monotonic() < deadline:
        time.sleep(0.02)
    assert run.status().state in states


@pytest.fixture
def token() -> str:
    return new_token()


# Before a run


def test_recommended_is_selected_when_the_page_opens(token):
    page = open_page(token)
    assert page.session_state["train.preset"] == "recommended"
    assert page.session_state["train.lr"] == RECOMMENDED.lr
    assert page.session_state["train.quantizer"] == "ema"


def test_the_tutorials_recipe_is_taken_untouched(token):
    page = open_page(token)
    page.button_group(key="train.preset").set_value("tutorial").run()
    for name in ("lr", "quantizer", "schedule", "kmeans_start", "revival", "epochs", "batch_size", "commitment_cost"):
        assert page.session_state[f"train.{name}"] == getattr(TUTORIAL, name)
    assert page.session_state["train.preset"] == "tutorial"


def test_a_recipe_of_ones_own_is_neither_preset(token):
    assert open_page(token, num_embeddings="64").session_state["train.preset"] is None


def test_every_setting_stands_with_a_sentence_of_its_effect(token):
    said = text_of(open_page(token))
    for name, sentence in EFFECTS.items():
        if name != "print_freq":
            assert f"{sentence[0].upper()}{sentence[1:]}." in said


def test_time_and_memory_are_said_before_the_start(token):
    said = text_of(open_page(token, epochs="50"))
    assert "About 2 min" in said  # 50 x 36 steps of 50 ms
    assert "1,800 steps of 50 ms" in said
    assert "53 MB" in said  # 50 and the images


def test_nobody_starts_before_the_browser_has_said_who_it_is():
    assert button(open_page(None), "Start training").disabled


def test_a_data_set_that_is_not_there_is_said_and_replaced(token, monkeypatch, tmp_path):
    monkeypatch.setenv("VQVAE_DATA", str(tmp_path))
    page = open_page(token, data="kmnist")
    assert "KMNIST is not on this machine" in text_of(page)
    assert page.session_state["train.data"] == "digits"


def test_settings_that_cannot_be_are_one_sentence(token):
    page = open_page(token, lr="nan", epochs="0", revival="maybe")
    assert len(page.warning) == 1
    assert "lr should be a number from 1e-06 to 1" in page.warning[0].value
    assert page.session_state["train.lr"] == RECOMMENDED.lr


# A run


def test_a_run_is_started_followed_and_found_again(token):
    button(open_page(token, **QUICK), "Start training").click().run()
    run = Visitor(token).current()
    assert run.order() == replace(
        Order(replace(RECOMMENDED, num_embeddings=8, embedding_dim=4, batch_size=16, epochs=3), "digits", 48),
        created=run.order().created,
    )
    until(run, "finished")
    again = open_page(token)
    said = text_of(again)
    assert "Finished" in said
    assert "step 9 of 9" in said
    assert "K = 8, D = 4" in said
    assert [metric.label for metric in again.metric][:2] == ["Loss", "Held-out NMSE"]
    assert "–" not in [metric.value for metric in again.metric][:5]


def test_another_visitor_sees_nothing_of_it(token):
    run = Visitor(token).start(Order(replace(RECOMMENDED, epochs=1), "digits", 48))
    assert button(open_page(new_token()), "Start training")
    until(run, "finished")


def test_pause_step_play_stop_and_reset(token):
    recipe = replace(RECOMMENDED, num_embeddings=8, embedding_dim=4, batch_size=16, epochs=100_000)
    run = Visitor(token).start(Order(recipe, "digits", 48))
    until(run, "running")
    page = open_page(token)
    button(page, "Pause").click().run()
    until(run, "paused")
    at = run.status().step
    button(page.run(), "Step").click().run()
    deadline = time.monotonic() + PATIENCE
    while run.status().step == at and time.monotonic() < deadline:
        time.sleep(0.02)
    assert run.status().step == at + 1
    until(run, "paused")
    button(page.run(), "Play").click().run()
    until(run, "running")
    button(page.run(), "Stop").click().run()
    until(run, "stopped")
    page = button(page.run(), "Reset").click().run()
    assert button(page, "Start training")
    page = button(page, "Back to the last run").click().run()
    assert "Stopped" in text_of(page)


def test_a_run_that_was_cut_off_says_what_stays(token, monkeypatch):
    run = Visitor(token).start(Order(replace(RECOMMENDED, epochs=1), "digits", 48))
    until(run, "finished")
    run.report(run.status()._replace(state="running"))
    page = open_page(token)
    assert "The run was cut off; what was saved at step 1 stays. Press Play" in page.warning[0].value
    assert not button(page, "Play").disabled


def test_a_folder_that_cannot_be_written_is_one_sentence_on_the_page(token, tmp_path):
    (tmp_path / "runs").write_text("a file, where the folder should be")
    page = button(open_page(token, **QUICK), "Start training").click().run()
    assert "A run cannot be kept in" in page.error[0].value


def test_the_whole_run_can_be_wound_back_to_its_first_frame(token):
    run = Visitor(token).start(Order(replace(RECOMMENDED, num_embeddings=8, batch_size=16, epochs=2), "digits", 48))
    until(run, "finished")
    page = open_page(token)
    last = len(run.recording().steps) - 1
    assert page.session_state["train.at"] == last
    page.select_slider(key="train.at").set_value(1).run()
    assert page.metric[0].value == f"{run.history()[0].loss:.4f}"
    page = button(page, "Replay").click().run()
    assert page.session_state["train.winding"]


# What is measured and drawn


def test_a_larger_batch_is_estimated_to_take_more_memory():
    recipe = replace(RECOMMENDED, num_embeddings=8)
    small, large = (step_cost(replace(recipe, batch_size=size), (1, 28, 28)) for size in (8, 64))
    assert 0 < small.seconds
    assert small.bytes < large.bytes


def test_paths_keep_their_plane_and_their_side():
    codebooks = torch.zeros(4, 5, 3)
    codebooks[:, :, 1] = torch.arange(20.0).view(4, 5)
    codebooks[:, :, 2] = torch.tensor([0.0, 1, 0, 1, 0])
    plane = code_paths(codebooks)
    assert plane.shape == (4, 5, 2)
    torch.testing.assert_close(plane[..., 0].diff(dim=0), torch.full((3, 5), 5.0), atol=0.1, rtol=0)


@pytest.mark.parametrize("K", [1, 8, 1024])
@pytest.mark.parametrize("D", [1, 2, 16])
def test_paths_of_any_codebook_can_be_drawn(K, D):
    codebooks = torch.randn(7, K, D, generator=torch.Generator().manual_seed(0))
    figure = training_figures.paths(code_paths(codebooks), torch.arange(K))
    assert len(figure.data[0].x) <= max(training_figures.CORNERS, 2 * K) + K
    assert len(figure.data[1].x) == K


def test_a_long_history_is_drawn_with_few_points_and_ends_with_the_last():
    history = [Moment(step, 1, 1, 0, 1, 2, 3, 4, 5, None, None, None) for step in range(2_000)]
    curve = training_figures.usage_curves(history, 8, 2_000).data[0]
    assert len(curve.x) <= training_figures.POINTS
    assert curve.x[-1] == 1_999


def test_a_moving_average_has_no_codebook_loss_to_draw():
    history = [Moment(step, 1, 1, 0, 1, 2, 3, 4, 5, 0.5, 3, 4) for step in range(5)]
    names = [trace.name for trace in training_figures.loss_curves(history, 0.25, 5).data]
    assert names == ["loss", "reconstruction (NMSE)", "commitment × cost", "held-out NMSE"]


def test_a_run_of_no_steps_yet_can_be_drawn():
    assert training_figures.loss_curves([], 0.25, 0)
    assert training_figures.usage_bars(torch.zeros(8, dtype=torch.int64))


# Checkpoints


@pytest.fixture
def finished(token) -> Run:
    run = Visitor(token).start(Order(replace(RECOMMENDED, num_embeddings=8, batch_size=16, epochs=1), "digits", 48))
    until(run, "finished")
    return run


@pytest.fixture
def few_digits(monkeypatch):
    """Sixty digits stand for all: measuring is quick."""
    few = data.load(data.EMBEDDED, "all").evenly(60)
    monkeypatch.setattr(resources, "digits", lambda: few)
    resources.figures_on_digits.clear()
    resources.fitted_digits.clear()
    yield
    resources.figures_on_digits.clear()
    resources.fitted_digits.clear()


def test_a_run_is_kept_under_a_name_opened_deleted_and_taken_back(token, finished, few_digits):
    page = open_page(token)
    page.text_input(key="train.title").set_value("*Mine*").run()
    page = button(page, "Save as a checkpoint").click().run()
    assert r"“\*Mine\*” is yours now: NMSE" in page.success[0].value
    (entry,) = Collection(Visitor(token)).entries()
    assert entry.title == "*Mine*"
    assert "*Mine*" in page.sidebar.selectbox[0].options
    page = button(page, "Use on every page").click().run()
    assert page.session_state["model"] == entry.name
    assert page.query_params["model"] == entry.name
    page = button(page, "Delete").click().run()
    assert not page.exception
    assert page.session_state["model"] == "default"
    assert Collection(Visitor(token)).entries() == []
    page = button(page, "Undo the deletion").click().run()
    assert Collection(Visitor(token)).entries() == [entry]


def test_all_models_are_compared_on_the_same_digits(token, finished, few_digits):
    Collection(Visitor(token)).add(checkpoints.load(finished.model_file), "mine", resources.digits())
    table = open_page(token).dataframe[0].value
    assert list(table["Model"]) == ["Default (EMA)", "Tutorial (gradient)", "mine"]
    assert list(table["K"]) == [128, 128, 8]
    assert table["NMSE"].notna().all()


def test_anothers_checkpoint_is_not_opened_by_its_name(token, finished, few_digits):
    entry = Collection(Visitor(token)).add(checkpoints.load(finished.model_file), "mine", resources.digits())
    page = open_page(new_token(), model=entry.name)
    assert "one of your own checkpoints" in page.warning[0].value
    assert page.session_state["model"] == "default"


def test_a_disk_that_refuses_a_checkpoint_is_one_sentence(token, finished, few_digits):
    folder = Visitor(token).folder / "checkpoints"
    folder.write_text("a file, where the folder should be")
    page = button(open_page(token), "Save as a checkpoint").click().run()
    assert "Your folder cannot be written" in page.error[0].value


# The collapse lab


@pytest.fixture
def recorded(tmp_path, monkeypatch, few_digits):
    """A small comparison stands for the recorded one."""
    quick = replace(TUTORIAL, batch_size=30, num_embeddings=8, embedding_dim=4)
    monkeypatch.setattr(comparison, "RECIPES", {"gradient": quick, "simvq": replace(quick, quantizer="simvq")})
    monkeypatch.setattr(lab, "SHIPPED", tmp_path / "comparison")
    few = resources.digits()
    list(comparison.record(tmp_path / "comparison", few, few, epochs=1, seeds=2))
    monkeypatch.setattr(resources, "comparison", lambda: comparison.load(tmp_path / "comparison"))


def test_the_lab_shows_the_verdict_of_the_chosen_recipes_and_keeps_their_models(token, recorded):
    page = open_page(token)
    assert "2 steps" in text_of(page)
    page.multiselect(key="train.lab").set_value(["gradient", "simvq"]).run()
    table = page.dataframe[1].value
    assert list(table["Recipe"]) == ["Gradient", "SimVQ"]
    assert all("±" in cell for cell in table["Test NMSE"])
    page.selectbox(key="train.lab.one").set_value("simvq").run()
    page = button(page, "Keep as one of yours").click().run()
    (entry,) = Collection(Visitor(token)).entries()
    assert entry.title == "SimVQ"


def test_without_a_recorded_comparison_there_is_no_lab(token, monkeypatch, few_digits):
    monkeypatch.setattr(resources, "comparison", lambda: None)
    assert "Collapse lab" not in text_of(open_page(token))
