"""What a codebook does on data: how often each code is used, for which digits, where, and beside which others."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from vqvae.analysis.encoding import Encoded

TREE = 2048  # codes of which a tree takes seconds


class Counts(NamedTuple):
    """How many cells took each code."""

    total: Tensor  # (K,) int64
    by_class: Tensor  # (classes, K) int64
    by_position: Tensor  # (h, w, K) int64


class Usage(NamedTuple):
    """How a data set uses a codebook."""

    images: Tensor  # (classes,) int64: images of each class
    all_cells: Counts
    ink_cells: Counts  # without background cells

    @property
    def dead(self) -> Tensor:
        """The codes that no cell took, background or not: (M,) int64, ascending."""
        return (self.all_cells.total == 0).nonzero().flatten()


def usage(encoded: Encoded, num_embeddings: int) -> Usage:
    """Count the codes of a data set, over all cells and over those with ink."""
    return Usage(
        images=torch.bincount(encoded.labels, minlength=encoded.classes),
        all_cells=_count(encoded, torch.ones_like(encoded.background), num_embeddings),
        ink_cells=_count(encoded, ~encoded.background, num_embeddings),
    )


def _count(encoded: Encoded, counted: Tensor, K: int) -> Counts:
    N, h, w = encoded.codes.shape
    codes = encoded.codes[counted]  # (M,)
    labels = encoded.labels.view(N, 1, 1).expand(N, h, w)[counted]  # (M,)
    positions = torch.arange(h * w).view(1, h, w).expand(N, h, w)[counted]  # (M,)
    by_class = torch.bincount(labels * K + codes, minlength=encoded.classes * K).view(-1, K)
    by_position = torch.bincount(positions * K + codes, minlength=h * w * K).view(h, w, K)
    return Counts(by_class.sum(0), by_class, by_position)


def by_use(total: Tensor) -> Tensor:
    """All codes, the most used first, from their counts (K,): (K,) int64; the lower index first where equal."""
    return total.argsort(descending=True, stable=True)


def by_class(usage: Usage, counts: Counts) -> Tensor:
    """All codes, grouped by the class whose images use them most, the most used by it first, dead ones last: (K,)."""
    rates = counts.by_class / usage.images.clamp_min(1).unsqueeze(1)  # (classes, K) uses an image
    most, favourite = rates.max(0)
    favourite[most == 0] = len(rates)
    order = most.argsort(descending=True, stable=True)
    return order[favourite[order].argsort(stable=True)]


def by_similarity(codebook: Tensor) -> Tensor:
    """All codes, similar vectors (K, D) side by side: the leaves of their average-linkage tree, (K,) int64.

    Of the orders that a tree allows, the one with the shortest way from leaf to leaf (Bar-Joseph et al. 2001). Of more
    codes than a tree is quick for, along their leading principal component.
    """
    if len(codebook) < 2:
        return torch.arange(len(codebook))
    if len(codebook) > TREE:
        centred = (codebook - codebook.mean(0)).detach().cpu().double()
        _, axes = torch.linalg.eigh(centred.T @ centred)
        return (centred @ axes[:, -1]).argsort(stable=True)
    from scipy.cluster.hierarchy import leaves_list, linkage  # half a second to import, and needed here alone

    tree = linkage(codebook.detach().cpu().double().numpy(), "average", optimal_ordering=True)
    return torch.from_numpy(leaves_list(tree)).long()


def entropy_bits(counts: Tensor) -> Tensor:
    """Entropy in bits of the distributions that counts (..., K) describe, in [0, log2 K]; 0 for no use: (...)."""
    shares = counts.double() / counts.sum(-1, keepdim=True).clamp_min(1)
    return torch.special.entr(shares).sum(-1) / math.log(2)


def lift(table: Tensor) -> Tensor:
    """How many times as often as by chance a row meets a column, from counts (R, C): (R, C) float64.

    The share of the column within the row over its share in the whole table: 1 where the two are independent, 0 where
    they never meet, NaN where a row or a column has no count at all (Brin et al. 1997, "interest").
    """
    table = table.double()
    return table * table.sum() / (table.sum(1, keepdim=True) * table.sum(0, keepdim=True))


class Pairs(NamedTuple):
    """Cells directly beside, above or below each other: each two of them once."""

    one: Tensor  # (P,) int64: codes
    other: Tensor  # (P,)


def pairs(encoded: Encoded, with_background: bool) -> Pairs:
    """The codes of all neighbouring cells; without background, of those pairs of which both cells have ink."""
    codes, ink = encoded.codes, ~encoded.background
    found = Pairs(_left_or_upper(codes), _right_or_lower(codes))
    if with_background:
        return found
    inked = _left_or_upper(ink) & _right_or_lower(ink)
    return Pairs(found.one[inked], found.other[inked])


def beside(encoded: Encoded, with_background: bool, code: int, num_embeddings: int) -> Tensor:
    """How often each code stands directly beside, above or below one of them: (K,)."""
    one, other = pairs(encoded, with_background)
    neighbours = torch.cat((other[one == code], one[other == code]))
    return torch.bincount(neighbours, minlength=num_embeddings)


def adjacency(encoded: Encoded, with_background: bool, codes: Tensor, num_embeddings: int) -> Tensor:
    """How often some codes (M,) stand side by side: (M + 1, M + 1) int64, symmetric; the last row is all the others'.

    Each pair of cells is counted from both sides.
    """
    M = len(codes)
    places = torch.full((num_embeddings,), M)
    places[codes] = torch.arange(M)
    one, other = (places[side] for side in pairs(encoded, with_background))
    counts = torch.bincount(one * (M + 1) + other, minlength=(M + 1) ** 2).view(M + 1, M + 1)
    return counts + counts.t()


def _left_or_upper(grids: Tensor) -> Tensor:
    """Of every two neighbouring cells of grids (N, h, w), the left or the upper one: (P,)."""
    return torch.cat((grids[:, :, :-1].flatten(), grids[:, :-1].flatten()))


def _right_or_lower(grids: Tensor) -> Tensor:
    return torch.cat((grids[:, :, 1:].flatten(), grids[:, 1:].flatten()))
