"""What lies near what: digits by their quantised latents, codes by their vectors, cells by their quantisation error."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vqvae.analysis.encoding import Encoded
from vqvae.explorable import Model


class Neighbours(NamedTuple):
    """The digits nearest to another one in code space, nearest first."""

    indices: Tensor  # (M,) int64
    distances: Tensor  # (M,) squared distances between quantised latents


def nearest_digits(model: Model, grid: Tensor, codes: Tensor, count: int) -> Neighbours:
    """The digits out of codes (N, h, w) whose quantised latents lie nearest to those of one grid of codes (h, w)."""
    codebook = model.codebook.detach().cpu().double()
    own, place = grid.flatten().unique(return_inverse=True)  # a table of all codes by all would be too large for some
    apart = torch.cdist(codebook[own], codebook).square()  # (M, K)
    distances = apart[place, codes.flatten(1)].sum(1)  # (N,)
    nearest = distances.argsort(stable=True)[:count]
    return Neighbours(nearest, distances[nearest])


class MostAlike(NamedTuple):
    """The image of a data set that shares most codes with a grid, each in its place."""

    image: int
    shared: int  # codes


def most_alike(grids: Tensor, codes: Tensor) -> list[MostAlike]:
    """For each grid (M, h, w) the image out of codes (N, h, w) with most codes the same; the first one of equals."""
    found = [(codes == grid).flatten(1).sum(1).max(0) for grid in grids]
    return [MostAlike(int(indices), int(values)) for values, indices in found]


def between(positions: np.ndarray, neighbours: Neighbours) -> np.ndarray:
    """Where something lies among its neighbours' positions (M, 2): their mean by inverse distance. (2,)"""
    weights = 1 / (neighbours.distances.numpy() + 1e-6)
    return (positions * (weights / weights.sum())[:, None]).sum(0)


class NearCodes(NamedTuple):
    """The codes nearest to another one, nearest first."""

    codes: Tensor  # (M,) int64
    distances: Tensor  # (M,) float64: squared Euclidean distances between vectors


def nearest_codes(codebook: Tensor, code: int, count: int) -> NearCodes:
    """The `count` other codes whose vectors (K, D) are nearest to that of a code; fewer where there are fewer."""
    distances = (codebook.detach().cpu().double() - codebook[code].detach().cpu().double()).square().sum(1)  # (K,)
    distances[code] = -1
    order = distances.argsort(stable=True)[1 : count + 1]
    return NearCodes(order, distances[order])


def nearest_cells(encoded: Encoded, cells: Tensor, count: int) -> Tensor:
    """The `count` cells with the smallest quantisation error, out of cells (M, 3), best first; ties in their order."""
    errors = encoded.errors[tuple(cells.unbind(1))]  # (M,)
    return cells[errors.argsort(stable=True)[:count]]


def telling_cells(encoded: Encoded, code: int, count: int) -> Tensor:
    """The cells that say best what a code stands for, one for each image at most: (M, 3).

    Each class has a share of them as large as its share of the code's use (D'Hondt's method, over uses per image of a
    class), so that a code of the fives shows fives. The class that uses it most comes first; within a class, the cells
    nearest to the code do.
    """
    cells = encoded.cells_of(code, with_background=True)
    used = torch.bincount(encoded.labels[cells[:, 0]], minlength=encoded.classes)  # (classes,) cells
    rates = (used / torch.bincount(encoded.labels, minlength=encoded.classes).clamp_min(1)).tolist()
    by_class: list[list[int]] = [[] for _ in range(encoded.classes)]  # places in `cells`, the nearest first
    cells, images = nearest_cells(encoded, cells, len(cells)), set()
    for place, image in enumerate(cells[:, 0].tolist()):
        if image not in images:
            images.add(image)
            by_class[int(encoded.labels[image])].append(place)
    taken = [0] * encoded.classes
    for _ in range(min(count, len(images))):
        left = [label for label in range(encoded.classes) if taken[label] < len(by_class[label])]
        taken[max(left, key=lambda label: rates[label] / (taken[label] + 1))] += 1
    order = sorted(range(encoded.classes), key=lambda label: -rates[label])
    return cells[[place for label in order for place in by_class[label][: taken[label]]]]


def typical_cells(cells: Tensor, count: int, seed: int) -> Tensor:
    """A random sample of `count` out of cells (M, 3), the same for the same seed, in reading order."""
    generator = torch.Generator().manual_seed(seed)
    return cells[torch.randperm(len(cells), generator=generator)[:count].sort().values]
