"""What earlier versions wrote and shared still opens, and says what it said.

The files of `tests/fixtures/before_the_move` were written, and the ten links were shared, by the version whose pages
lay in `pages/` and their parts in `pages/ui/`; README.md beside the files says how. What this knows of the code of
today is in the functions at the top.
"""

import base64
import json
import os
import subprocess
import sys
import tarfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.visiting import PATIENCE, text_of, visit
from vqvae import data
from vqvae.checkpoint import Checkpoint, load
from vqvae.runs import comparison
from vqvae.runs.own_checkpoints import OwnCheckpoints
from vqvae.runs.run import Run, Status
from vqvae.runs.visitor import Visitor

ROOT = Path(__file__).parents[1]
FILES = Path(__file__).with_name("fixtures") / "before_the_move"
FINISHED, STOPPED = "0123456789abcdef" * 2, "fedcba9876543210" * 2  # tokens of two visitors
TODAY = {"kmeans_start": "kmeans_init", "revival": "dead_code_replacement"}  # names that have changed
CPU = {"CUDA_VISIBLE_DEVICES": ""}  # what was trained here goes on where it was begun


def opened(link: str, token: str | None = None) -> AppTest:
    """The page that a link leads to, for a visitor with this token."""
    parts = urlsplit(link)
    page = visit(parts.path.strip("/") or "home", token=token, **dict(parse_qsl(parts.query)))
    assert not page.exception
    assert not page.warning, [warning.value for warning in page.warning]
    return page


def address(page: AppTest) -> dict[str, str]:
    """What stands in the address of a page that was opened."""
    return {name: value[0] if isinstance(value, list) else value for name, value in page.query_params.items()}


def in_link(link: str) -> dict[str, str]:
    """What a link says, by the names of today."""
    return {TODAY.get(name, name): value for name, value in parse_qsl(urlsplit(link).query)}


def value(page: AppTest, label: str) -> Any:
    """What a widget with this label stands at."""
    kinds = (page.number_input, page.selectbox, page.toggle, page.button_group)
    return next(widget.value for kind in kinds for widget in kind if widget.label.startswith(label))


def told(page: AppTest, name: str) -> dict[str, Any]:
    """What the browser is told by the first component that is told something of this name."""
    messages = [json.loads(one.proto.json) for one in page.get("bidi_component") if one.proto.json]
    return next(message for message in messages if name in message)


def numbers(packed: str) -> list[int]:
    return np.frombuffer(base64.b64decode(packed), "<u4").tolist()


def charts(page: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


def train(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command line's `train` in a folder, run to its end."""
    command = [sys.executable, "-m", "vqvae", "train", *arguments]
    environment = os.environ | CPU | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE)


def wait_for(run: Run, state: str) -> Status:
    deadline = time.monotonic() + PATIENCE
    while (status := run.status()).state != state:
        assert status.state not in ("failed", "interrupted"), status
        assert time.monotonic() < deadline, status
        time.sleep(0.05)
    return status


def assert_says(thing: object, said: dict[str, object]) -> None:
    """All that a recipe or other record said; there may be more by now."""
    assert {name: getattr(thing, TODAY.get(name, name)) for name in said} == said


def assert_same_weights(one: Checkpoint, other: Checkpoint) -> None:
    """Of the same training, be it on another processor."""
    weights, others = one.model.state_dict(), other.model.state_dict()
    assert weights.keys() == others.keys()
    for name in weights:
        np.testing.assert_allclose(weights[name].numpy(), others[name].numpy(), rtol=1e-3, atol=1e-5, err_msg=name)


def checksum(pixels: Sequence[int]) -> int:
    return zlib.crc32(bytes(pixels))


RECIPE = {
    "batch_size": 16,
    "embedding_dim": 4,
    "num_embeddings": 8,
    "epochs": 3,
    "print_freq": 100,
    "lr": 0.003,
    "commitment_cost": 0.25,
    "quantizer": "ema",
    "schedule": "one-cycle",
    "kmeans_start": True,
    "revival": True,
    "seed": 0,
}
SMALL = RECIPE | {
    "embedding_dim": 3,
    "num_embeddings": 6,
    "epochs": 2,
    "lr": 0.001,
    "schedule": "constant",
    "kmeans_start": False,
    "revival": False,
}


@pytest.fixture
def before(tmp_path, monkeypatch) -> Path:
    """The files in a folder of the test's own, where the runs in it are those that the explorer knows."""
    with tarfile.open(FILES / "files.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.setenv("VQVAE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


# Runs


@pytest.fixture
def finished(before) -> Run:
    return Visitor(FINISHED).current()


@pytest.fixture
def stopped(before) -> Run:
    return Visitor(STOPPED).current()


def test_a_finished_run_is_still_finished(finished):
    assert finished.name == "01795464925733436526-d471a8f7"
    assert_says(finished.status(), {"state": "finished", "step": 9, "steps": 9, "saved": 9, "message": ""})


def test_a_finished_run_says_what_was_ordered(finished):
    order = finished.config()
    assert_says(order, {"dataset": "digits", "limit": 48, "created": 1795464925.733511})
    assert_says(order.recipe, RECIPE)


def test_a_finished_runs_history_is_whole(finished):
    history = finished.history()
    assert [moment.step for moment in history] == list(range(1, 10))
    first = {
        "loss": 1.494195947954637,
        "reconstruction_loss": 1.4941956996917725,
        "codebook_loss": 0.0,
        "commitment_loss": 9.930514579536975e-07,
        "perplexity": 5.95358645302048,
        "codes_used": 8,
        "images_per_second": 7.093806168216731,
        "seconds_left": 18.04390999200041,
        "held_out_nmse": 1.4933691304695516,
        "held_out_perplexity": 5.426113279363251,
        "held_out_codes": 8,
        "cpu_seconds": 1.8073905659999996,
        "ink_perplexity": None,  # not measured then
        "held_out_ink_perplexity": None,
    }
    assert_says(history[0], first)
    assert_says(history[-1], {"loss": 1.4457774433016226, "codes_used": 7, "held_out_nmse": 1.438550480522695})


def test_a_finished_runs_frames_are_whole(finished):
    frames = finished.recording()
    assert frames.steps.tolist() == list(range(10))
    assert frames.digits.shape == (20, 1, 28, 28)
    assert frames.codebooks.shape == (10, 8, 4)
    assert frames.usage[0].tolist() == [0] * 8
    assert frames.usage[-1].tolist() == [0, 157, 11, 61, 15, 73, 310, 157]
    assert zlib.crc32(frames.reconstructions.numpy().tobytes()) == 1362902851
    last = [0.019327247515320778, -0.08146390318870544, -0.1365605592727661, 0.028933219611644745]
    assert frames.codebooks[-1, 0].tolist() == last


def test_a_finished_runs_model_opens_with_its_figures(finished):
    model = load(finished.model_file)
    assert model.fingerprint == "fc571e0c3486"
    assert_says(model, {"steps": 9, "training_images": 48, "dataset": "digits", "variance": 0.09482187910564453})
    (figures,) = model.measured
    assert_says(figures, {"dataset": "digits", "split": "test", "images": 48, "mse": 0.13640605975148984})
    assert_says(figures, {"nmse": 1.438550480522695, "psnr": 8.651663359978924, "codes_used": 8})


def test_a_finished_run_is_shown_to_its_visitor(finished):
    page = opened("http://localhost:8501/train", FINISHED)
    assert "K = 8, D = 4" in text_of(page)
    assert "Finished" in text_of(page)
    assert "seed 0" in text_of(page)


def test_a_stopped_run_says_where_it_stopped(stopped):
    assert_says(stopped.status(), {"state": "stopped", "step": 5, "steps": 9, "saved": 5})
    assert_says(stopped.config().recipe, RECIPE | {"seed": 3})
    assert [moment.step for moment in stopped.history()] == [1, 2, 3, 4, 5]
    assert_says(stopped.history()[-1], {"loss": 3.315209432894335, "held_out_nmse": 3.3034346256763456})
    assert stopped.recording().steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert load(stopped.model_file).fingerprint == "4a47736f4fdd"


def test_a_stopped_run_goes_on_to_the_end_that_it_would_have_had(stopped, before, monkeypatch):
    for name, setting in CPU.items():
        monkeypatch.setenv(name, setting)
    stopped.play()
    wait_for(stopped, "finished")
    assert_says(stopped.status(), {"step": 9, "steps": 9, "saved": 9})
    history, frames = stopped.history(), stopped.recording()
    assert [moment.step for moment in history][:5] == [1, 2, 3, 4, 5]
    assert history[-1].step == 9
    assert frames.steps.tolist()[:6] == [0, 1, 2, 3, 4, 5]
    assert frames.steps[-1] == 9
    end = load(stopped.model_file)
    assert_same_weights(end, load(before / "resumed-run-at-its-end.safetensors"))
    assert end.measured[0].nmse == pytest.approx(3.24092149738914, rel=1e-4)


# Checkpoints


def test_kept_checkpoints_have_their_names(before):
    kept = OwnCheckpoints(Visitor(FINISHED)).entries()
    assert [(entry.name, entry.title, entry.created) for entry in kept] == [
        ("own-fc571e0c3486", "Eight codes, kept", 1795464934.11115),
        ("own-bd2200ec87c3", "Turned by rotation", 1795464935.3861797),
    ]


def test_a_kept_checkpoint_has_its_recipe_and_its_figures(before):
    model = OwnCheckpoints(Visitor(FINISHED)).open("own-fc571e0c3486")
    assert model.fingerprint == "fc571e0c3486"
    assert_says(model.recipe, RECIPE)
    assert [(one.split, one.images, one.nmse, one.codes_used) for one in model.measured] == [
        ("test", 48, 1.438550480522695, 8),
        ("all", 5000, 1.4514917671465408, 8),
    ]


def test_a_kept_checkpoint_of_another_recipe_has_its_recipe_and_its_figures(before):
    model = OwnCheckpoints(Visitor(FINISHED)).open("own-bd2200ec87c3")
    assert model.fingerprint == "bd2200ec87c3"
    assert_says(model.recipe, SMALL | {"quantizer": "rotation", "seed": 7})
    assert_says(model, {"steps": 4, "training_images": 32, "variance": 0.09029459428727911})
    assert [(one.split, one.images, one.nmse, one.codes_used) for one in model.measured] == [
        ("test", 32, 4.557565881094704, 1),
        ("all", 5000, 4.577870358663465, 1),
    ]


def test_a_link_to_a_kept_checkpoint_opens_it_for_its_owner(before):
    page = opened("http://localhost:8501/draw?model=own-fc571e0c3486&digit=5", FINISHED)
    assert address(page) == {"model": "own-fc571e0c3486", "digit": "5"}
    assert value(page, "Model") == "own-fc571e0c3486"
    assert told(page, "set")["model"]["fingerprint"] == "fc571e0c3486"


def test_a_tutorials_state_dict_opens(before):
    model = load(before / "tutorial.pt")
    assert model.fingerprint == "af657b7b9826"
    assert (model.model.config.num_embeddings, model.model.config.embedding_dim) == (10, 6)
    assert_says(model, {"recipe": None, "measured": (), "variance": 0.09520328436540844})
    assert len(model.assumed) == 3
    assert model.model.vq_layer.codebook[0, :2].tolist() == [-2.2458114624023438, -0.7827824950218201]


def test_a_checkpoint_of_the_command_line_says_how_it_was_trained():
    model = load(FILES / "trained.safetensors")
    assert model.fingerprint == "8a226db5c2a6"
    assert_says(model.recipe, RECIPE | {"batch_size": 128, "num_embeddings": 16, "epochs": 2, "seed": 5})
    assert_says(model, {"dataset": "digits", "training_images": 256, "steps": 4, "variance": 0.09458029751382893})
    (figures,) = model.measured
    assert_says(figures, {"images": 256, "mse": 0.10253185922869457, "nmse": 1.0840720734009428, "codes_used": 16})
    assert {"torch", "torchvision", "safetensors", "scikit-learn"} <= dict(model.versions).keys()


def test_an_interrupted_training_of_the_command_line_goes_on(before):
    settings = (
        "--preset recommended --dataset digits --limit 96 --batch-size 16 --num-embeddings 8 --embedding-dim 4 "
        "--epochs 4 --print-freq 4 --out mine.safetensors"
    )
    said = train(*settings.split(), folder=before / "cli")
    assert said.returncode == 0, said.stderr
    assert "going on from step 10" in said.stdout
    end, expected = load(before / "cli/mine.safetensors"), load(before / "cli/mine-at-its-end.safetensors")
    assert expected.fingerprint == "aba580d1c28f"
    assert_same_weights(end, expected)
    assert end.steps == 24
    assert end.measured[0].nmse == pytest.approx(1.4002398276919252, rel=1e-4)


# Comparisons


def test_a_visitors_own_comparison_is_still_there(before):
    gradient, rotation = Visitor(FINISHED).comparison()
    assert [run.name for run in (gradient, rotation)] == ["0-gradient-kmeans", "1-rotation"]
    assert_says(gradient.config().recipe, SMALL | {"quantizer": "gradient", "kmeans_start": True})
    assert_says(rotation.config().recipe, SMALL | {"quantizer": "rotation", "seed": 7})
    for run, nmse, fingerprint in (
        (gradient, 2.642378126438188, "93423484ae3f"),
        (rotation, 4.557565881094704, "bd2200ec87c3"),
    ):
        assert_says(run.status(), {"state": "finished", "step": 4, "steps": 4})
        assert [moment.step for moment in run.history()] == [1, 2, 3, 4]
        assert run.history()[-1].held_out_nmse == nmse
        assert run.recording().steps.tolist() == [0, 1, 2, 3, 4]
        assert load(run.model_file).fingerprint == fingerprint


RECORDED = {  # NMSE, codebook perplexity and codes used on the test digits; the model's fingerprint
    "gradient": (5.905141420568509, 1.0, 1, "28b5225cb93c"),
    "gradient-kmeans": (5.90924489199852, 19.785879237422385, 85, "2c34d5bc0871"),
    "ema": (5.910368985249934, 1.0, 1, "00323a2e1478"),
    "ema-revival": (5.910368985249934, 1.0, 1, "00323a2e1478"),
    "rotation": (5.905141420568509, 1.0, 1, "67949d2c989c"),
    "simvq": (3.4163026177022813, 1.0, 1, "10d733ffd497"),
}


def test_a_recorded_comparison_says_what_it_said(before):
    recorded = comparison.load(before / "comparison")
    assert_says(recorded, {"dataset": "digits", "images": 512, "epochs": 1})
    assert set(RECORDED) <= set(recorded.recipes)
    for name, (*figures, fingerprint) in RECORDED.items():
        (result,) = recorded.of(name)
        assert [result.test.nmse, result.test.perplexity, result.test.codes_used] == figures
        assert load(comparison.model_file(before / "comparison", name)).fingerprint == fingerprint
    (result,) = recorded.of("gradient-kmeans")
    assert result.cpu_seconds == 1.8954088569999996
    assert [tuple(point)[:4] for point in result.curve] == [
        (1, 5.95482063293457, 34.19748426506943, 128),
        (2, 5.923981189727783, 25.09013644040052, 111),
        (3, 5.9781951904296875, 21.43836121915638, 103),
        (4, 5.998347282409668, 20.324486915673095, 92),
    ]


def test_a_recorded_comparison_is_gone_on_with_rather_than_refused(before, monkeypatch):
    monkeypatch.setattr(comparison, "RECIPES", {name: comparison.RECIPES[name] for name in RECORDED})
    images, test = (data.load("digits", split).evenly(512) for split in ("train", "test"))
    assert list(comparison.record(before / "comparison", images, test, epochs=1, seeds=1)) == []


# Ten links

HOME = "http://localhost:8501/?model=tutorial&digit=17"
DRAWING = (
    "http://localhost:8501/draw?drawing=HzdmMgEBABwAHHja1dJBDYAwEERRHNRBHdQBDnBQB3VQB1VQHNQBDuoABziog88egWS4Eub6Mp"
    "tNdqfpT6ncUq_GIy-9JsYvZkFYh1VQtJoXtkMRlGA4YQdkQRkOQW5AElZgF-Rt_yhshS4oWG0R1mBTR7TarA9cv_2wE7MsX5w"
)
EDITED = (
    "http://localhost:8501/draw?model=tutorial&digit=4321&cell=30&step=3&drawing=0tpvRQEBABwAHHjaY2AYrIBdxCIpyYUVyOJ"
    "aWoQqJTzn39-_fx97MTAEnVnChiqn8OXfoxmxPAwM6Z-OCKEZGfz3MjeQ4t31ZzcrunXB_y4DSZdD_1ZKYjgl_u8xBq6CN3_ni2M6s_DvFo3Ff3"
    "9Ws2HxQsffb5__PnXC6r3Of_9_H1DB7vW1f_-VYZcRn_3970ZO7HKrgGEyDasM95L_v7_-wy435e-_Zb5_u7BJObz-e1K6_68Btsg5__epiuS7s"
    "9i0Zf7758LU8DMKm9z6vxdYLf5uY8Aud0j42RctrHINf5_t-rePDqkOALw3XyA&edits=50e995-30.5"
)
EVERYTHING = (
    "http://localhost:8501/draw?digit=77&cell=17&code=57&step=5&drawing=ClGsSwEBABwAHHjaxZKxDYMwEEVhA6q0bMAGtFRsQJE-"
    "C7AGDcoGiAXoKdiAipINYIIXbIhiX3INQspr7kvvbJ1PDoL_UFNr6gZoPXfoTQ3fPQ4tlKZGsEi3QmJqDLNQGUw2JDAKV0FlQwqDcBNkNuTQ-Wq"
    "7ad1TAY3vSmj39ICn73oEzvv5wl2mfu5DA4W28w5yzQ2Qam489vqLGWLNLRBpbps_PPFtruEFlyqDsA&edits=892969-17.57-24.3-48.127"
    "&present=1"
)
USAGE = "http://localhost:8501/codebook?code=9&order=similarity&scale=log&by=class&cells=ink"
COMPARE = "http://localhost:8501/codebook?section=compare&with=tutorial"
CODES = "http://localhost:8501/map?code=33&show=codes"
DIGITS = "http://localhost:8501/map?model=tutorial&by=histogram&color=error&points=1000&neighbours=50&seed=7"
CELLS = "http://localhost:8501/map?code=57&show=cells&method=pca&color=code"
TRAIN = (
    "http://localhost:8501/train?images=2000&num_embeddings=64&embedding_dim=8&epochs=12&batch_size=256&seed=11"
    "&lr=0.002&commitment_cost=0.5&quantizer=simvq&schedule=constant&kmeans_start=False&revival=False"
)
LINKS = [HOME, DRAWING, EDITED, EVERYTHING, USAGE, COMPARE, CODES, DIGITS, CELLS, TRAIN]


@pytest.fixture
def alone(tmp_path, monkeypatch) -> None:
    """No runs, and no maps that were computed before."""
    monkeypatch.setenv("VQVAE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def edited(page: AppTest) -> dict[int, int]:
    """The codes that were edited, by their cells."""
    return {cell: code for cell, code in enumerate(told(page, "set")["set"]["edits"] or []) if code >= 0}


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("link", LINKS, ids=range(1, 11))
def test_a_link_is_understood_to_the_last_field(link):
    assert address(opened(link)) == in_link(link)


@pytest.mark.usefixtures("alone")
def test_a_link_to_home_shows_its_digit_through_its_model():
    page = opened(HOME)
    assert page.session_state["digit"] == 17
    assert value(page, "Model") == "tutorial"
    assert checksum(told(page, "losses")["set"]["pixels"]) == checksum(
        data.load(data.EMBEDDED, "all").pixels[17].flatten().tolist()
    )


@pytest.mark.usefixtures("alone")
def test_a_link_to_a_drawing_puts_it_on_the_canvas_to_the_pixel():
    page = opened(DRAWING)
    message = told(page, "set")
    assert checksum(message["set"]["pixels"]) == 2845927966
    assert message["set"]["cell"] is None
    assert message["tour"]["step"] == 0
    assert edited(page) == {}
    assert value(page, "Model") == "default"
    assert "a drawing from a link" in text_of(page)


@pytest.mark.usefixtures("alone")
def test_a_link_to_edited_codes_of_the_other_model_brings_codes_cell_and_step():
    page = opened(EDITED)
    message = told(page, "set")
    assert message["model"]["fingerprint"] == "50e995d00582"
    assert checksum(message["set"]["pixels"]) == 50499720
    assert edited(page) == {30: 5}
    assert message["set"]["cell"] == 30
    assert message["tour"]["step"] == 3
    assert page.session_state["digit"] == 4321


@pytest.mark.usefixtures("alone")
def test_a_link_with_everything_restores_it_on_the_stage():
    page = opened(EVERYTHING)
    message = told(page, "set")
    assert checksum(message["set"]["pixels"]) == 1221189203
    assert edited(page) == {17: 57, 24: 3, 48: 127}
    assert message["set"]["cell"] == 17
    assert [message["tour"][name] for name in ("step", "presenting", "code")] == [5, True, 57]
    assert page.session_state["present"] == 1
    assert page.session_state["digit"] == 77


@pytest.mark.usefixtures("alone")
def test_a_link_to_usage_shows_its_order_scale_colours_and_cells():
    page = opened(USAGE)
    shown = [value(page, label) for label in ("Cells", "Order", "Show", "Scale", "Colours", "Pick a code")]
    assert shown == ["ink", "similarity", "usage", "log", "class", 9]
    assert charts(page)[0]["layout"]["yaxis"]["type"] == "log"
    assert sum(bars["name"] in set("0123456789") for bars in charts(page)[0]["data"] if "name" in bars) == 10
    assert told(page, "picked")["picked"] == 9
    assert "1,032 cells" in text_of(page)


@pytest.mark.usefixtures("alone")
def test_a_link_to_two_models_compares_them():
    page = opened(COMPARE)
    assert value(page, "Show") == "compare"
    assert value(page, "Compare with") == "tutorial"
    assert [curve["name"] for curve in charts(page)[0]["data"]] == ["Default (EMA)", "Tutorial (gradient)"]


@pytest.mark.usefixtures("alone")
def test_a_link_to_a_code_among_the_codes_selects_it():
    page = opened(CODES)
    assert value(page, "Show") == "codes"
    codes = told(page, "xy")
    assert numbers(codes["ids"]) == [*range(128)]
    assert numbers(codes["selection"]["ids"]) == [33]
    assert "3,879 cells" in text_of(page)


@pytest.mark.usefixtures("alone")
def test_a_link_to_a_map_of_digits_has_all_its_settings():
    page = opened(DIGITS)
    shown = [value(page, label) for label in ("Show", "Placed by", "Layout", "Colour")]
    assert shown == ["digits", "histogram", "t-sne", "error"]
    assert [value(page, label) for label in ("Points", "t-SNE neighbourhood", "Seed of t-SNE")] == [1000, 50, 7]
    message = told(page, "xy")
    assert "1,000 digits" in message["title"]
    assert message["legend"]["title"] == "NMSE"
    assert message["view"].startswith("50e995d00582 histogram")


@pytest.mark.usefixtures("alone")
def test_a_link_to_single_cells_selects_those_of_its_code():
    page = opened(CELLS)
    assert [value(page, label) for label in ("Show", "Layout", "Colour")] == ["cells", "pca", "code"]
    assert told(page, "xy")["cells"] == 49
    assert "Code 57" in text_of(page)
    assert "7 selected" in text_of(page)


@pytest.mark.usefixtures("alone")
def test_a_link_to_training_has_all_its_settings():
    page = opened(TRAIN)
    labels = ("Limit", "Codes (K)", "Embedding dimension", "Epochs", "Batch size", "Seed", "Learning rate")
    assert [value(page, label) for label in labels] == [2000, 64, 8, 12, 256, 11, 0.002]
    others = ("Commitment cost", "Quantizer", "Schedule", "k-means initialisation", "Dead-code replacement", "Images")
    assert [value(page, label) for label in others] == [0.5, "simvq", "constant", False, False, "digits"]
