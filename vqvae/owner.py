"""What whoever starts the app names on the command line: a model of their own, and images to see it on.

    streamlit run app.py -- --model my_adapter.py:make --images my-images
    streamlit run app.py -- --model vqvae/assets/photos.safetensors --images photos

Every visitor sees them. A model is a function in a file (`vqvae.adapters`), whose code runs here, or a file of weights.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vqvae import adapters, checkpoint
from vqvae.checkpoint import Checkpoint, CheckpointError
from vqvae.data import ALONG, DATASETS, DataError, Digits, load, plain_name
from vqvae.explorable import AdapterError
from vqvae.image_set import Shape
from vqvae.images import find
from vqvae.prior_file import ENDING

NAME = "owner"  # of the model in an address
LARGEST = 4 * 2**30  # bytes of a file of the owner's own, whose memory it is
LONGEST_SIDE = 256  # pixels of images whose size no model gives


class Owner(NamedTuple):
    """What was named, opened; `problem` says in a sentence why something could not be."""

    model: Checkpoint | None = None
    title: str = ""  # of the model
    images: Digits | None = None  # in place of the embedded digits
    said: tuple[str, ...] = ()  # of how the images were read
    problem: str = ""
    prior: Path | None = None  # where one lies that was trained for the model, if it was


def named(arguments: Sequence[str]) -> Owner:
    """Open what a command line names; what is wrong with it is said, not raised."""
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument("--model")
    parser.add_argument("--images", type=Path)
    asked, _ = parser.parse_known_args(arguments)
    try:
        return _opened(asked.model, asked.images)
    except (AdapterError, CheckpointError, DataError) as error:
        return Owner(problem=str(error))


def _opened(model: str | None, source: Path | None) -> Owner:
    if model is None:
        images, said = _images(source)
        return Owner(images=images, said=said)
    title, prior = plain_name(file_of(model).stem), prior_beside(model)
    if is_code(model):
        images, said = _images(source)
        opened, images = adapters.load(model, images)
        return Owner(opened, title, images, said, prior=prior)
    opened = checkpoint.load(Path(model), max_bytes=LARGEST)
    images, said = _images(source, opened.model.config.image_shape)
    if images is not None:
        opened = checkpoint.with_variance_of(opened, images)
    return Owner(opened, title, images, said, prior=prior)


def is_code(model: str) -> bool:
    """Whether a name is of a function in a file, and not of weights."""
    return re.search(r"\.py(:|$)", model) is not None


def file_of(model: str) -> Path:
    """The file that a model's name is of."""
    return Path(model.rpartition(":")[0] if is_code(model) and ":" in model else model)


def prior_beside(model: str) -> Path:
    """Where a model's prior lies: beside its file, whatever it is a file of."""
    file = file_of(model)
    return file.with_name(file.stem + ENDING)


def opened(model: str, images: Digits | None = None) -> tuple[Checkpoint, Digits | None]:
    """A model by its name, and the images given, else those that it brings along.

    Raises AdapterError and CheckpointError.
    """
    if is_code(model):
        return adapters.load(model, images)
    found = checkpoint.load(Path(model), max_bytes=LARGEST)
    return (found if images is None else checkpoint.with_variance_of(found, images)), images


def _images(source: Path | None, shape: Shape | None = None) -> tuple[Digits | None, tuple[str, ...]]:
    """What was named, in a shape where one is given, and what is to be said of it: a folder or file, or a data set."""
    if source is None:
        return None, ()
    if str(source) in DATASETS and not source.exists():
        return load(str(source), "all" if str(source) in ALONG else "test"), ()
    found = find(source)
    channels, height, width = found.shape
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    own = found.read(shape or (channels, max(1, round(height * scale)), max(1, round(width * scale))))
    return own.everything, own.said
