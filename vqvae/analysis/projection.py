"""Maps: points of many dimensions laid on a plane so that neighbours stay neighbours.

PCA, and t-SNE (van der Maaten and Hinton 2008) as openTSNE has it (Policar, Strazar and Zupan 2024): PCA to 50
dimensions first and a start from the two leading components (Kobak and Berens 2019). A t-SNE map of 5,000 points
takes half a minute, so maps are kept on disk by content, and those that a visitor sees first are shipped.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vqvae.analysis import shipped
from vqvae.analysis.encoding import Encoded, encode
from vqvae.background.array_cache import ArrayCache, ArrayJobs
from vqvae.background.jobs import CancelledError, Job
from vqvae.checkpoint import Checkpoint
from vqvae.data import Digits, to_unit
from vqvae.explorable import Model

# What a point of a map is, and where it lies before it is laid out.
SPACES = {  # what the points are, given what images are called
    "codes": "codebook vectors",
    "quantised": "{images} by their quantised latents",
    "continuous": "{images} by their latents before quantising",
    "histogram": "{images} by how often they use each code",
    "cells": "single cells by their latents before quantising",
}
METHODS = ("t-sne", "pca")
MAX_POINTS = 10_000
MOST_CODES = 5_000  # of a map by t-SNE
BINS = 1_024  # of a histogram over codes: of more codes, similar ones share a bin
MOST_NUMBERS = 4_096  # of an image's vectors: of more, those of neighbouring cells are averaged
AT_ONCE = 500  # images whose vectors are looked up together
DIMENSIONS = 50  # PCA keeps these before t-SNE
EXACT = 1_024  # numbers of a point
ITERATIONS = (250, 500)  # of t-SNE, with early exaggeration and without
REPORT_EVERY = 10  # iterations
LAYOUT = 1  # part of every content key: raise it when the same settings give another map


@dataclass(frozen=True)
class MapSettings:
    """What is laid out and how. Raises ValueError for settings that no map can have."""

    space: str = "quantised"  # out of SPACES
    method: str = "t-sne"  # out of METHODS
    points: int = 5_000  # at most, out of the digits given; codebook vectors are always shown all
    neighbourhood: int = 30  # t-SNE's own perplexity: about how many neighbours a point is to keep
    seed: int = 0  # shakes the start of t-SNE

    def __post_init__(self) -> None:
        if self.space not in SPACES:
            raise ValueError(f"expected a space out of {', '.join(SPACES)}, got {self.space!r}")
        if self.method not in METHODS:
            raise ValueError(f"expected a method out of {', '.join(METHODS)}, got {self.method!r}")
        if not 1 <= self.points <= MAX_POINTS:
            raise ValueError(f"expected 1 to {MAX_POINTS} points, got {self.points}")
        if not 2 <= self.neighbourhood <= 200:
            raise ValueError(f"expected a neighbourhood size from 2 to 200, got {self.neighbourhood}")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"expected a seed from 0 to {2**31 - 1}, got {self.seed}")


# What is laid out.


class Points(NamedTuple):
    """What the points of a map stand for."""

    indices: Tensor  # (N,) int64: the digit, or in space "codes" the code
    cells: Tensor | None  # (N,) int64 in reading order, in space "cells" alone


def points_of(settings: MapSettings, images: int, cells: int, num_embeddings: int) -> Points:
    """The points of a map of `images` images of `cells` codes each. A smaller map's images are also in a larger one.

    Of more codes than t-SNE lays out in a minute or two it gets a sample; their principal components are of all.
    """
    if settings.space == "codes":
        codes = torch.arange(num_embeddings)
        if settings.method == "t-sne" and num_embeddings > MOST_CODES:
            chosen = torch.randperm(num_embeddings, generator=torch.Generator().manual_seed(0))[:MOST_CODES]
            codes = chosen.sort().values
        return Points(codes, None)
    generator = torch.Generator().manual_seed(0)
    if settings.space == "cells":
        chosen = torch.randperm(images * cells, generator=generator)[: settings.points].sort().values
        return Points(chosen // cells, chosen % cells)
    return Points(torch.randperm(images, generator=generator)[: settings.points].sort().values, None)


def vectors_of(model: Model, digits: Digits, encoded: Encoded, space: str, points: Points) -> np.ndarray:
    """Where points lie before they are laid out: (N, F) float32. `encoded` are the digits' codes under this model."""
    if space == "codes":
        return model.codebook.detach().cpu()[points.indices].numpy().astype(np.float32)
    codes = encoded.codes[points.indices]  # (N, h, w)
    if space == "quantised":
        vectors = torch.cat([_pooled(model.vq_layer.lookup(part).detach().cpu()) for part in codes.split(AT_ONCE)])
    elif space == "histogram":
        bins = _bins(model.codebook.detach().cpu())  # (K,)
        N, K = len(codes), int(bins.max()) + 1
        flat = bins[codes.flatten(1)] + K * torch.arange(N).unsqueeze(1)
        # Roots of shares: Euclidean distance is then Hellinger's, the usual one between histograms.
        vectors = (torch.bincount(flat.flatten(), minlength=N * K).view(N, K) / flat.shape[1]).sqrt()
    else:
        images, place = points.indices.unique(return_inverse=True)
        parts, step = [], model.config.images_at_once
        for begin in range(0, len(images), step):
            latents = model.latents(to_unit(digits.pixels[images[begin : begin + step]])).cpu()  # (B, D, h, w)
            here = (place >= begin) & (place < begin + step)
            of = place[here] - begin
            parts.append(
                _pooled(latents)[of] if points.cells is None else latents.flatten(2)[of, :, points.cells[here]]
            )
        vectors = torch.cat(parts)  # in the points' order, since they come sorted by their images
    return vectors.cpu().flatten(1).numpy().astype(np.float32)


def _pooled(vectors: Tensor) -> Tensor:
    """The vectors of images (N, D, h, w), averaged over neighbouring cells until they are not too many."""
    while min(vectors.shape[2:]) > 1 and vectors[0].numel() > MOST_NUMBERS:
        vectors = F.avg_pool2d(vectors, 2, ceil_mode=True)
    return vectors


def _bins(codebook: Tensor) -> Tensor:
    """The bin of each code (K, D) in a histogram: its own, or one that it shares with similar codes. (K,) int64."""
    if len(codebook) <= BINS:
        return torch.arange(len(codebook))
    from sklearn.cluster import MiniBatchKMeans  # a second to import

    means = MiniBatchKMeans(BINS, n_init=1, random_state=0).fit(codebook.double().numpy())
    return torch.from_numpy(means.labels_).long()


# How it is laid out.


def principal_components(vectors: np.ndarray, dimensions: int) -> np.ndarray:
    """The leading principal components: (N, F) -> (N, dimensions) float32, signs fixed, zeros where there are none."""
    from sklearn.decomposition import PCA  # a second to import

    components = np.zeros((len(vectors), dimensions), dtype=np.float32)
    kept = min(dimensions, *vectors.shape)
    if (vectors != vectors[0]).any():
        # Exact where the covariance of all numbers is small, else by a seeded random projection (Halko et al. 2011).
        solver = "covariance_eigh" if vectors.shape[1] <= EXACT else "randomized"
        components[:, :kept] = PCA(kept, svd_solver=solver, random_state=0).fit_transform(vectors)
    return components


def tsne(
    vectors: np.ndarray, neighbourhood: int, seed: int, watch: Callable[[float, np.ndarray], bool] | None = None
) -> np.ndarray:
    """Lay points out by t-SNE: (N, F) -> (N, 2) float32, the same for the same seed.

    `watch` hears the share done in [0, 1] and the positions so far, and says whether to go on; where it says no,
    `CancelledError` is raised. The neighbourhood size is lowered to a third of the points where those are few.
    """
    reduced = principal_components(vectors, min(DIMENSIONS, *vectors.shape))
    N = len(reduced)
    start = _start(reduced, seed)
    if N < 7 or not start.any():  # t-SNE wants at least two neighbours, and points that differ
        return start * 1e4
    from openTSNE import TSNE  # two seconds to import, and needed for a new map alone

    done = 0

    def report(_iteration: int, _error: float, embedding: np.ndarray) -> bool:
        nonlocal done
        done += REPORT_EVERY
        if watch is None:
            return False
        return not watch(min(1.0, done / sum(ITERATIONS)), np.array(embedding, dtype=np.float32))

    if watch is not None and not watch(0.0, start):
        raise CancelledError
    stopped = _Remember(report)
    embedding = TSNE(
        perplexity=min(neighbourhood, (N - 1) / 3),
        early_exaggeration_iter=ITERATIONS[0],
        n_iter=ITERATIONS[1],
        initialization=start.astype(np.float64),
        neighbors="exact",  # approximate ones differ from machine to machine
        n_jobs=max(1, (os.cpu_count() or 1) // 2),  # the rest is for whoever draws at this moment
        random_state=seed,
        callbacks=[stopped],
        callbacks_every_iters=REPORT_EVERY,
    ).fit(reduced)
    if stopped.said:
        raise CancelledError
    return np.array(embedding, dtype=np.float32)


class _Remember:
    """A callback that remembers whether it stopped the job, which openTSNE swallows."""

    def __init__(self, callback: Callable[..., bool]):
        self.callback = callback
        self.said = False

    def __call__(self, *arguments: object) -> bool:
        self.said = self.callback(*arguments)
        return self.said


def _start(reduced: np.ndarray, seed: int) -> np.ndarray:
    """The two leading components, small as t-SNE wants them, shaken by a tenth of their size."""
    leading = np.zeros((len(reduced), 2), dtype=np.float32)
    leading[:, : reduced.shape[1]] = reduced[:, :2]  # (N, 1) where there is one dimension alone
    spread = leading[:, 0].std()
    if not spread > 0:
        return np.zeros_like(leading)
    noise = np.random.default_rng(seed).normal(0, 0.1, leading.shape).astype(np.float32)
    return (leading / spread + noise) * np.float32(1e-4)


# Where maps are kept.


def content_key(fingerprint: str, digits: Digits, settings: MapSettings) -> str:
    """What makes a map what it is, as 24 hex digits: the model, the pixels and the settings."""
    text = f"{LAYOUT} {fingerprint} {json.dumps(asdict(settings), sort_keys=True)}"
    if settings.space == "codes":  # the codebook is the same whatever is looked at
        return hashlib.sha256(text.encode()).hexdigest()[:24]
    return digits.content_key(text)


MapJob = Job[np.ndarray]  # its sketch: where the points are by now, (N, 2)


class MapJobs(ArrayJobs):
    """The maps of this process, in memory, shipped and on disk."""

    def __init__(self, cache: ArrayCache):
        super().__init__(cache, partial(shipped.find, "maps"))

    def find(self, key: str, count: int) -> np.ndarray | None:
        """A finished map, (count, 2); None where it has to be computed."""
        return self.array(key, (count, 2))

    def start(self, key: str, vectors: Callable[[], np.ndarray], settings: MapSettings, visitor: str) -> MapJob:
        """The job of this map, as `ask` gives it; `vectors` is called in its thread."""

        def compute(job: MapJob) -> np.ndarray:
            points = vectors()
            return self.cache.once(
                job, key, (len(points), 2), lambda: tsne(points, settings.neighbourhood, settings.seed, job.report)
            )

        return self.ask(key, compute, visitor)


def default_maps(
    checkpoint: Checkpoint, digits: Digits, report: Callable[[str], object] = print
) -> dict[str, np.ndarray]:
    """The maps that a checkpoint opens with, by their keys."""
    encoded, config = encode(checkpoint.model, digits), checkpoint.model.config
    maps = {}
    for space in SPACES:
        settings = MapSettings(space)
        points = points_of(settings, len(digits), config.cells, config.num_embeddings)
        vectors = vectors_of(checkpoint.model, digits, encoded, space, points)
        key = content_key(checkpoint.fingerprint, digits, settings)
        maps[key] = tsne(vectors, settings.neighbourhood, settings.seed)
        report(f"{len(vectors):,} points, {SPACES[space]}")
    return maps
