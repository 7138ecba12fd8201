"""What is computed ahead for the shipped checkpoints: a file of arrays beside each, found by their content keys."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from vqvae import checkpoint as checkpoints
from vqvae import data
from vqvae.background.array_cache import find_array, npz
from vqvae.checkpoint import SHIPPED, Checkpoint
from vqvae.data import Digits
from vqvae.files import write_atomically
from vqvae.paths import ASSETS


def find(kind: str, key: str, shape: tuple[int, ...], folder: Path = ASSETS) -> np.ndarray | None:
    """The shipped array of this content, if there is one; a damaged file counts as none."""
    return find_array(folder.glob(f"*.{kind}.npz"), key, shape)


def write(
    kind: str,
    compute: Callable[[Checkpoint, Digits], dict[str, np.ndarray]],
    names: Sequence[str] = tuple(SHIPPED),
    folder: Path = ASSETS,
) -> list[Path]:
    """Compute the arrays of shipped checkpoints on the embedded digits, by their keys; the files written.

    Raises CheckpointError, DataError, OSError; ValueError for a name that is not shipped.
    """
    if unknown := set(names) - set(SHIPPED):
        raise ValueError(f"expected shipped checkpoints out of {', '.join(SHIPPED)}, got {', '.join(sorted(unknown))}")
    digits = data.load(data.EMBEDDED, "all")
    paths = [folder / f"{name}.{kind}.npz" for name in names]
    for name, path in zip(names, paths, strict=True):
        write_atomically(path, npz(compute(checkpoints.load(SHIPPED[name]), digits)))
    return paths
