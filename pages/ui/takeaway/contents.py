"""What lies in the page: models, recordings, and what Python's wrappers give to components in the app."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from pages.ui.components import canvas, generate, interpolation, ladder, story
from pages.ui.components.canvas import Put, Tour, canvas_data, describe
from pages.ui.components.carrier import describe_prior
from pages.ui.components.generate import Written, writer_data
from pages.ui.components.ladder import Entry, Sides, in_halves, ladder_data
from pages.ui.components.learning import LEARNING
from pages.ui.components.learning import described as learning_data
from pages.ui.components.plane import plane_data
from pages.ui.components.shared import files_of
from pages.ui.components.story import PLANE, story_data
from pages.ui.components.story.losses import losses_of
from pages.ui.takeaway.packing import pack
from vqvae import checkpoint as checkpoints
from vqvae import data
from vqvae.analysis import best_codes
from vqvae.checkpoint import SHIPPED, Checkpoint, CheckpointError
from vqvae.data import DataError, Digits, fitted, fitted_pixels
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
EVERY = 2  # so many looks of the recording of learning are one here
CHOICES = 10  # images to choose from


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
    plane, recording, rungs = _plane(), _recording(), ladders.load()
    start = start or Start(digits.pixels[data.EXAMPLE % len(digits)], example=True)
    put = Put("", fitted_pixels(start.pixels, checkpoint.model.config), start.edits, example=start.example)
    others = {
        f"codes-{one.model.config.num_embeddings}": one
        for one in rungs.codes
        if one.model.config.num_embeddings in RUNGS
    }
    classes = trained.prior.config.classes if trained else 0
    said = {
        "fingerprint": checkpoint.fingerprint,
        "story": story_data(
            checkpoint.fingerprint,
            put,
            losses_of(checkpoint),
            has_plane=plane is not None,
            has_learning=recording is not None,
        ),
        "canvas": canvas_data(put, Tour("0"), classes),
        "generate": trained and writer_data(checkpoint.fingerprint, "0", Written()),
        "ladder": _ladder(title, checkpoint, others, rungs.unquantised and rungs.unquantised.nmse),
        "digits": _some(digits, checkpoint),
    }
    contents: dict[str, Any] = {
        "code": {
            "files": files_of(FOLDER / "takeaway.js"),
            "components": {name: {"html": markup, "css": css} for name, (markup, css) in COMPONENTS.items()},
        },
        "said": said,
        "model": in_halves(describe(checkpoint)),
        "prior": trained and describe_prior(trained),
        PLANE: plane,
        LEARNING: recording,
        **{name: in_halves(describe(one)) for name, one in others.items()},
    }
    return {name: pack(content) for name, content in contents.items() if content is not None}


def _plane() -> dict[str, Any] | None:
    """The model of two numbers a vector among real digits, where both are there."""
    try:
        plane, digits = checkpoints.load(SHIPPED["plane"]), data.load(data.EMBEDDED, "all")
    except (CheckpointError, DataError):
        return None
    contents = plane_data(plane, fitted(digits, plane.model.config))
    return contents | {"model": in_halves(contents["model"])}


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
    K, gains = checkpoint.model.config.num_embeddings, best_codes.load()
    entries = [
        Entry(name, f"{one.model.config.num_embeddings} codes", "codes", one, name, best=gains and gains.best(one))
        for name, one in others.items()
    ]
    if checkpoint.fingerprint == checkpoints.load(SHIPPED["default"]).fingerprint:
        best = gains and gains.best(checkpoint)
        own = Entry(f"codes-{K}", f"{K} codes", "codes", checkpoint, "model", best=best)
    else:
        own = Entry("model", title, "models", checkpoint, "model")
    sides, best_on = Sides(own.name, entries[0].name), gains.measured_on if gains else ""
    return ladder_data([*entries, own], unquantised, "0", sides, best_on=best_on)


def _some(digits: Digits, checkpoint: Checkpoint) -> list[dict[str, Any]]:
    """An image of each of the first classes, in the model's size, channels last; without classes, some images."""
    numbers = [int((digits.labels == label).nonzero()[0]) for label in digits.labels.unique()[:CHOICES]]
    if not digits.labelled:
        numbers = list(range(min(CHOICES, len(digits))))
    found = []
    for number in numbers:
        pixels = fitted_pixels(digits.pixels[number], checkpoint.model.config).permute(1, 2, 0)
        name = digits.classes[int(digits.labels[number])] if digits.labelled else f"{digits.one} {number}"
        found.append({"name": name, "pixels": pixels.flatten().tolist()})
    return found
