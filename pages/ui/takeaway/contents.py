"""What lies in the page: models, recordings, and what Python's wrappers give to components in the app."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from pages.ui.components import canvas, generate, interpolation, ladder, story
from pages.ui.components.canvas import Put, Tour, canvas_data
from pages.ui.components.carrier import describe_prior
from pages.ui.components.generate import Written, writer_data
from pages.ui.components.ladder import Entry, Sides, ladder_data, to_fetch
from pages.ui.components.learning import described as learning_data
from pages.ui.components.plane import plane_data
from pages.ui.components.shared import files_of
from pages.ui.components.story import LEARNING, PLANE, story_data
from pages.ui.components.story.losses import losses_of
from pages.ui.takeaway.packing import pack
from vqvae import checkpoint as checkpoints
from vqvae.checkpoint import SHIPPED, Checkpoint, CheckpointError
from vqvae.data import Digits, fitted_pixels
from vqvae.prior_file import TrainedPrior
from vqvae.runs import ladder as ladders
from vqvae.runs import learning as recordings

FOLDER = Path(__file__).parent
COMPONENTS = {
    "story": (story.HTML, story.CSS),
    **{
        part.FOLDER.name: tuple((part.FOLDER / f"{part.FOLDER.name}.{kind}").read_text() for kind in ("html", "css"))
        for part in (canvas, generate, interpolation, ladder)
    },
}
RUNGS = (8, 32)  # codes of the two other models that come along
EXAMPLE = 1234  # the embedded digit that a page begins with, where nothing was drawn: a clear two
EVERY = 2  # so many looks of the recording of learning are one here
SERIAL = "home:0"


class Start(NamedTuple):
    """What is on the canvas when the page is opened."""

    pixels: Tensor  # (C, H, W) uint8
    edits: Tensor | None = None  # (h, w) int64 in [-1, K), of the page's model
    example: bool = False  # whether the first stroke of the pen begins a new drawing instead


def parts_of(
    title: str, checkpoint: Checkpoint, trained: TrainedPrior | None, digits: Digits, start: Start | None = None
) -> dict[str, str]:
    """What the page is made of, each part as the text that stands in it.

    Weights are rounded to half precision. Raises CanvasError for a model that cannot run in the browser.
    """
    half = _rounded(checkpoint)
    plane, recording, rungs = _plane(digits), _recording(), ladders.load()
    start = start or Start(digits.pixels[EXAMPLE], example=True)
    pixels = fitted_pixels(start.pixels, half.model.config)
    put = Put(SERIAL, pixels, start.edits, example=start.example)
    others = {
        f"codes-{one.model.config.num_embeddings}": one
        for one in rungs.codes
        if one.model.config.num_embeddings in RUNGS
    }
    classes = trained.prior.config.classes if trained else 0
    said = {
        "title": title,
        "fingerprint": half.fingerprint,
        "story": story_data(
            half.fingerprint,
            put,
            losses_of(half),
            has_plane=plane is not None,
            has_learning=recording is not None,
        ),
        "canvas": canvas_data(put, Tour("0"), classes),
        "generate": trained and writer_data(half.fingerprint, "0", Written()),
        "ladder": _ladder(title, checkpoint, others, rungs.unquantised and rungs.unquantised.nmse),
        "digits": _one_of_each(digits, half),
    }
    contents: dict[str, Any] = {
        "code": {
            "files": files_of(FOLDER / "takeaway.js"),
            "components": {name: {"html": markup, "css": css} for name, (markup, css) in COMPONENTS.items()},
        },
        "said": said,
        "model": json.loads(to_fetch(half)),
        "prior": trained and describe_prior(trained),
        PLANE: plane,
        LEARNING: recording,
        **{name: json.loads(to_fetch(one)) for name, one in others.items()},
    }
    return {name: pack(content) for name, content in contents.items() if content is not None}


def _rounded(checkpoint: Checkpoint) -> Checkpoint:
    """The model in half precision; as it is, where a weight is too large for that."""
    half = checkpoints.rounded(checkpoint)
    return half if all(tensor.isfinite().all() for tensor in half.model.state_dict().values()) else checkpoint


def _plane(digits: Digits) -> dict[str, Any] | None:
    """The model of two numbers a vector, where it is there."""
    try:
        plane = checkpoints.rounded(checkpoints.load(SHIPPED["plane"]))
    except CheckpointError:
        return None
    return plane_data(plane, digits) | {"model": json.loads(to_fetch(plane))}


def _recording() -> dict[str, Any] | None:
    """The recording of learning, thinned out, where one ships."""
    try:
        recording = recordings.load()
    except ValueError:
        return None
    if recording is None:
        return None
    kept = sorted({*range(0, len(recording.steps), EVERY), len(recording.steps) - 1})
    looks = {name: [looks[n] for n in kept] for name, looks in recording.looks.items()}
    return learning_data(replace(recording, steps=tuple(recording.steps[n] for n in kept), looks=looks))


def _ladder(
    title: str, checkpoint: Checkpoint, others: Mapping[str, Checkpoint], unquantised: float | None
) -> dict[str, Any] | None:
    """The page's model beside the smaller ones; each has the name of its part as its address."""
    if not others:
        return None
    K = checkpoint.model.config.num_embeddings
    entries = [
        Entry(name, f"{one.model.config.num_embeddings} codes", "codes", one, name) for name, one in others.items()
    ]
    if checkpoint.fingerprint == checkpoints.load(SHIPPED["default"]).fingerprint:
        own = Entry(f"codes-{K}", f"{K} codes", "codes", checkpoint, "model")
    else:
        own = Entry("model", title, "models", checkpoint, "model")
    return ladder_data([*entries, own], unquantised, "0", Sides(own.name, entries[0].name))


def _one_of_each(digits: Digits, checkpoint: Checkpoint) -> list[dict[str, Any]]:
    """An embedded digit of each class, in the model's size, channels last."""
    found = []
    for label in digits.labels.unique().tolist():
        number = int((digits.labels == label).nonzero()[0])
        pixels = fitted_pixels(digits.pixels[number], checkpoint.model.config).permute(1, 2, 0)
        found.append({"label": label, "pixels": pixels.flatten().tolist()})
    return found
