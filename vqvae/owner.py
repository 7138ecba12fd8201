"""What whoever starts the app names on the command line: a model of their own, and images to see it on.

    streamlit run app.py -- --model my_adapter.py:make --images my-images

Every visitor sees them. A model is a function in a file (`vqvae.adapters`), whose code runs here, or a file of weights.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vqvae import adapters, checkpoint
from vqvae.checkpoint import Checkpoint, CheckpointError
from vqvae.data import DataError, Digits, plain_name
from vqvae.explorable import AdapterError
from vqvae.images import find

NAME = "owner"  # of the model in an address


class Owner(NamedTuple):
    """What was named, opened; `problem` says in a sentence why something could not be."""

    model: Checkpoint | None = None
    title: str = ""  # of the model
    images: Digits | None = None  # in place of the embedded digits
    said: tuple[str, ...] = ()  # of how the images were read
    problem: str = ""


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


def _opened(model: str | None, folder: Path | None) -> Owner:
    own = find(folder).read() if folder else None
    images, said = (own.everything, own.said) if own else (None, ())
    if model is None:
        return Owner(images=images, said=said)
    if ".py" in model:
        opened, images = adapters.load(model, images)
        return Owner(opened, plain_name(Path(model.rpartition(":")[0]).stem), images, said)
    path = Path(model)
    return Owner(checkpoint.load(path), plain_name(path.stem), images, said)
