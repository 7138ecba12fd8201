"""Learning in the plane: a model of D = 2 by three recipes, from the same start, on the same images in the same order.

What is recorded at a moment is one look at the same digits: where their latents lie, where the codes are, how many
latents each code has, and the mean of these. That mean is where the codebook loss pulls the code (van den Oord et al.
2017, eq. 3, second term), and where a moving average goes: a code without latents is pulled nowhere.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as safetensors_bytes
from torch import Tensor

from vqvae.checkpoint import LIBRARIES
from vqvae.data import Digits, to_unit
from vqvae.files import write_atomically
from vqvae.paths import ASSETS
from vqvae.receptive_field import background_cells, receptive_field
from vqvae.training import TUTORIAL, Hyperparameters, Training

START = replace(TUTORIAL, embedding_dim=2, num_embeddings=32, epochs=3)
RECIPES = {
    "gradient": START,
    "ema": replace(START, quantizer="ema"),
    "ema-revival": replace(START, quantizer="ema", dead_code_replacement=True),
}
FRAMES = 72
LOOKED_AT = 250  # digits, all cells of which are counted
SHOWN = 300  # of these cells, whose latents are kept
SHIPPED = ASSETS / "learning.safetensors"
METADATA_KEY = "vqvae-learning"
KEPT_AS = {"counts": np.int32, "ink_counts": np.int32, "nmse": np.float32}  # all else in half precision


class Look(NamedTuple):
    """What the same digits make of a codebook at one moment; N of their cells are shown."""

    latents: np.ndarray  # (N, 2)
    codebook: np.ndarray  # (K, 2)
    means: np.ndarray  # (K, 2) of all latents of a code, where the code itself lies if there are none
    counts: np.ndarray  # (K,) of all latents
    ink_counts: np.ndarray  # (K,) of those whose patch holds ink
    nmse: float


@dataclass(frozen=True)
class Learning:
    """A recording: F looks at each recipe's run. Never change it in place."""

    steps: tuple[int, ...]  # (F,) training steps before each look
    looks: dict[str, list[Look]]  # recipe -> F of them
    recipes: dict[str, Hyperparameters]
    trained_on: str  # in words
    looked_at: str  # in words
    versions: dict[str, str]


def moments(steps: int, frames: int = FRAMES) -> tuple[int, ...]:
    """The steps at which to look, closer together at the start, when most happens."""
    return tuple(sorted({round(steps * (n / (frames - 1)) ** 2) for n in range(frames)}))


def record(images: Digits, looked_at: Digits, recipes: dict[str, Hyperparameters] | None = None) -> Learning:
    """Train all recipes on the images, and look at some of the other digits now and then: some minutes."""
    recipes = recipes or RECIPES
    some = looked_at.evenly(LOOKED_AT)
    looks = {name: list(_follow(Training(images, recipe), some)) for name, recipe in recipes.items()}
    steps = moments(Training(images, next(iter(recipes.values()))).steps)
    versions = {name: version(name) for name in LIBRARIES}
    return Learning(steps, looks, recipes, images.described, some.described, versions)


def _follow(training: Training, digits: Digits) -> Iterator[Look]:
    for step in moments(training.steps):
        while training.step_count < step:
            training.step()
        yield look(training, digits)


@torch.inference_mode()
def look(training: Training, digits: Digits) -> Look:
    """What digits make of the model of a run as it stands."""
    model = training.model
    images = to_unit(digits.pixels)
    latents = model.latents(images)  # (B, 2, h, w)
    codes = model.vq_layer.nearest(latents)  # (B, h, w)
    nmse = (model.decode(codes).cpu() - images).square().mean() / training.variance
    codebook = model.vq_layer.codebook.cpu()
    K = len(codebook)
    vectors, taken = latents.permute(0, 2, 3, 1).flatten(0, 2).cpu(), codes.flatten().cpu()  # (M, 2), (M,)
    counts = torch.bincount(taken, minlength=K)
    blank = background_cells(digits.pixels, receptive_field(model), model.config.grid).flatten()
    ink_counts = torch.bincount(taken[~blank], minlength=K)
    sums = torch.zeros_like(codebook).index_add_(0, taken, vectors)
    means = torch.where(counts.unsqueeze(1) > 0, sums / counts.clamp_min(1).unsqueeze(1), codebook)
    shown = _shown(len(vectors))
    return Look(
        latents=vectors[shown].numpy(),
        codebook=codebook.numpy().copy(),
        means=means.numpy(),
        counts=counts.numpy(),
        ink_counts=ink_counts.numpy(),
        nmse=float(nmse),
    )


def _shown(cells: int) -> Tensor:
    """Which cells are kept: drawn once, so that every look keeps the same ones, in no order of place or class."""
    return torch.randperm(cells, generator=torch.Generator().manual_seed(0))[:SHOWN]


def save(learning: Learning, path: Path = SHIPPED) -> None:
    """Write a recording, positions in half precision: some 370 KB. Raises OSError."""
    tensors = {"steps": np.array(learning.steps, np.int32)}
    for name, looks in learning.looks.items():
        for kind in Look._fields:
            stacked = np.stack([np.asarray(getattr(one, kind)) for one in looks])
            tensors[f"{name}.{kind}"] = stacked.astype(KEPT_AS.get(kind, np.float16))
    said = {
        "recipes": {name: asdict(recipe) for name, recipe in learning.recipes.items()},
        "trained_on": learning.trained_on,
        "looked_at": learning.looked_at,
        "versions": learning.versions,
    }
    write_atomically(path, safetensors_bytes(tensors, metadata={METADATA_KEY: json.dumps(said)}))


def load(path: Path = SHIPPED) -> Learning | None:
    """The recording in a file; None where there is none. Raises ValueError for a damaged one."""
    if not path.exists():
        return None
    try:
        with safe_open(path, "numpy") as file:
            said = json.loads(file.metadata()[METADATA_KEY])
            steps = tuple(file.get_tensor("steps").tolist())
            looks = {
                name: [
                    Look(*arrays, nmse=float(nmse))
                    for *arrays, nmse in zip(*(file.get_tensor(f"{name}.{kind}") for kind in Look._fields), strict=True)
                ]
                for name in said["recipes"]
            }
        recipes = {name: Hyperparameters.from_record(recipe) for name, recipe in said["recipes"].items()}
        return Learning(steps, looks, recipes, said["trained_on"], said["looked_at"], said["versions"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} is damaged ({error}): record it again by python -m vqvae learning") from error
