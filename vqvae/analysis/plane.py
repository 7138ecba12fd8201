"""Latents in a plane: of a model of D = 2 as they are, of others their two leading principal components.

The plane of the components is the one from which latents lie the least far, by the sum of squares (Pearson 1901).
"""

from typing import NamedTuple

import numpy as np
import torch

from vqvae.data import Digits, to_unit
from vqvae.explorable import Model
from vqvae.receptive_field import background_cells, receptive_field

IMAGES = 250  # whose latents are placed
POINTS = 2_000  # at most


class Projection(NamedTuple):
    """Vectors of D numbers to points: p = matrix (v - mean)."""

    matrix: np.ndarray  # (2, D), rows at right angles and of length 1, but for a second one of zeros where D = 1
    mean: np.ndarray  # (D,)
    explained: float  # share of the latents' variance that lies in the plane, in [0, 1]


class Placed(NamedTuple):
    """A plane, and where latents of real digits lie in it."""

    projection: Projection
    points: np.ndarray  # (N, 2) float32; none where there are no digits


def place(model: Model, digits: Digits | None) -> Placed:
    """The plane of a model, and in it the latents of some of these digits, of the model's size.

    Latents of blank paper all coincide, or nearly: those of cells with ink are placed. Without any, the components are
    those of the codes.
    """
    vectors = _latents(model, digits) if digits else np.zeros((0, model.config.embedding_dim), np.float32)
    codebook = model.codebook.detach().cpu().numpy()
    projection = project(vectors if len(vectors) > 1 else codebook)
    return Placed(projection, (vectors - projection.mean) @ projection.matrix.T)


def project(vectors: np.ndarray) -> Projection:
    """The plane for vectors (N, D), as they are where D is at most 2."""
    D = vectors.shape[1]
    if D <= 2:
        return Projection(np.eye(2, D, dtype=np.float32), np.zeros(D, np.float32), 1.0)
    mean = vectors.mean(0, dtype=np.float64)
    centred = vectors - mean
    variances, axes = np.linalg.eigh(centred.T @ centred)  # (D,), ascending, and (D, D)
    leading = axes[:, :-3:-1].T  # (2, D)
    # An axis has no sign of its own: fixed, so that the picture is the same on every machine.
    leading = leading * np.sign(np.take_along_axis(leading, np.abs(leading).argmax(1, keepdims=True), 1))
    explained = float(variances[-2:].sum() / variances.sum()) if variances.sum() > 0 else 1.0
    return Projection(leading.astype(np.float32), mean.astype(np.float32), explained)


def _latents(model: Model, digits: Digits) -> np.ndarray:
    """z_e of cells with ink, evenly out of evenly chosen digits: (N, D)."""
    some = digits.evenly(IMAGES)
    latents = model.latents(to_unit(some.pixels)).permute(0, 2, 3, 1)  # (B, h, w, D)
    ink = ~background_cells(some.pixels, receptive_field(model), model.config.grid)  # (B, h, w)
    vectors = latents.cpu()[ink]
    chosen = torch.arange(min(POINTS, len(vectors))) * len(vectors) // max(1, min(POINTS, len(vectors)))
    return vectors[chosen].numpy()
