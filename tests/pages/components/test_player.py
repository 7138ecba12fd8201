"""What the player is told of a run: the browser draws it as it comes."""

import base64

import numpy as np
import pytest
import torch

from pages.ui.charts import training
from pages.ui.components import player
from pages.ui.components.player import Seen, compared, duration, told
from vqvae.data import EMBEDDED
from vqvae.evaluation import Evaluation
from vqvae.runs.comparison import Comparison, Point, Result
from vqvae.runs.recording import LATEST, Metrics, Recording, code_paths
from vqvae.runs.run import Status
from vqvae.training import Hyperparameters


def moment(step: int, held_out: float | None = None) -> Metrics:
    return Metrics(step, 1 / (step + 1), 0.5, 0, 2, 3, 4, 500, 60, held_out, None, None, ink_perplexity=3.5)


def seen(history: list[Metrics], frames: int = 0, K: int = 8, D: int = 4) -> Seen:
    """A run that recorded a frame at each of its first steps."""
    if not frames:
        return Seen(history, None, None)
    generator = torch.Generator().manual_seed(0)
    codebooks = torch.randn(frames, K, D, generator=generator)
    usage = torch.randint(0, 9, (frames, K), generator=generator)
    made = torch.randint(0, 256, (frames, 2, 1, 6, 5), generator=generator).to(torch.uint8)
    return Seen(history, Recording(made[0], torch.arange(frames), codebooks, usage, made), code_paths(codebooks))


def numbers(text: str, kind: str = "<f4") -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


def curve(said: dict, name: str) -> dict:
    (found,) = [curve for curve in said["curves"] if curve["name"] == name]
    return found


RECIPE = Hyperparameters(num_embeddings=8, embedding_dim=4, commitment_cost=0.25)


def test_a_long_history_is_drawn_with_few_points_and_ends_with_the_last():
    said = told(
        seen([moment(step) for step in range(2_000)]), RECIPE, Status("running", 1_999, 2_000), None, going=True
    )
    steps = numbers(curve(said, "codes used")["steps"])
    assert len(steps) <= training.POINTS
    assert steps[-1] == 1_999


def test_a_moving_average_has_no_codebook_loss_to_draw():
    said = told(seen([moment(step, 0.5) for step in range(5)]), RECIPE, Status("running", 4, 5), None, going=True)
    names = [curve["name"] for curve in said["curves"] if curve["chart"] == "loss"]
    assert names == ["loss", "reconstruction (NMSE)", "commitment × cost", "held-out NMSE"]
    assert numbers(curve(said, "commitment × cost")["values"]).tolist() == [0.5] * 5


def test_a_run_of_no_steps_yet_has_no_figures():
    said = told(seen([]), RECIPE, Status("starting"), None, going=True)
    assert said["frames"] == [{"step": 0, "said": ["–"] * 7, "of": "on 80 images"}]
    assert said["part"] == 0


def test_perplexity_is_told_over_all_cells_and_over_those_with_ink():
    said = told(seen([moment(1), moment(2)]), RECIPE, Status("running", 2, 5), None, going=True)
    figures = dict(zip((label for label, _ in said["labels"]), said["frames"][-1]["said"], strict=True))
    assert [figures[f"Perplexity, {cells} cells"] for cells in ("all", "ink")] == ["3.0", "3.5"]
    assert numbers(curve(said, "perplexity, ink cells")["values"]).tolist() == [3.5, 3.5]


def test_a_recording_that_knows_no_ink_cells_has_a_dash_for_them():
    old = [moment(step)._replace(ink_perplexity=None) for step in (1, 2)]
    said = told(seen(old), RECIPE, Status("paused", 2, 5), None, going=False)
    figures = dict(zip((label for label, _ in said["labels"]), said["frames"][-1]["said"], strict=True))
    assert [figures[f"Perplexity, {cells} cells"] for cells in ("all", "ink")] == ["3.0", "–"]
    assert np.isnan(numbers(curve(said, "perplexity, ink cells")["values"])).tolist() == [True, True]


@pytest.mark.parametrize("K", [1, 8, 1024])
@pytest.mark.parametrize("D", [1, 2, 16])
def test_while_a_run_goes_on_paths_of_any_codebook_have_few_corners(K, D):
    recipe = Hyperparameters(num_embeddings=K, embedding_dim=D)
    said = told(seen([], 200, K, D), recipe, Status("running", 199, 999), None, going=True)
    places = numbers(said["places"]).reshape(-1, K, 2)
    assert len(places) == len(said["place_steps"])
    assert len(places) * K <= max(player.CORNERS, 2 * K) + LATEST * K
    assert said["place_steps"][-LATEST:] == [frame["step"] for frame in said["frames"]]


def test_while_a_run_goes_on_its_latest_frames_are_told_and_once_it_stands_every_one():
    one = seen([moment(step) for step in range(10)], 10)
    latest = told(one, RECIPE, Status("running", 9, 20), None, going=True)
    every = told(one, RECIPE, Status("paused", 9, 20), None, going=False)
    assert [frame["step"] for frame in latest["frames"]] == [6, 7, 8, 9]
    assert [frame["step"] for frame in every["frames"]] == list(range(10))
    assert numbers(latest["reconstructions"], "u1").tolist() == one.recording.reconstructions[6:].flatten().tolist()
    assert numbers(every["reconstructions"], "u1").tolist() == one.recording.reconstructions.flatten().tolist()
    assert numbers(every["places"]).reshape(10, 8, 2) == pytest.approx(one.ways.numpy())


def test_usage_is_told_in_multiples_of_an_even_one():
    one = seen([], 3)
    one.recording.usage[:] = torch.tensor([[0] * 8, [1] * 8, [8, *[0] * 7]])
    said = told(one, RECIPE, Status("paused", 2, 9), None, going=False)
    assert numbers(said["usage"]).reshape(3, 8).tolist() == [[0.0] * 8, [1.0] * 8, [8.0, *[0.0] * 7]]


def test_each_frame_has_the_figures_of_its_step():
    history = [moment(1), moment(3, 0.25), moment(4), moment(9, 0.125)]
    said = told(seen(history, 10), RECIPE, Status("paused", 9, 20), None, going=False)
    figures = [frame["said"][:2] for frame in said["frames"]]
    assert figures[0] == ["–", "–"]
    assert figures[1] == figures[2] == ["0.5000", "–"]
    assert figures[3] == ["0.2500", "0.2500"]
    assert figures[4] == figures[8] == ["0.2000", "0.2500"]
    assert figures[9] == ["0.1000", "0.1250"]


def test_the_last_frame_of_a_finished_run_has_the_figures_on_all_held_out_images():
    final = Evaluation(EMBEDDED, "test", 500, 0.01, 0.0625, 20.0, 4.0, 8)
    said = told(seen([moment(1, 0.25)], 2), RECIPE, Status("finished", 1, 1), final, going=False)
    assert said["frames"][-1]["said"][1] == "0.0625"
    assert said["frames"][-1]["said"][-1] == "–"  # no time is left


def test_a_comparison_is_told_as_a_curve_a_recipe_and_chart_the_mean_over_its_seeds():
    end = Evaluation("mnist", "test", 10, 0.01, 0.1, 20.0, 4.0, 8)
    curves = {0: (Point(5, 0.5, 2.0, 3), Point(9, 0.25, 4.0, 7)), 1: (Point(5, 0.25, 2.0, 4), Point(9, 0.25, 4.0, 8))}
    results = tuple(Result("ema", seed, 1.0, curve, end) for seed, curve in curves.items())
    said = compared(Comparison("mnist", 10, 1, results), ["ema"], {"ema": "Moving average"})
    assert [frame["step"] for frame in said["frames"]] == [5, 9]
    assert (said["plays"], said["going"], said["K"], said["steps"]) == (True, False, 128, 9)
    told = {
        one["chart"]: (one["name"], *(numbers(one[what]).tolist() for what in ("steps", "values")))
        for one in said["curves"]
    }
    assert told == {
        "loss": ("Moving average", [5, 9], [0.375, 0.25]),
        "codes": ("Moving average", [5, 9], [3.5, 7.5]),
    }


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (59, "59 s"), (61, "1 min"), (7_140, "119 min"), (9_000, "2.5 h")]
)
def test_a_duration_has_no_more_digits_than_an_estimate(seconds, words):
    assert duration(seconds) == words
