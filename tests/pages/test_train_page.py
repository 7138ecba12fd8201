"""The Train page's logic and the estimate; what needs a browser is in tests/browser."""

import base64
import io
import json
import math
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from pages.ui import resources
from pages.ui.charts import training
from pages.ui.components import player
from pages.ui.shell.frame import told_apart
from pages.ui.train import collapse_lab, settings, side_by_side
from tests.visiting import PATIENCE, colour_images, forget_images, text_of, uploaded, visit
from vqvae import checkpoint as checkpoints
from vqvae import data
from vqvae.background import download
from vqvae.background.download import Progress
from vqvae.checkpoint import SHIPPED, Checkpoint
from vqvae.data import DataError
from vqvae.evaluation import Evaluation, evaluate
from vqvae.model import VQVAE, ModelConfig
from vqvae.quantizer import QUANTIZERS, VectorQuantizer
from vqvae.runs import comparison, cost, own_checkpoints, own_images, process, worker
from vqvae.runs.cost import Cost, step_cost
from vqvae.runs.own_checkpoints import OwnCheckpoints
from vqvae.runs.own_images import OwnImageSets
from vqvae.runs.recording import Metrics, code_paths
from vqvae.runs.run import Run, RunConfig, Status
from vqvae.runs.visitor import Visitor, new_token
from vqvae.training import PRESETS, RECOMMENDED, SETTINGS, TUTORIAL, Training

QUICK = {"images": "48", "num_embeddings": "8", "embedding_dim": "4", "batch_size": "16", "epochs": "3"}


measure = resources.figures_on_digits


@pytest.fixture(autouse=True)
def _children_are_threads(children, monkeypatch):
    """A step costs what it says here, and models are not measured unless a test says so."""
    figures = Evaluation(data.EMBEDDED, "all", 5_000, 0.01, 0.1, 20.0, 4.0, 8)
    monkeypatch.setattr(cost, "step_cost", lambda recipe, image_shape, report: Cost(0.05, 50 * 2**20))
    resources.estimates.clear()
    monkeypatch.setattr(resources, "figures_on_digits", lambda checkpoint: figures)


def open_page(token: str | None, **address: str) -> AppTest:
    """The page in a new session of the visitor with this token, as from a link with these fields."""
    return visit("train", token=token, **address)


def button(page: AppTest, label: str):
    (found,) = [button for button in page.button if button.label == label]
    return found


def played(page: AppTest) -> dict:
    """What the browser gets to show of a run."""
    (player,) = [one.proto for one in page.get("bidi_component") if one.proto.component_name == "vqvae_player"]
    return json.loads(player.json)


def until(run: Run, *states: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while run.status().state not in states and time.monotonic() < deadline:
        time.sleep(0.02)
    assert run.status().state in states


@pytest.fixture
def token() -> str:
    return new_token()


@pytest.fixture
def said(token, monkeypatch):
    """A function that leaves a run of which the child said this last."""

    def say(state: str, **said: object) -> Run:
        monkeypatch.setattr(process._children, "start", lambda folder, log: None)
        run = Visitor(token).start(RunConfig(RECOMMENDED, "digits"))
        run.report(Status(state, 3, 9, **said))
        return run

    return say


# Before a run


def test_the_quick_recipe_is_selected_when_the_page_opens_and_again_after_start_over(token):
    page = open_page(token)
    for _ in range(2):
        assert page.session_state["train.preset"] == "quick"
        assert page.session_state["train.lr"] == PRESETS["quick"].lr
        assert page.session_state["train.quantizer"] == "diveq"
        page.radio(key="train.preset").set_value("tutorial").run()
        page.button(key="restart").click().run()


def test_a_first_run_that_is_cut_short_between_two_settings_leaves_no_half_of_a_recipe(monkeypatch):
    class State(dict):
        """A page's state that another run takes over at the fourth word."""

        arriving, words = True, 0

        def __setitem__(self, name, value):
            self.words += 1
            if self.words == 4:
                raise KeyboardInterrupt  # as Streamlit ends a run: by what is no Exception
            super().__setitem__(name, value)

    monkeypatch.setattr(settings.st, "session_state", {})
    state = State({field.name: field.usual for field in settings.FIELDS})
    with pytest.raises(KeyboardInterrupt):
        settings.begin(state)
    settings.begin(state)
    assert settings.recipe(state) == replace(PRESETS["quick"], print_freq=settings.recipe(state).print_freq)


def test_the_defaults_recipe_stays_taken_when_its_address_is_opened_again(token):
    page = open_page(token)
    page.radio(key="train.preset").set_value("recommended").run()
    assert page.query_params == {"recipe": "default"}
    assert open_page(token, recipe="default").session_state["train.preset"] == "recommended"


def test_an_address_that_says_a_part_of_a_recipe_means_the_defaults_in_all_else(token):
    page = open_page(token, epochs="7")
    assert [page.session_state[f"train.{name}"] for name in ("epochs", "lr", "quantizer")] == [7, RECOMMENDED.lr, "ema"]


def test_the_tutorials_recipe_is_taken_untouched(token):
    page = open_page(token)
    page.radio(key="train.preset").set_value("tutorial").run()
    for name in (
        "lr",
        "quantizer",
        "schedule",
        "kmeans_init",
        "dead_code_replacement",
        "epochs",
        "batch_size",
        "commitment_cost",
    ):
        assert page.session_state[f"train.{name}"] == getattr(TUTORIAL, name)
    assert page.session_state["train.preset"] == "tutorial"


def test_a_recipe_of_ones_own_is_neither_preset(token):
    assert open_page(token, num_embeddings="64").session_state["train.preset"] is None


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("num_embeddings", 4096, "4,096 is out of range: 1 to 1,024."),
        ("lr", 5.0, "5 is out of range: 1e-06 to 1."),
        ("images", 0, "0 is out of range: 1 to 60,000."),
    ],
)
def test_a_number_out_of_range_blocks_the_start_and_says_why(token, name, value, why):
    page = open_page(token)
    page.number_input(key=f"train.{name}").set_value(value).run()
    assert why in text_of(page)
    assert button(page, "Start training").disabled
    assert page.number_input(key=f"train.{name}").value == value
    page.number_input(key=f"train.{name}").set_value(None if name == "images" else getattr(RECOMMENDED, name)).run()
    assert "out of range" not in text_of(page)
    assert not button(page, "Start training").disabled


def test_every_setting_stands_with_a_sentence_of_its_effect(token):
    said = text_of(open_page(token))
    for name, setting in SETTINGS.items():
        if name != "print_freq":
            assert f"{setting.effect[0].upper()}{setting.effect[1:]}." in said


def test_time_and_memory_are_said_before_the_start(token):
    said = text_of(open_page(token, epochs="50"))
    assert "About 2 min" in said  # 50 x 36 steps of 50 ms
    assert "1,800 steps of 50 ms" in said
    assert "53 MB" in said  # 50 and the images


def test_nobody_starts_before_the_browser_has_said_who_it_is():
    assert button(open_page(None), "Start training").disabled


def test_nothing_that_a_visitors_checkpoints_would_push_down_is_there_before_them(token):
    headings = [[one.value for one in open_page(who).subheader] for who in (None, token)]
    assert headings == [[], ["Your checkpoints", "Watch three codebooks learn", "Collapse lab"]]


def test_ones_own_images_are_chosen_as_they_come_in_and_trained_on(token, monkeypatch):
    monkeypatch.setattr(own_images, "_parsed", own_images.keep)  # another process takes its seconds
    page = uploaded(open_page(token, **QUICK), "*flowers*.npz", colour_images())
    (entry,) = OwnImageSets(Visitor(token)).entries()
    assert (
        "“flowers” is here: 36 images to train on and 4 held out, 32 × 32 pixels, in colour." in page.success[0].value
    )
    assert page.session_state["train.data"] == entry.name
    page = button(page, "Start training").click().run()
    assert "flowers (40 images), at most 48 · K = 8, D = 4" in text_of(page)
    assert Visitor(token).current().config().dataset == entry.name
    stranger = open_page(new_token(), data=entry.name)
    assert stranger.session_state["train.data"] == data.EMBEDDED
    assert "flowers" not in text_of(stranger)
    Visitor(token).current().stop()


def test_ones_own_images_go_when_they_are_deleted(token, monkeypatch):
    monkeypatch.setattr(own_images, "_parsed", own_images.keep)
    page = uploaded(open_page(token), "flowers.npz", colour_images())
    page = button(page, "Delete flowers").click().run()
    assert page.session_state["train.data"] == data.EMBEDDED
    assert OwnImageSets(Visitor(token)).entries() == []


def test_a_file_that_holds_no_images_is_one_sentence_beside_the_upload(token, monkeypatch):
    monkeypatch.setattr(own_images, "_parsed", own_images.keep)
    page = uploaded(open_page(token), "nothing.npz", b"nothing")
    assert "cannot be read" in page.error[0].value
    assert page.session_state["train.data"] == data.EMBEDDED
    assert OwnImageSets(Visitor(token)).entries() == []


@pytest.fixture
def kmnist(tmp_path, monkeypatch):
    """KMNIST is not on this machine; its download grows as the test lets it, and ends as `outcome` says."""
    monkeypatch.setenv("VQVAE_DATA", str(tmp_path / "data"))

    class Mirror:
        outcome = None  # "whole", or a sentence

        def fetch(self, dataset, go_on):
            while go_on(Progress(1, 4, 3_000_000, 12_000_000)) and self.outcome is None:
                time.sleep(0.01)
            if self.outcome == "whole":
                raw = data.raw_folder(dataset)
                raw.mkdir(parents=True)
                for path in data._files(dataset):
                    path.touch()
            elif self.outcome:
                raise DataError(self.outcome)

    mirror = Mirror()
    monkeypatch.setattr(download, "fetch", mirror.fetch)
    resources.downloads.clear()
    yield mirror
    mirror.outcome = "The test is over."
    resources.downloads.clear()


def ended(token: str) -> None:
    """Wait until the download that this visitor waits for has ended."""
    resources.downloads().of(Visitor(token).folder.name, "kmnist").join(PATIENCE)


def test_a_data_set_that_is_not_there_is_downloaded_from_the_page(token, kmnist):
    page = open_page(token, data="kmnist")
    assert "about 21 MB" in text_of(page)
    assert button(page, "Start training").disabled
    page = button(page, "Download KMNIST").click().run()
    assert button(page, "Cancel")
    # Found again by the same visitor, and joined by another.
    assert button(open_page(token, data="kmnist"), "Cancel")
    button(open_page(new_token(), data="kmnist"), "Download KMNIST").click().run()
    kmnist.outcome = "whole"
    ended(token)
    page = page.run()
    assert not button(page, "Start training").disabled
    assert "Download KMNIST" not in [one.label for one in page.button]


def test_a_download_can_be_called_off(token, kmnist):
    page = button(open_page(token, data="kmnist"), "Download KMNIST").click().run()
    run = resources.downloads().of(Visitor(token).folder.name, "kmnist")
    page = button(page, "Cancel").click().run()
    assert button(page, "Download KMNIST")
    run.join(PATIENCE)
    assert not run.running


def test_a_download_that_one_of_two_calls_off_goes_on_for_the_other(token, kmnist):
    page = button(open_page(token, data="kmnist"), "Download KMNIST").click().run()
    other = button(open_page(new_token(), data="kmnist"), "Download KMNIST").click().run()
    page = button(page, "Cancel").click().run()
    assert button(page, "Download KMNIST")
    assert button(other.run(), "Cancel")


def test_a_download_that_fails_is_one_sentence_and_can_be_tried_again(token, kmnist):
    page = button(open_page(token, data="kmnist"), "Download KMNIST").click().run()
    kmnist.outcome = "KMNIST could not be downloaded."
    ended(token)
    page = page.run()
    assert [error.value for error in page.error] == ["KMNIST could not be downloaded."]
    assert not button(page, "Download KMNIST").disabled


def test_settings_that_cannot_be_are_one_sentence(token):
    page = open_page(token, lr="nan", epochs="0", dead_code_replacement="maybe")
    assert len(page.warning) == 1
    assert "lr should be a number from 1e-06 to 1" in page.warning[0].value
    assert page.session_state["train.lr"] == PRESETS["quick"].lr


# A run


def test_a_run_is_started_followed_and_found_again(token):
    button(open_page(token, **QUICK), "Start training").click().run()
    run = Visitor(token).current()
    assert run.config() == replace(
        RunConfig(replace(RECOMMENDED, num_embeddings=8, embedding_dim=4, batch_size=16, epochs=3), "digits", 48),
        created=run.config().created,
    )
    until(run, "finished")
    again = open_page(token)
    assert "Finished" in text_of(again)
    assert "K = 8, D = 4" in text_of(again)
    assert played(again)["words"] == "Step 9 of 9."
    assert [label for label, _ in played(again)["labels"]][:2] == ["Loss", "Held-out NMSE"]
    assert "–" not in played(again)["frames"][-1]["said"][:5]


def test_another_visitor_sees_nothing_of_it(token):
    run = Visitor(token).start(RunConfig(replace(RECOMMENDED, epochs=1), "digits", 48))
    assert button(open_page(new_token()), "Start training")
    until(run, "finished")


def test_pause_step_play_stop_and_reset(token):
    recipe = replace(RECOMMENDED, num_embeddings=8, embedding_dim=4, batch_size=16, epochs=100_000)
    run = Visitor(token).start(RunConfig(recipe, "digits", 48))
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
    assert "A new run deletes the last one" in text_of(page)
    page = button(page, "Back to the last run").click().run()
    assert "Stopped" in text_of(page)


def test_a_run_that_was_cut_off_says_what_stays(token, said):
    said("running", saved=1)
    page = open_page(token)
    assert "The run was cut off; what was saved at step 1 stays. Press Play" in page.warning[0].value
    assert not button(page, "Play").disabled


def test_a_run_whose_app_ended_says_so(token, said):
    said("stopped", message="The app that began it ended; what was saved at step 3 stays.")
    page = open_page(token)
    assert "The app that began it ended; what was saved at step 3 stays. Press Play" in page.warning[0].value


@pytest.mark.parametrize("which", ["own", "comparison"])
def test_a_run_that_says_no_more_what_it_trained_is_in_nobodys_way(which, token, quick_recipes):
    order = RunConfig(replace(RECOMMENDED, num_embeddings=8, epochs=1), "digits", 48)
    me = Visitor(token)
    run = me.start(order)
    if which == "comparison":
        run.set_aside()
        me.compare({"one": order})
        (run,) = me.comparison()
    until(run, "finished")
    said = run.folder / "run.json"
    said.write_text(said.read_text().replace("commitment_cost", "called_otherwise"))
    page = open_page(token)
    assert not page.error
    assert "can no longer be read" in page.warning[0].value
    assert not button(page, "Start training").disabled
    assert not button(page, "Compare").disabled
    assert [save.disabled for save in page.button if save.label == "Save"] == [False] * (which == "own")  # of use yet


def test_a_step_taken_while_the_run_pauses_is_shown(token):
    recipe = replace(RECOMMENDED, num_embeddings=8, embedding_dim=4, batch_size=16, epochs=100_000)
    run = Visitor(token).start(RunConfig(recipe, "digits", 48))
    run.pause()
    until(run, "paused")
    page = open_page(token)
    before = [frame["step"] for frame in played(page)["frames"]]
    run.step()
    deadline = time.monotonic() + PATIENCE
    while run.command().step != run.status().step and time.monotonic() < deadline:
        time.sleep(0.02)
    until(run, "paused")
    assert [frame["step"] for frame in played(page.run())["frames"]] == [*before, before[-1] + 1]


def test_a_recording_is_read_again_only_where_it_has_changed(token, monkeypatch):
    run = Visitor(token).start(RunConfig(replace(RECOMMENDED, num_embeddings=8, epochs=1), "digits", 48))
    until(run, "finished")
    reads = []
    read = Run.recording
    monkeypatch.setattr(Run, "recording", lambda run: reads.append(run) or read(run))
    page = open_page(token)
    first = len(reads)
    page = page.run()
    assert (first, len(reads)) == (1, 1)
    run.frames_file.touch()
    page.run()
    assert len(reads) == 2


def test_a_finished_run_shows_its_figures_on_all_held_out_images(token, monkeypatch):
    monkeypatch.setattr(worker, "HELD_OUT", 10)
    run = Visitor(token).start(RunConfig(replace(RECOMMENDED, num_embeddings=8, epochs=1), "digits", 48))
    until(run, "finished")
    (measured,) = checkpoints.load(run.model_file).measured
    assert run.history()[-1].held_out_nmse != pytest.approx(measured.nmse)
    shown = played(open_page(token))
    assert [label for label, _ in shown["labels"]][1] == "Held-out NMSE"
    assert shown["frames"][-1]["said"][1] == f"{measured.nmse:.4f}"
    assert shown["frames"][0]["of"] == f"on {player.HELD_OUT} images"
    assert shown["frames"][-1]["of"] == f"on all {measured.images} images"
    (curve,) = [curve for curve in shown["curves"] if curve["name"] == "held-out NMSE"]  # one value of one name
    assert np.frombuffer(base64.b64decode(curve["values"]), "<f4")[-1] == pytest.approx(measured.nmse)
    assert np.frombuffer(base64.b64decode(curve["steps"]), "<f4")[-1] == run.status().steps


def test_a_quantizer_is_offered_by_its_own_name(token, monkeypatch):
    class Mine(VectorQuantizer):
        title = "My own way"

    monkeypatch.setitem(QUANTIZERS, "mine", Mine)
    options = open_page(token, quantizer="mine").selectbox(key="train.quantizer").options
    assert options == ["Gradient", "Moving average (EMA)", "Rotation trick", "SimVQ", "DiVeQ", "FSQ", "My own way"]


def test_fsq_takes_sizes_that_make_a_grid_and_says_which_do_not(token):
    page = open_page(token)
    page.selectbox(key="train.quantizer").set_value("fsq").run()
    assert [page.session_state[f"train.{name}"] for name in ("num_embeddings", "embedding_dim")] == [128, 3]
    assert page.toggle(key="train.dead_code_replacement").disabled
    page.number_input(key="train.embedding_dim").set_value(16).run()
    assert "such as K = 128 and D = 3, got K = 128 and D = 16" in page.error[0].value


def test_a_folder_that_cannot_be_written_is_one_sentence_on_the_page(token, tmp_path):
    (tmp_path / "runs").write_text("a file, where the folder should be")
    page = button(open_page(token, **QUICK), "Start training").click().run()
    assert "A run cannot be kept in" in page.error[0].value


def test_the_whole_run_is_there_to_be_wound_back_to_its_first_frame(token):
    run = Visitor(token).start(RunConfig(replace(RECOMMENDED, num_embeddings=8, batch_size=16, epochs=2), "digits", 48))
    until(run, "finished")
    shown, recording = played(open_page(token)), run.recording()
    assert [frame["step"] for frame in shown["frames"]] == recording.steps.tolist()
    assert len(base64.b64decode(shown["reconstructions"])) == recording.reconstructions.numel()
    assert shown["frames"][1]["said"][0] == f"{run.history()[0].loss:.4f}"


def test_a_run_is_looked_at_more_often_where_something_is_awaited(token, said, monkeypatch):
    looks = []
    fragment = st.fragment
    monkeypatch.setattr(st, "fragment", lambda draw, run_every=None: looks.append(run_every) or fragment(draw))
    monkeypatch.setattr(Run, "alive", lambda run: True)
    run = said("running")
    open_page(token)
    run.pause()
    open_page(token)
    run.report(Status("paused", 3, 9))
    open_page(token)
    run.report(Status("finished", 9, 9))
    open_page(token)
    seldom, *soon, never = [look for look in looks if look != 1.0]
    assert seldom > 1 > max(soon)
    assert never is None


# What is measured


def test_nobody_waits_for_an_estimate(token, monkeypatch):
    go = threading.Event()

    def slowly(recipe, image_shape, report) -> Cost:
        go.wait(PATIENCE)
        return Cost(0.05, 2**20)

    monkeypatch.setattr(cost, "step_cost", slowly)
    page = open_page(token)
    assert "Trying a few steps" in text_of(page)
    assert not button(page, "Start training").disabled
    go.set()
    deadline = time.monotonic() + PATIENCE
    while "Trying a few steps" in text_of(page):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        page.run()
    assert "steps of 50 ms, measured here." in text_of(page)


def test_an_estimate_that_fails_is_a_sentence(token, monkeypatch):
    def fail(recipe, image_shape, report) -> Cost:
        raise RuntimeError("no memory")

    monkeypatch.setattr(cost, "step_cost", fail)
    assert "What this takes could not be measured (RuntimeError\\: no memory)." in text_of(open_page(token))


def test_a_larger_batch_is_estimated_to_take_more_memory():
    recipe = replace(RECOMMENDED, num_embeddings=8)
    small, large = (step_cost(replace(recipe, batch_size=size), (1, 28, 28)) for size in (8, 64))
    assert 0 < small.seconds
    assert small.bytes < large.bytes


def test_the_largest_settings_are_estimated_from_a_step_that_the_server_can_bear(monkeypatch):
    tried = []

    class Noted(Training):
        def step(self):
            tried.append(len(self.digits))
            super().step()

    monkeypatch.setattr(cost, "Training", Noted)
    recipe = replace(RECOMMENDED, num_embeddings=8)
    small, large = (step_cost(replace(recipe, batch_size=size), (1, 28, 28)) for size in (128, 1024))
    assert max(tried) == 128
    assert 7 < large.bytes / small.bytes < 8
    assert large.seconds > 3 * small.seconds


def test_paths_keep_their_plane_and_their_side():
    codebooks = torch.zeros(4, 5, 3)
    codebooks[:, :, 1] = torch.arange(20.0).view(4, 5)
    codebooks[:, :, 2] = torch.tensor([0.0, 1, 0, 1, 0])
    plane = code_paths(codebooks)
    assert plane.shape == (4, 5, 2)
    torch.testing.assert_close(plane[..., 0].diff(dim=0), torch.full((3, 5), 5.0), atol=0.1, rtol=0)


# Checkpoints


@pytest.fixture
def finished(token) -> Run:
    run = Visitor(token).start(RunConfig(replace(RECOMMENDED, num_embeddings=8, batch_size=16, epochs=1), "digits", 48))
    until(run, "finished")
    return run


@pytest.fixture
def few_digits(monkeypatch):
    """Sixty digits stand for all: measuring is quick."""
    few = data.load(data.EMBEDDED, "all").evenly(60)
    crops = few.take(slice(9))  # stand for the images that a model in colour has of its own
    of = {data.PHOTOS: crops}
    monkeypatch.setattr(
        resources, "digits", lambda checkpoint=None: of.get(checkpoint.dataset, few) if checkpoint else few
    )
    monkeypatch.setattr(resources, "figures_on_digits", measure)
    forget_images()
    yield
    forget_images()


def test_a_run_is_kept_under_a_name_opened_deleted_and_taken_back(token, finished, few_digits):
    page = open_page(token)
    page.text_input(key="train.title").set_value("*Mine*").run()
    page = button(page, "Save").click().run()
    assert r"“\*Mine\*” is yours now: NMSE" in page.success[0].value
    (entry,) = OwnCheckpoints(Visitor(token)).entries()
    assert entry.title == "*Mine*"
    assert "*Mine*" in page.sidebar.selectbox[0].options
    page = button(page, "Use on every page").click().run()
    assert page.session_state["model"] == entry.name
    assert page.query_params["model"] == entry.name
    page = button(page, "Delete").click().run()
    assert not page.exception
    assert page.session_state["model"] == "default"
    assert OwnCheckpoints(Visitor(token)).entries() == []
    page = button(page, "Undo the deletion").click().run()
    assert OwnCheckpoints(Visitor(token)).entries() == [entry]


def other_model(seed: int = 5) -> Checkpoint:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Checkpoint(VQVAE(ModelConfig(num_embeddings=8, embedding_dim=4)).requires_grad_(False).eval(), 0.1)


def test_a_model_of_ones_own_images_is_told_by_figures_on_those(token, finished, few_digits):
    held_out = Evaluation("flowers", "test", 4, 0.02, 0.25, 17.0, 5.0, 6)
    OwnCheckpoints(Visitor(token)).add(
        replace(other_model(), dataset="flowers", measured=(held_out,)), "rose", resources.digits()
    )
    page = open_page(token)
    (row,) = [row for row in page.dataframe[0].value.to_dict("records") if row["Model"] == "rose"]
    assert row["Trained on"] == "flowers"
    assert math.isnan(row["NMSE"])
    assert "A model of other images has no figures here." in text_of(page)
    content = OwnCheckpoints(Visitor(token)).content(OwnCheckpoints(Visitor(token)).entries()[0].name)
    stranger = open_page(new_token())
    (uploader,) = [one for one in stranger.file_uploader if one.label == "Upload a checkpoint"]
    stranger = uploader.set_value(("rose.safetensors", content, "application/octet-stream")).run()
    assert (
        r"“rose” is yours now: NMSE 0.2500 on 4 held\-out images of flowers, 6 of 8 codes" in stranger.success[0].value
    )


def upload(page: AppTest, name: str, content: bytes) -> AppTest:
    (uploader,) = [one for one in page.file_uploader if one.label == "Upload a checkpoint"]
    return uploader.set_value((name, content, "application/octet-stream")).run()


def bytes_of(checkpoint: Checkpoint, folder: Path) -> bytes:
    checkpoints.save(checkpoint, folder / "theirs.safetensors")
    return (folder / "theirs.safetensors").read_bytes()


def test_an_upload_is_measured_while_the_page_goes_on_and_then_kept(token, few_digits, measuring, tmp_path):
    page = upload(open_page(token), "theirs.safetensors", bytes_of(other_model(11), tmp_path))
    assert "Measuring “theirs”" in page.get("progress")[0].proto.text
    page.selectbox(key="train.data").set_value("digits").run()  # nobody waits for it
    assert not OwnCheckpoints(Visitor(token)).entries()
    measuring.set()
    deadline = time.monotonic() + PATIENCE
    while not page.success and time.monotonic() < deadline:
        time.sleep(0.05)
        page.run()
    assert "“theirs” is yours now" in page.success[0].value
    (entry,) = OwnCheckpoints(Visitor(token)).entries()
    (measured,) = OwnCheckpoints(Visitor(token)).open(entry.name).measured
    assert measured == evaluate(other_model(11).model, resources.digits(), 0.1)


def test_a_runs_model_is_measured_while_the_page_goes_on_and_then_opens_in_draw(token, finished, few_digits, measuring):
    page = open_page(token)
    page.session_state["digit"] = 7  # one of the few
    page = button(page, "Try it in Draw").click().run()
    assert "Measuring “K = 8, D = 16”" in page.get("progress")[0].proto.text
    assert not OwnCheckpoints(Visitor(token)).entries()
    measuring.set()
    deadline = time.monotonic() + PATIENCE
    while page.title[0].value == "Train" and time.monotonic() < deadline:
        time.sleep(0.05)
        page.run()
    assert page.title[0].value == "Draw"
    assert not page.exception
    (entry,) = OwnCheckpoints(Visitor(token)).entries()
    assert page.session_state["model"] == entry.name


def kept_by(token: str, count: int) -> list[str]:
    """The titles of a visitor's checkpoints, once there are so many."""
    own, deadline = OwnCheckpoints(Visitor(token)), time.monotonic() + PATIENCE
    while len(own.entries()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return [entry.title for entry in own.entries()]


def test_a_model_is_kept_wherever_the_visitor_is_by_then_and_takes_nobody_along(token, finished, few_digits, measuring):
    page = button(open_page(token), "Try it in Draw").click().run()
    page.switch_page("pages/codebook.py").run()
    measuring.set()
    assert kept_by(token, 1) == ["K = 8, D = 16"]
    page.switch_page("pages/train.py").run()
    assert page.title[0].value == "Train"
    assert "“K = 8, D = 16” is yours now" in page.success[0].value


def test_a_model_that_is_saved_while_another_is_measured_is_kept_as_well(
    token, recorded, few_digits, measuring, monkeypatch
):
    page = open_page(token)
    for name in ("gradient", "simvq"):
        page.selectbox(key="train.lab.comparison.one").set_value(name).run()
        page = button(page, "Save to your checkpoints").click().run()
    assert [bar.proto.text[:10] for bar in page.get("progress")] == ["Measuring "] * 2
    measuring.set()
    assert sorted(kept_by(token, 2)) == ["Gradient", "SimVQ"]


def test_the_images_that_a_model_is_measured_on_are_named_whosever_they_are(
    token, few_digits, measuring, tmp_path, monkeypatch
):
    theirs = replace(data.load(data.EMBEDDED, "all").evenly(60), dataset="leaves")
    monkeypatch.setattr(resources, "digits", lambda checkpoint=None: theirs)
    page = upload(open_page(token), "theirs.safetensors", bytes_of(other_model(12), tmp_path))
    (bar,) = [bar.proto.text for bar in page.get("progress")]
    assert bar == f"Measuring “theirs” on {len(theirs)} images of leaves …"
    measuring.set()
    kept_by(token, 1)
    assert f"Measured on {len(theirs)} images of leaves." in text_of(page.run())


def test_an_upload_that_is_called_off_is_not_kept(token, few_digits, measuring, tmp_path):
    page = upload(open_page(token), "theirs.safetensors", bytes_of(other_model(12), tmp_path))
    button(page, "Cancel").click().run()
    measuring.set()
    page.run()
    assert "“theirs” is not kept." in [info.value for info in page.info]
    assert not page.get("progress")
    assert not OwnCheckpoints(Visitor(token)).entries()


def test_an_upload_that_cannot_be_measured_is_one_sentence(token, few_digits, monkeypatch, tmp_path):
    def fail(model, digits, variance, report):
        raise RuntimeError("no memory")

    monkeypatch.setattr(own_checkpoints, "evaluate", fail)
    page = upload(open_page(token), "theirs.safetensors", bytes_of(other_model(13), tmp_path))
    assert "could not be measured" in page.error[0].value
    assert not OwnCheckpoints(Visitor(token)).entries()


def test_what_was_saved_last_is_what_its_buttons_are_about(token, finished, few_digits):
    OwnCheckpoints(Visitor(token)).add(other_model(), "alpha", resources.digits())
    page = open_page(token)
    assert page.session_state["train.one"]
    page.text_input(key="train.title").set_value("beta").run()
    page = button(page, "Save").click().run()
    page = button(page, "Use on every page").click().run()
    chosen = {entry.name: entry.title for entry in OwnCheckpoints(Visitor(token)).entries()}[
        page.session_state["model"]
    ]
    assert chosen == "beta"


def test_ones_own_model_from_a_bare_file_is_recognised_and_stays_open(token, finished, few_digits):
    kept = checkpoints.load(finished.model_file)
    entry = OwnCheckpoints(Visitor(token)).add(kept, "alpha", resources.digits())
    page = open_page(token, model=entry.name)
    bare = io.BytesIO()
    torch.save(kept.model.state_dict(), bare)
    (uploader,) = [one for one in page.file_uploader if one.label == "Upload a checkpoint"]
    uploader.set_value(("weights.pt", bare.getvalue(), "application/octet-stream")).run()
    assert "“alpha”, which you have already" in page.success[0].value
    assert page.session_state["model"] == entry.name
    own = OwnCheckpoints(Visitor(token))
    assert own.entries() == [entry]
    opened = own.open(entry.name)
    assert (opened.steps, opened.dataset, opened.recipe) == (kept.steps, kept.dataset, kept.recipe)


def test_a_new_name_is_taken_where_it_is_asked_for_and_the_model_stays_open(token, finished, few_digits):
    entry = OwnCheckpoints(Visitor(token)).add(checkpoints.load(finished.model_file), "alpha", resources.digits())
    page = open_page(token, model=entry.name)
    page.text_input(key=f"train.rename.{entry.name}").set_value("gamma").run()
    assert OwnCheckpoints(Visitor(token)).entries() == [entry._replace(title="gamma")]
    assert page.session_state["model"] == entry.name
    assert page.session_state["train.one"] == entry.name


def test_models_of_one_name_are_told_apart(token, few_digits):
    own = OwnCheckpoints(Visitor(token))
    entries = [own.add(other_model(seed), "alpha", resources.digits()) for seed in (1, 2)]
    options = open_page(token).sidebar.selectbox[0].options
    assert options == [*resources.everybodys().values(), "alpha", "alpha (2)"]
    assert told_apart(entries) == {entries[0].name: "alpha", entries[1].name: "alpha (2)"}


def test_all_models_are_compared_on_the_same_digits(token, finished, few_digits):
    OwnCheckpoints(Visitor(token)).add(checkpoints.load(finished.model_file), "mine", resources.digits())
    table = open_page(token).dataframe[0].value
    assert list(table["Model"]) == [*(resources.TITLES[name] for name in SHIPPED), "mine"]  # photos know other images
    assert list(table["K"]) == [128, 128, 32, 8]
    assert table["NMSE"].notna().all()


def test_anothers_checkpoint_is_not_opened_by_its_name(token, finished, few_digits):
    entry = OwnCheckpoints(Visitor(token)).add(checkpoints.load(finished.model_file), "mine", resources.digits())
    page = open_page(new_token(), model=entry.name)
    assert "one of your own checkpoints" in page.warning[0].value
    assert page.session_state["model"] == "default"


def test_a_disk_that_refuses_a_checkpoint_is_one_sentence(token, finished, few_digits):
    folder = Visitor(token).folder / "checkpoints"
    folder.write_text("a file, where the folder should be")
    page = button(open_page(token), "Save").click().run()
    assert "Your folder cannot be written" in page.error[0].value


def test_what_went_wrong_is_still_said_when_the_page_has_looked_at_the_run_again(token, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Visitor, "start", full)
    page = button(open_page(token, **QUICK), "Start training").click().run()
    for _ in range(2):
        assert [error.value for error in page.error] == ["Your folder cannot be written: No space left on device."]
        page = page.run()


# The collapse lab


@pytest.fixture
def recorded(tmp_path, monkeypatch, few_digits):
    """A small comparison stands for the recorded one."""
    quick = replace(TUTORIAL, batch_size=30, num_embeddings=8, embedding_dim=4)
    monkeypatch.setattr(comparison, "RECIPES", {"gradient": quick, "simvq": replace(quick, quantizer="simvq")})
    monkeypatch.setattr(collapse_lab, "SHIPPED", tmp_path / "comparison")
    few = resources.digits()
    list(comparison.record(tmp_path / "comparison", few, few, epochs=1, seeds=2))
    monkeypatch.setattr(resources, "comparison", lambda folder=tmp_path / "comparison": comparison.load(folder))


def test_the_lab_names_the_runs_that_failed(token):
    page = open_page(token)
    assert "Failed" not in text_of(page)
    page.multiselect(key="train.lab.comparison").set_value(["gradient", "simvq"]).run()
    assert "Failed: SimVQ with seed 0 (NMSE 0.3587)." in text_of(page)


def test_the_lab_shows_the_longer_runs_and_keeps_their_models(token, few_digits):
    page = open_page(token)
    page.segmented_control(key="train.lab.which").set_value("40 epochs").run()
    longer = comparison.load(comparison.LONGER)
    found = text_of(page)
    assert "40 epochs: 18,760 steps" in found
    assert "one run each, with seed 0" in found
    assert "Failed: DiVeQ, late k-means, dead-code replacement with seed 0 (NMSE 1.0155)." in found
    table = page.dataframe[1].value
    assert list(table["Test NMSE"]) == [f"{longer.of(name)[0].test.nmse:.4f}" for name in longer.recipes]
    page.selectbox(key="train.lab.comparison-40-epochs.one").set_value("fsq").run()
    button(page, "Save to your checkpoints").click().run()
    assert kept_by(token, 1) == ["FSQ, 8 × 4 × 4 levels"]


def test_the_lab_shows_the_verdict_of_the_chosen_recipes_and_keeps_their_models(token, recorded):
    page = open_page(token)
    assert "2 steps" in text_of(page)
    page.multiselect(key="train.lab.comparison").set_value(["gradient", "simvq"]).run()
    table = page.dataframe[1].value
    assert list(table["Recipe"]) == ["Gradient", "SimVQ"]
    assert all("±" in cell for cell in table["Test NMSE"])
    page.selectbox(key="train.lab.comparison.one").set_value("simvq").run()
    page = button(page, "Save to your checkpoints").click().run()
    (entry,) = OwnCheckpoints(Visitor(token)).entries()
    assert entry.title == "SimVQ"


@pytest.fixture
def quick_recipes(monkeypatch, few_digits):
    """Recipes of a few steps, on few images."""
    quick = replace(TUTORIAL, num_embeddings=8, embedding_dim=4, kmeans_init=True)
    recipes = {"gradient": quick, "ema-revival": replace(quick, quantizer="ema", dead_code_replacement=True)}
    monkeypatch.setattr(side_by_side, "RECIPES", recipes)
    monkeypatch.setattr(resources, "comparison", lambda folder=None: None)
    few = resources.digits()
    monkeypatch.setattr(data, "load", lambda dataset, split="train": few)


def test_a_visitors_own_recipes_run_with_equal_budgets_and_can_be_kept(token, quick_recipes, monkeypatch):
    monkeypatch.setattr(worker, "HELD_OUT", 10)
    page = open_page(token)
    page.number_input(key="train.lab.epochs").set_value(2).run()
    page = button(page, "Compare").click().run()
    runs = Visitor(token).comparison()
    assert [run.name for run in runs] == ["0-gradient", "1-ema-revival"]
    orders = [run.config() for run in runs]
    assert len({(order.recipe.seed, order.recipe.epochs, order.recipe.batch_size) for order in orders}) == 1
    for run in runs:
        until(run, "finished")
    page = page.run()
    assert "Equal budgets: 2 steps, 2 epochs in batches of 128" in text_of(page)
    table = page.dataframe[1].value
    assert list(table["Recipe"]) == ["Gradient", "EMA, dead-code replacement"]
    assert list(table["State"]) == ["finished, step 2"] * 2
    measured = [checkpoints.load(run.model_file).measured[0] for run in runs]
    assert list(table["Held-out NMSE"]) == [f"{one.nmse:.4f}" for one in measured]
    assert list(table["Perplexity, ink cells"]) == [f"{one.ink_perplexity:.1f}" for one in measured]
    assert list(table["Held-out images"]) == ["all 60"] * 2
    page = button(page, "Save to your checkpoints").click().run()
    (entry,) = OwnCheckpoints(Visitor(token)).entries()
    assert entry.title == "Gradient"
    assert Visitor(token).current() is None  # the page's own run is another matter
    page = button(page, "New comparison").click().run()
    page = button(page, "Back to the last comparison").click().run()
    assert "Equal budgets" in text_of(page)


def test_a_comparison_takes_two_recipes_at_least(token, quick_recipes):
    page = open_page(token)
    assert not button(page, "Compare").disabled
    page.multiselect(key="train.lab.own").set_value(["gradient"]).run()
    assert button(page, "Compare").disabled


def test_a_comparison_can_be_stopped_and_goes_on(token, quick_recipes):
    page = open_page(token)
    page.number_input(key="train.lab.epochs").set_value(1000).run()
    page = button(page, "Compare").click().run()
    page = button(page, "Stop all").click().run()
    for run in Visitor(token).comparison():
        until(run, "stopped")
    page = button(page.run(), "Go on").click().run()
    assert all(run.alive() for run in Visitor(token).comparison())
    assert not button(page, "Stop all").disabled


def test_a_comparison_that_stopped_early_shows_perplexity_over_all_cells_and_over_those_with_ink(
    token, quick_recipes, monkeypatch
):
    drawn = {}
    made = training.run_curves
    monkeypatch.setattr(
        training, "run_curves", lambda runs, value, *rest: drawn.setdefault(value, made(runs, value, *rest))
    )
    page = open_page(token)
    page.number_input(key="train.lab.epochs").set_value(1000).run()
    page = button(page, "Compare").click().run()
    runs = Visitor(token).comparison()
    deadline = time.monotonic() + PATIENCE
    while not runs[0].history() and time.monotonic() < deadline:
        time.sleep(0.01)
    button(page, "Stop all").click().run()
    for run in runs:
        until(run, "stopped")
    drawn.clear()
    row = page.run().dataframe[1].value.iloc[0]
    history = runs[0].history()
    last = next(metrics for metrics in reversed(history) if metrics.held_out)
    assert row["Perplexity, all cells"] == f"{last.held_out_perplexity:.1f}"
    assert row["Perplexity, ink cells"] == f"{last.held_out_ink_perplexity:.1f}" != row["Perplexity, all cells"]
    solid, dotted = drawn["perplexity"].data[:2]
    assert list(solid.y) == [metrics.perplexity for metrics in history]
    assert (dotted.name, dotted.line.dash) == ("Gradient, ink cells", "dot")
    assert list(dotted.y) == [metrics.ink_perplexity for metrics in history]


def test_a_comparison_begun_before_ink_cells_were_measured_has_a_dash_and_no_dotted_line_for_them():
    old = [Metrics(step, 1.0, 1.0, 0.0, 0.0, 3.0, 5, 100.0, 7.0, 0.9, 4.0, 6) for step in (1, 2)]
    row = side_by_side._verdict("Gradient", old, Status("stopped", 2, 9), None)
    assert (row["Perplexity, all cells"], row["Perplexity, ink cells"], row["Codes used"]) == ("4.0", "–", "6")
    assert len(training.run_curves({"Gradient": old}, "perplexity", 9, ("ink_perplexity", "ink cells")).data) == 1


def test_a_run_that_says_nothing_for_a_while_is_explained(token, said, monkeypatch):
    said("running")
    monkeypatch.setattr(Run, "alive", lambda run: True)
    monkeypatch.setattr(Run, "silence", 60.0)
    assert "The machine is busy" in played(open_page(token))["words"]
