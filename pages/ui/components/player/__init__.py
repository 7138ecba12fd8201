"""The player: a run as it stands while it trains, and any moment of it after; a Streamlit component (Components v2).

A recorded comparison plays in it too, by its curves: of its runs, nothing else was kept from step to step.

Drawn in the browser from a few numbers, so that watching takes next to nothing from the training on the same machine,
and so that winding back and forth asks nobody. What is said and how it is coloured is decided here, in Python.
"""

import base64
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import nan
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch
from streamlit.components.v2 import component
from torch import Tensor

from pages.ui.charts.training import CURVES, thinned
from pages.ui.components.shared import module
from vqvae.evaluation import Evaluation
from vqvae.runs.comparison import RECIPES, Comparison
from vqvae.runs.recording import LATEST, Metrics, Recording
from vqvae.runs.run import ALIVE, Status
from vqvae.runs.worker import HELD_OUT
from vqvae.training import Hyperparameters

FOLDER = Path(__file__).parent
COLUMNS = 10  # of digits
PATHS = 20  # corners of a code's path while it grows, fewer for a large codebook
CORNERS = 6_000  # of all paths together
HELD_OUT_COLOR = "#d4143f"
HELP = {
    "Loss": "Reconstruction + codebook + commitment cost × commitment, less the entropy bonus where there is one.",
    "Held-out NMSE": f"On images that training never sees: on {HELD_OUT} while it goes on, at the end on all of them.",
    "Codes used": "In the latest batches.",
    "Perplexity, all cells": "Codebook perplexity of the latest batches.",
    "Perplexity, ink cells": "The same without blank paper: over the cells whose patch holds ink.",
    "Images a second": "Right now.",
    "Time left": "At this speed.",
}


class Seen(NamedTuple):
    """What a run had left behind when the page last looked."""

    history: list[Metrics]
    recording: Recording | None  # None before the first frame
    ways: Tensor | None  # of the codes in a plane: (F, K, 2)


def player(run: str, words: str, data: dict, every: float, *, presenting: bool) -> None:
    """Draw the component; `data` is `told`'s. `run` names what is played, `words` say what goes on.

    While the run goes on the page looks at it every so many seconds, in which the frames since the last look are shown.
    """
    content = {"run": run, "words": words, "every": every, "presenting": presenting, **data}
    _component(key="train.player", data=content)


def told(seen: Seen, recipe: Hyperparameters, status: Status, final: Evaluation | None, *, going: bool) -> dict:
    """All that the browser draws, as JSON: the latest frames while the run is `going` on, every one once it stands.

    `final` are the figures at the end, on all held-out images.
    """
    history, recording, K = seen.history, seen.recording, recipe.num_embeddings
    now = history[-1] if history else None
    nmse = final.nmse if final else _measured(history)[-1] if history else None
    left = now.seconds_left if now and status.state in ALIVE else None
    told = {
        "going": going,
        "K": K,
        "color": CURVES[0],  # of codes
        "steps": status.steps,
        "part": status.step / status.steps if status.steps else 0.0,
        "curves": [*_loss_curves(history, recipe, final and (status.step, final.nmse)), *_usage_curves(history, K)],
        "labels": list(HELP.items()),
        "frames": [
            {
                "step": status.step,
                "said": figures(now, nmse, K, left),
                "of": f"on all {final.images:,} images" if final else f"on {HELD_OUT} images",
            }
        ],
    }
    if recording is None or seen.ways is None:
        return told
    F = len(seen.ways)
    first = max(0, F - LATEST) if going else 0
    corners = max(2, min(PATHS, CORNERS // K)) if going else F
    places = sorted({round(at * (F - 1) / max(1, corners - 1)) for at in range(corners)} | {*range(first, F)})
    steps = recording.steps.tolist()
    even = recording.usage.sum(1, keepdim=True) / K
    shares = recording.usage / even.where(even > 0, 1)
    return {
        **told,
        "frames": _frames(steps[first:-1], history, K) + told["frames"],
        "shape": list(recording.digits.shape),  # M, C, H, W
        "columns": COLUMNS,
        "digits": _packed(recording.digits),
        "reconstructions": _packed(recording.reconstructions[first:]),  # (frames, M, C, H, W)
        "usage": _packed(shares[first:].float()),  # (frames, K), 1 is an even usage
        "place_steps": [steps[at] for at in places],
        "places": _packed(seen.ways[places]),  # (place_steps, K, 2)
    }


def compared(comparison: Comparison, recipes: Sequence[str], names: Mapping[str, str]) -> dict:
    """All that the browser draws of a recorded comparison: two charts, a curve a recipe, mean over the seeds."""
    curves: list[dict] = []
    steps: set[int] = set()
    K = max((RECIPES[recipe].num_embeddings for recipe in recipes if recipe in RECIPES), default=1)
    for recipe, color in zip(recipes, CURVES, strict=False):
        runs = [result.curve for result in comparison.of(recipe)]
        at = [point.step for point in runs[0]]
        steps.update(at)
        for chart, value in (("loss", "nmse"), ("codes", "codes_used")):
            means = [fmean(getattr(point, value) for point in points) for points in zip(*runs, strict=True)]
            curves.append(_curve_of(chart, names[recipe], color, at, means))
    return {
        "going": False,
        "plays": True,
        "titles": {"loss": "NMSE of the training batches", "codes": f"Codes used in the latest batches, of {K}"},
        "K": K,
        "steps": max(steps),
        "part": 1.0,
        "curves": curves,
        "labels": [],
        "frames": [{"step": step, "said": [], "of": ""} for step in sorted(steps)],
    }


def figures(now: Metrics | None, nmse: float | None, K: int, seconds_left: float | None) -> list[str]:
    """What stands below HELP's labels at a moment; `nmse` is the held-out one as last measured."""
    return [
        f"{now.loss:.4f}" if now else "–",
        f"{nmse:.4f}" if nmse is not None else "–",
        f"{now.codes_used} of {K}" if now else "–",
        f"{now.perplexity:.1f}" if now else "–",
        f"{now.ink_perplexity:.1f}" if now and now.ink_perplexity is not None else "–",
        f"{now.images_per_second:,.0f}" if now else "–",
        duration(seconds_left) if seconds_left else "–",
    ]


def duration(seconds: float) -> str:
    """Such as "2 min": no more digits than an estimate has."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _frames(steps: Sequence[int], history: list[Metrics], K: int) -> list[dict]:
    """What the figures said when each of these steps was recorded."""
    measured = _measured(history)
    reached = np.searchsorted([moment.step for moment in history], steps, side="right").tolist()
    moments = [(history[many - 1], measured[many - 1]) if many else (None, None) for many in reached]
    return [
        {
            "step": step,
            "said": figures(*moment, K, moment[0] and moment[0].seconds_left),
            "of": f"on {HELD_OUT} images",
        }
        for step, moment in zip(steps, moments, strict=True)
    ]


def _measured(history: Sequence[Metrics]) -> list[float | None]:
    """At each moment the held-out NMSE as last measured."""
    return list(accumulate((moment.held_out_nmse for moment in history), lambda old, new: old if new is None else new))


def _loss_curves(history: Sequence[Metrics], recipe: Hyperparameters, final: tuple[int, float] | None) -> list[dict]:
    """`final` is the last step and the NMSE on all held-out images, where they were measured: the curve ends there."""
    shown = thinned(history)
    parts = (
        ("loss", [moment.loss for moment in shown]),
        ("reconstruction (NMSE)", [moment.reconstruction_loss for moment in shown]),
        ("codebook", [moment.codebook_loss for moment in shown]),
        ("commitment × cost", [recipe.commitment_cost * moment.commitment_loss for moment in shown]),
    )
    measured = thinned([moment for moment in history if moment.held_out_nmse is not None])
    points = [(moment.step, moment.held_out_nmse) for moment in measured]
    if final:
        points = [point for point in points if point[0] < final[0]] + [final]
    return [
        *(
            _curve("loss", name, color, shown, values)
            for (name, values), color in zip(parts, CURVES, strict=True)
            if any(values)
        ),
        _curve_of(
            "loss",
            "held-out NMSE",
            HELD_OUT_COLOR,
            *zip(*points, strict=True) if points else ((), ()),
        ),
    ]


def _usage_curves(history: Sequence[Metrics], K: int) -> list[dict]:
    shown = thinned(history)
    return [
        _curve("codes", "codes used", CURVES[1], shown, [moment.codes_used for moment in shown]),
        _curve("codes", "perplexity, all cells", CURVES[0], shown, [moment.perplexity for moment in shown]),
        _curve("codes", "perplexity, ink cells", CURVES[2], shown, [moment.ink_perplexity for moment in shown]),
    ]


def _curve(chart: str, name: str, color: str, moments: Sequence[Metrics], values: Sequence[float | None]) -> dict:
    return _curve_of(chart, name, color, [moment.step for moment in moments], values)


def _curve_of(chart: str, name: str, color: str, steps: Sequence[int], values: Sequence[float | None]) -> dict:
    return {
        "chart": chart,
        "name": name,
        "color": color,
        "steps": _packed(torch.tensor(steps, dtype=torch.float32)),
        # What an older recording does not know leaves a gap.
        "values": _packed(torch.tensor([nan if one is None else one for one in values], dtype=torch.float32)),
    }


def _packed(values: Tensor) -> str:
    """Bytes or little-endian float32 in base64."""
    numbers = values.contiguous().numpy()
    return base64.b64encode(numbers.astype(numbers.dtype.newbyteorder("<"), copy=False).tobytes()).decode()


_component = component(
    "vqvae_player",
    html=(FOLDER / "player.html").read_text(),
    css=(FOLDER / "player.css").read_text(),
    js=module(FOLDER / "player.js"),
)
