"""What is loaded or computed once a process and shared read-only by all visitors. Never change any of it in place."""

import sys
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
import torch
from torch import Tensor

from pages.ui import caches
from pages.ui.caches import BY_CONTENT, FORGOTTEN, Built, ImageSource, by_source, computed, content
from pages.ui.charts.classes import most_in
from pages.ui.charts.style import Unchanging
from pages.ui.components.canvas import CanvasError, describe, describe_examples
from pages.ui.components.carrier import pack, pack_model
from pages.ui.components.ladder import to_fetch as describe_to_fetch
from pages.ui.components.learning import learning_data
from pages.ui.components.plane import plane_data
from pages.ui.components.scatter import make_sheet, make_tile_sheet
from vqvae import checkpoint as checkpoints
from vqvae import data, evaluation, prior_file
from vqvae import owner as owners
from vqvae.analysis import ablation, projection, typicality
from vqvae.analysis import best_codes as choices
from vqvae.analysis import encoding as encodings
from vqvae.analysis import tiles as pictures_of_codes
from vqvae.analysis import usage as counting
from vqvae.background.array_cache import ArrayCache
from vqvae.background.download import Downloads
from vqvae.background.jobs import ASKED_FOR, JobsInTurn, Report
from vqvae.background.pace import Pace
from vqvae.checkpoint import Checkpoint, CheckpointError
from vqvae.data import DataError, Digits
from vqvae.paths import ASSETS, cache_folder
from vqvae.receptive_field import pictured
from vqvae.runs import comparison as comparisons
from vqvae.runs import ladder as ladders
from vqvae.runs import own_images
from vqvae.runs.cost import Estimates
from vqvae.runs.own_checkpoints import Entry, OwnCheckpoints, is_own, on_digits
from vqvae.runs.run import Run

TITLES = {
    "default": "Default (EMA)",
    "tutorial": "Tutorial (gradient)",
    "plane": "Plane (D = 2)",
    "photos": "Photos (colour)",
}
MOST_OWN = 5_000  # images of a visitor's own that pages look at: as many as the digits that come along
COLOUR = {"photos": ASSETS / "photos.safetensors"}  # ships as well, for images that are no digits


EMBEDDED = ImageSource(data.EMBEDDED, "all")  # or what stands in their place: see `digits`


@st.cache_resource(max_entries=1, show_spinner="Opening what this server was started with …")
def owner() -> owners.Owner:
    """The model and the images that whoever started this server named on the command line."""
    found = owners.named(sys.argv[1:])
    for sentence in filter(None, (*found.said, found.problem)):
        print(sentence, file=sys.stderr)
    return found


def everybodys() -> dict[str, str]:
    """The titles of the models that every visitor is offered, by their names; the first one is what pages open with."""
    there = {owners.NAME: owner().title} if owner().model else {}
    return there | TITLES


def checkpoint(name: str) -> Checkpoint:
    """One of everybody's models by its name. Raises CheckpointError, which is not remembered: a mended file opens."""
    brought = owner().model if name == owners.NAME else None
    return brought or _shipped(name)


@st.cache_resource(max_entries=16, show_spinner="Opening the model …")
def _shipped(name: str) -> Checkpoint:
    return checkpoints.load((checkpoints.SHIPPED | COLOUR)[name])


def own_checkpoint(own: OwnCheckpoints, name: str) -> Checkpoint:
    """A checkpoint of a visitor's own. Raises CheckpointError."""
    return _own_checkpoint(own, name, own.changed(name))


@st.cache_resource(
    max_entries=64,
    show_spinner="Opening the model …",
    hash_funcs={OwnCheckpoints: lambda collection: collection.folder},
)
def _own_checkpoint(own: OwnCheckpoints, name: str, changed: int) -> Checkpoint:
    return own.open(name)


def digits(checkpoint: Checkpoint | None = None) -> Digits:
    """The images that pages begin with: the owner's where there are some, else the embedded digits. Raises DataError.

    A model of photographs has its own.
    """
    if owner().images is None and checkpoint is not None and checkpoint.dataset == data.PHOTOS:
        return dataset(data.PHOTOS, "all")
    return owner().images or _embedded()


@st.cache_resource(max_entries=1, show_spinner="Reading the digits …")
def _embedded() -> Digits:
    return data.load(data.EMBEDDED, "all")


@st.cache_resource(max_entries=4, show_spinner="Reading the digits …")
def dataset(name: str, split: str) -> Digits:
    """A data set that is on this machine. Raises DataError."""
    return data.load(name, split)


def available_digits() -> dict[str, ImageSource]:
    """The digits that every visitor is offered, as far as they are here, by their names in an address."""
    present = {"embedded": EMBEDDED}
    if data.is_present("mnist"):
        present |= {"mnist-test": ImageSource("mnist", "test"), "mnist-train": ImageSource("mnist", "train")}
    return present


def forget_own_images() -> None:
    """Let go of what was made of visitors' own images; of those that are still there it is made again."""
    _own_images.clear()
    built.clear()
    caches.forget_own_images()


@by_source(4)
def fitted_digits(checkpoint: Checkpoint, source: ImageSource) -> Digits:
    """A data set in the size that a model takes. Raises DataError."""
    if source == EMBEDDED:
        original = digits(checkpoint)
    else:
        original = _own_images(source) if source.folder else dataset(source.name, source.split)
    return data.fitted(original, checkpoint.model.config)


@st.cache_resource(max_entries=4, ttl=FORGOTTEN, show_spinner="Reading your images …")
def _own_images(source: ImageSource) -> Digits:
    """A visitor's own images, at most `MOST_OWN` of them. Raises DataError."""
    return own_images.read(Path(source.folder) / f"{source.name}.safetensors").everything.evenly(MOST_OWN)


@computed(8, "Encoding the images")
def encoded(checkpoint: Checkpoint, source: ImageSource) -> Callable[[Report], encodings.Encoded]:
    """A data set as a model's codes. Raises DataError."""
    digits = fitted_digits(checkpoint, source)
    return lambda report: encodings.encode(checkpoint.model, digits, report)


@computed(8, "Counting the codes")
def usage(checkpoint: Checkpoint, source: ImageSource) -> Callable[[Report], counting.Usage]:
    """How a data set uses a model's codebook. Raises DataError."""
    codes = encoded(checkpoint, source)
    return lambda report: counting.usage(codes, checkpoint.model.config.num_embeddings)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_CONTENT)
def tiles(checkpoint: Checkpoint) -> Tensor:
    """Each code's tile: (K, C, 4, 4) in [0, 1]."""
    return pictures_of_codes.tiles(checkpoint.model)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_CONTENT)
def similar_codes(checkpoint: Checkpoint) -> Tensor:
    """All codes in an order that has similar ones side by side: (K,)."""
    return counting.by_similarity(checkpoint.model.codebook)


built = Built(256, FORGOTTEN)


def figure(make: Callable[[], go.Figure], *choices: Hashable) -> Unchanging:
    """A figure that is the same for all who chose the same: `choices`, its name first, are all it is of."""
    return built(lambda: Unchanging(make()), *choices)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_CONTENT)
def described(checkpoint: Checkpoint) -> dict[str, Any]:
    """A model as the browser runs it. Raises CanvasError."""
    return describe(checkpoint)


@st.cache_resource(
    max_entries=16,
    show_spinner=False,
    hash_funcs={**BY_CONTENT, prior_file.TrainedPrior: lambda trained: trained.fingerprint},
)
def carried(checkpoint: Checkpoint, trained: prior_file.TrainedPrior | None = None) -> bytes:
    """A model and its prior as the carrier brings them. Raises CanvasError."""
    return pack_model(checkpoint, trained)


# The ladder, on several pages.


@st.cache_resource(max_entries=1, show_spinner=False)
def ladder() -> ladders.Ladder:
    """The models of other codebooks and stages of training that ship."""
    return ladders.load()


@st.cache_resource(max_entries=1, show_spinner=False)
def best_codes() -> choices.Gains | None:
    """What its models lose by taking the nearest codes; None where that was not recorded."""
    return choices.load()


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_CONTENT)
def to_fetch(checkpoint: Checkpoint) -> bytes:
    """A model as the browser fetches it. Raises CanvasError."""
    return describe_to_fetch(checkpoint)


# What visitors keep.


@st.cache_resource(max_entries=1, show_spinner=False)
def keeping() -> JobsInTurn[Entry]:
    """The models that are being measured in this process, to be kept by their owners."""
    return JobsInTurn(ASKED_FOR)


# The Codebook page.


@st.cache_resource(max_entries=1, show_spinner=False)
def ablations() -> ablation.AblationJobs:
    """The ablations of this process, kept on disk as well."""
    return ablation.AblationJobs(ArrayCache(cache_folder("ablations")))


def ablated_digits(checkpoint: Checkpoint, source: ImageSource) -> Digits:
    """Those of some images that an ablation measures: as many as do not take too long. Raises DataError."""
    return ablation.affordable(checkpoint.model, fitted_digits(checkpoint, source))


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_CONTENT)
def ablation_key(checkpoint: Checkpoint, source: ImageSource) -> str:
    """The content key of a model's ablation on these images. Raises DataError."""
    return ablation.content_key(checkpoint, ablated_digits(checkpoint, source))


@by_source(256)
def redrawn(checkpoint: Checkpoint, source: ImageSource, indices: tuple[int, ...], code: int) -> ablation.Redrawn:
    """Some of the ablated images with a code and without it. Raises DataError, ValueError for one code alone."""
    some = ablated_digits(checkpoint, source).take(torch.tensor(indices, dtype=torch.long))
    return ablation.redraw(checkpoint.model, some, checkpoint.variance, code)


# The Draw page.


@computed(3, "Comparing the images")
def crowd(checkpoint: Checkpoint, source: ImageSource) -> Callable[[Report], typicality.Reference]:
    """Images for a drawing to be compared with. Raises DataError."""
    made, codes = reconstructions(checkpoint, source), encoded(checkpoint, source)
    images = fitted_digits(checkpoint, source)
    return lambda report: typicality.reference(images, codes, made)


@computed(4, "Finding examples")
def examples(checkpoint: Checkpoint, source: ImageSource) -> Callable[[Report], dict[str, Any]]:
    """The images that say best what each code stands for, as the workbench shows them. Raises DataError."""
    images, codes, used = fitted_digits(checkpoint, source), encoded(checkpoint, source), usage(checkpoint, source)
    return lambda report: describe_examples(images, codes, used)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_CONTENT)
def carried_plane(checkpoint: Checkpoint) -> bytes:
    """A model's latents in a plane, as the carrier brings them; without digits where there are none.

    Raises CanvasError for a model that cannot run in the browser.
    """
    try:
        embedded = fitted_digits(checkpoint, EMBEDDED)
    except DataError:
        embedded = None
    return pack(plane_data(checkpoint, embedded))


# The Generate page.


def prior_of(name: str, checkpoint: Checkpoint, own: OwnCheckpoints | None) -> prior_file.TrainedPrior | None:
    """The prior of a checkpoint by its name in the picker, if it has one. Raises CheckpointError for a damaged one."""
    if name == owners.NAME:
        beside = owner().prior
        return prior(beside, checkpoint.fingerprint) if beside else None
    if name in prior_file.SHIPPED_PRIORS:
        return prior(prior_file.SHIPPED_PRIORS[name], checkpoint.fingerprint)
    return prior(own.prior_file(name), checkpoint.fingerprint) if own and is_own(name) else None


def prior(path: Path, fingerprint: str) -> prior_file.TrainedPrior | None:
    """The prior in a file, if there is one, and of this model. Raises CheckpointError for a damaged one."""
    try:
        return _prior(path, fingerprint, path.stat().st_mtime_ns)
    except OSError:
        return None


@st.cache_resource(max_entries=16, show_spinner="Opening the prior …")
def _prior(path: Path, fingerprint: str, changed: int) -> prior_file.TrainedPrior | None:
    return prior_file.load(path, fingerprint)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_CONTENT)
def not_in_browser(checkpoint: Checkpoint) -> str | None:
    """Why a model cannot run in the browser, in a sentence; None for one that can."""
    try:
        describe(checkpoint)
    except CanvasError as error:
        return str(error)
    return None


# The Map page.


@computed(3, "Reconstructing the images")
def reconstructions(checkpoint: Checkpoint, source: ImageSource) -> Callable[[Report], evaluation.Reconstructions]:
    """What a model makes of a data set's images. Raises DataError."""
    digits, codes = fitted_digits(checkpoint, source), encoded(checkpoint, source).codes
    return lambda report: evaluation.reconstructions(checkpoint.model, digits, codes, checkpoint.variance, report)


@computed(3, "Packing the pictures")
def sheet(checkpoint: Checkpoint, source: ImageSource) -> Callable[[Report], bytes]:
    """The pictures that a map shows, under the key `sheet_name`. Raises DataError."""
    digits, made = fitted_digits(checkpoint, source), reconstructions(checkpoint, source)
    codes, shades = encoded(checkpoint, source).codes, _shades(tiles(checkpoint))
    name, seen = sheet_name(checkpoint, source), pictured(checkpoint.model)
    return lambda report: make_sheet(name, digits.pixels, made.pixels, codes, made.nmse, shades, seen)


@computed(3, "Packing the pictures")
def tile_sheet(checkpoint: Checkpoint, source: ImageSource) -> Callable[[Report], bytes]:
    """The pictures that a map of codes shows, under the key `tile_sheet_name`: larger where used more. DataError."""
    by_class, images = usage(checkpoint, source).all_cells.by_class, fitted_digits(checkpoint, source)
    name, shades = tile_sheet_name(checkpoint, source), _shades(tiles(checkpoint))
    total = by_class.sum(0)
    sizes = 0.6 + 0.8 * (total / total.max().clamp_min(1)).sqrt()
    said = [
        ", ".join(
            filter(
                None, (f"{int(uses):,} cell{'s' * (uses != 1)}", most_in(by_class[:, code], images.classes, images.one))
            )
        )
        if uses
        else "dead: no cell takes it"
        for code, uses in enumerate(total.tolist())
    ]
    return lambda report: make_tile_sheet(name, shades, sizes, said)


def tile_sheet_name(checkpoint: Checkpoint, source: ImageSource) -> str:
    return f"codes of {sheet_name(checkpoint, source)}"


def _shades(pictures: Tensor) -> Tensor:
    return (pictures * 255).round().to(torch.uint8)


def sheet_name(checkpoint: Checkpoint, source: ImageSource) -> str:
    """What tells a sheet from every other."""
    return " ".join(map(str, (*content(checkpoint), source.name, source.split)))


@st.cache_resource(max_entries=1, show_spinner=False)
def maps() -> projection.MapJobs:
    """The maps of this process, kept on disk as well."""
    return projection.MapJobs(ArrayCache(cache_folder("maps")))


@computed(16, "Finding the principal components")
def principal_components(
    checkpoint: Checkpoint, source: ImageSource, settings: projection.MapSettings
) -> Callable[[Report], np.ndarray]:
    """The map of two principal components: (N, 2). Raises DataError."""
    digits, codes = fitted_digits(checkpoint, source), encoded(checkpoint, source)
    points = map_points(checkpoint, digits, settings)

    def compute(report: Report) -> np.ndarray:
        vectors = projection.vectors_of(checkpoint.model, digits, codes, settings.space, points)
        report(0.5)
        return projection.principal_components(vectors, 2)

    return compute


def map_points(checkpoint: Checkpoint, digits: Digits, settings: projection.MapSettings) -> projection.Points:
    """The points of a map of these digits."""
    config = checkpoint.model.config
    return projection.points_of(settings, len(digits), config.cells, config.num_embeddings)


# The Train page.


def measured(run: Run) -> evaluation.Evaluation | None:
    """A finished run's figures on all held-out images; None where its model cannot be read."""
    try:
        return _measured(run.model_file, run.model_file.stat().st_mtime_ns)
    except (OSError, CheckpointError):
        return None


@st.cache_data(max_entries=64, show_spinner=False)
def _measured(model_file: Path, changed: int) -> evaluation.Evaluation | None:
    return next(iter(checkpoints.load(model_file).measured), None)


@st.cache_resource(max_entries=1, show_spinner=False)
def downloads() -> Downloads:
    """The downloads of this process."""
    return Downloads()


@st.cache_resource(max_entries=1, show_spinner=False)
def uploads() -> Pace:
    """How often each visitor uploads something."""
    return Pace()


@st.cache_resource(max_entries=1, show_spinner=False)
def estimates() -> Estimates:
    """What runs take on this machine, as far as somebody asked."""
    return Estimates()


def shape_of(dataset_name: str) -> tuple[int, ...]:
    """(C, H, W) of a data set's images; one that is not on this machine has the embedded digits' size. DataError."""
    coloured = dataset_name == data.PHOTOS
    return tuple((dataset(data.PHOTOS, "test") if coloured else _embedded()).pixels.shape[1:])


def figures_on_digits(checkpoint: Checkpoint) -> evaluation.Evaluation:
    """How good a model is on the embedded digits. Raises DataError."""
    return on_digits(checkpoint, digits(checkpoint)) or evaluated.shown(checkpoint, EMBEDDED)


@computed(64, "Measuring the model")
def evaluated(checkpoint: Checkpoint, source: ImageSource) -> Callable[[Report], evaluation.Evaluation]:
    """A model's figures on a data set, measured here. Raises DataError."""
    digits = fitted_digits(checkpoint, source)
    return lambda report: evaluation.evaluate(checkpoint.model, digits, checkpoint.variance, report)


@st.cache_resource(max_entries=2, show_spinner=False)
def comparison(folder: Path = comparisons.SHIPPED) -> comparisons.Comparison | None:
    """A recorded comparison of recipes; None where none was recorded. Raises ValueError for a damaged one."""
    return comparisons.load(folder)


@st.cache_resource(max_entries=1, show_spinner=False)
def carried_learning() -> bytes | None:
    """Learning in the plane as it was recorded, for the carrier; None where none ships. ValueError if damaged."""
    recording = learning_data()
    return None if recording is None else pack(recording)
