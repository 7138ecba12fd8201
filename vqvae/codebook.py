"""What a codebook does on data: which code each cell takes, how often, for which digits, where, and from which pixels.

A code's picture is its tile: what the decoder draws for it among copies of itself. What a cell sees of the image is
its patch, the receptive field of the encoder clipped at the border (Dumoulin and Visin 2016, "A guide to convolution
arithmetic", for the arithmetic). Everything else is counting.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vqvae.data import Digits, to_unit
from vqvae.model import VQVAE, ModelConfig

CLASSES = 10
POINTWISE = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Identity)


@dataclass(frozen=True)
class ReceptiveField:
    """What one output cell of a convolutional network sees of its input: pixels, as (rows, columns)."""

    size: tuple[int, int]
    stride: tuple[int, int]  # from a cell's field to its neighbour's
    start: tuple[int, int]  # first pixel that cell 0 sees; negative where the network pads

    def window(self, row: int, column: int) -> tuple[slice, slice]:
        """The rows and columns that a cell sees, before the image's far border clips them; none begin below 0."""
        rows, columns = (
            slice(max(0, begin), begin + size)
            for begin, size in zip(
                (self.start[0] + row * self.stride[0], self.start[1] + column * self.stride[1]), self.size, strict=True
            )
        )
        return rows, columns


def receptive_field(encoder: nn.Module) -> ReceptiveField:
    """The receptive field of a plain sequence of convolutions and activations.

    Raises TypeError for a layer of another kind, whose reach is not known here.
    """
    size, stride, start = [1, 1], [1, 1], [0, 0]
    for layer in encoder.modules():
        if isinstance(layer, POINTWISE) or next(layer.children(), None) is not None:
            continue
        if not isinstance(layer, nn.Conv2d) or isinstance(layer.padding, str):
            raise TypeError(f"expected convolutions with their padding in numbers, and activations, got {layer}")
        for axis in (0, 1):
            size[axis] += (layer.kernel_size[axis] - 1) * layer.dilation[axis] * stride[axis]
            start[axis] -= layer.padding[axis] * stride[axis]
            stride[axis] *= layer.stride[axis]
    return ReceptiveField((size[0], size[1]), (stride[0], stride[1]), (start[0], start[1]))


def tiles(model: VQVAE) -> Tensor:
    """Each code's tile: decode a 3 x 3 grid of it and keep the centre cell's pixels. (K, C, 4, 4) in [0, 1].

    The neighbours matter, since the decoder's layers overlap; copies of the code itself are the neutral choice.
    """
    K = model.config.num_embeddings
    pictures = model.decode(torch.arange(K).view(K, 1, 1).expand(K, 3, 3)).cpu()  # (K, C, 3 * 4, 3 * 4)
    height, width = pictures.shape[2] // 3, pictures.shape[3] // 3
    return pictures[:, :, height : 2 * height, width : 2 * width].clamp(0, 1).contiguous()


def fitted(digits: Digits, config: ModelConfig) -> Digits:
    """The digits in the size and channels that a model takes: each new pixel the mean of the area it covers."""
    C, H, W = digits.pixels.shape[1:]
    if (C, H, W) == config.image_shape:
        return digits
    pixels = digits.pixels.float() if C == config.channels else digits.pixels.float().mean(1, keepdim=True)
    pixels = _overlaps(H, config.height) @ pixels @ _overlaps(W, config.width).t()
    pixels = pixels.round().to(torch.uint8).expand(-1, config.channels, -1, -1).contiguous()
    return Digits(pixels, digits.labels, digits.dataset, digits.split)


def _overlaps(source: int, target: int) -> Tensor:
    """The share that each of `source` pixels has in each of `target` pixels along the same length: (target, source)."""
    pixels = torch.arange(source, dtype=torch.float64)
    begins = torch.arange(target, dtype=torch.float64).unsqueeze(1) * source / target
    ends = begins + source / target
    covered = torch.minimum(ends, pixels + 1) - torch.maximum(begins, pixels)
    return (covered.clamp_min(0) * target / source).float()


class Encoded(NamedTuple):
    """A data set as its codes: N images of h x w cells each."""

    codes: Tensor  # (N, h, w) int64 in [0, K)
    errors: Tensor  # (N, h, w) float32: quantisation error, the squared distance from the latent to its code
    background: Tensor  # (N, h, w) bool: cells whose patch holds no ink
    labels: Tensor  # (N,) int64 in [0, 10)

    def cells_of(self, code: int, with_background: bool) -> Tensor:
        """The cells that took a code, in reading order: (M, 3) int64, each image, row, column."""
        taken = self.codes == code
        return (taken if with_background else taken & ~self.background).nonzero()


@torch.inference_mode()
def encode(model: VQVAE, digits: Digits) -> Encoded:
    """Encode every image once. Raises ValueError for no images, or images of another size than the model's."""
    if not len(digits):
        raise ValueError("expected at least one image to encode, got none")
    codes, errors = [], []
    for pixels in digits.pixels.split(model.config.images_at_once):
        distances = model.vq_layer.distances(model.latents(to_unit(pixels)))  # (B, h, w, K)
        nearest = distances.argmin(-1, keepdim=True)  # (B, h, w, 1)
        codes.append(nearest.squeeze(-1).cpu())
        errors.append(distances.gather(-1, nearest).squeeze(-1).cpu())
    background = background_cells(digits.pixels, receptive_field(model.encoder), model.config.grid)
    return Encoded(torch.cat(codes), torch.cat(errors), background, digits.labels)


def background_cells(pixels: Tensor, field: ReceptiveField, grid: tuple[int, int]) -> Tensor:
    """The cells whose patch holds no ink, every pixel 0 in every channel: (N, C, H, W) uint8 -> (N, h, w) bool.

    The encoder cannot tell such a cell from blank paper: at one position, they all take the same code.
    """
    ink = pixels.amax(1) > 0  # (N, H, W)
    background = torch.empty(len(pixels), *grid, dtype=torch.bool)
    for row in range(grid[0]):
        for column in range(grid[1]):
            rows, columns = field.window(row, column)
            background[:, row, column] = ~ink[:, rows, columns].flatten(1).any(1)
    return background


class Counts(NamedTuple):
    """How many cells took each code."""

    total: Tensor  # (K,) int64
    by_class: Tensor  # (10, K) int64
    by_position: Tensor  # (h, w, K) int64


class Usage(NamedTuple):
    """How a data set uses a codebook."""

    images: Tensor  # (10,) int64: images of each class
    all_cells: Counts
    ink_cells: Counts  # without background cells

    @property
    def dead(self) -> Tensor:
        """The codes that no cell took, background or not: (M,) int64, ascending."""
        return (self.all_cells.total == 0).nonzero().flatten()


def usage(encoded: Encoded, num_embeddings: int) -> Usage:
    """Count the codes of a data set, over all cells and over those with ink."""
    return Usage(
        images=torch.bincount(encoded.labels, minlength=CLASSES),
        all_cells=_count(encoded, torch.ones_like(encoded.background), num_embeddings),
        ink_cells=_count(encoded, ~encoded.background, num_embeddings),
    )


def _count(encoded: Encoded, counted: Tensor, K: int) -> Counts:
    N, h, w = encoded.codes.shape
    codes = encoded.codes[counted]  # (M,)
    labels = encoded.labels.view(N, 1, 1).expand(N, h, w)[counted]  # (M,)
    positions = torch.arange(h * w).view(1, h, w).expand(N, h, w)[counted]  # (M,)
    by_class = torch.bincount(labels * K + codes, minlength=CLASSES * K).view(CLASSES, K)
    by_position = torch.bincount(positions * K + codes, minlength=h * w * K).view(h, w, K)
    return Counts(by_class.sum(0), by_class, by_position)


def by_use(total: Tensor) -> Tensor:
    """All codes, the most used first, from their counts (K,): (K,) int64; the lower index first where equal."""
    return total.argsort(descending=True, stable=True)


def by_class(usage: Usage, counts: Counts) -> Tensor:
    """All codes, grouped by the class whose images use them most, the most used by it first, dead ones last: (K,)."""
    rates = counts.by_class / usage.images.clamp_min(1).unsqueeze(1)  # (10, K) uses an image
    most, favourite = rates.max(0)
    favourite[most == 0] = CLASSES
    order = most.argsort(descending=True, stable=True)
    return order[favourite[order].argsort(stable=True)]


def by_similarity(codebook: Tensor) -> Tensor:
    """All codes, similar vectors (K, D) side by side: the leaves of their average-linkage tree, (K,) int64.

    Of the orders that a tree allows, the one with the shortest way from leaf to leaf (Bar-Joseph et al. 2001).
    """
    if len(codebook) < 2:
        return torch.arange(len(codebook))
    from scipy.cluster.hierarchy import leaves_list, linkage  # half a second to import, and needed here alone

    tree = linkage(codebook.detach().cpu().double().numpy(), "average", optimal_ordering=True)
    return torch.from_numpy(leaves_list(tree)).long()


def nearest_cells(encoded: Encoded, cells: Tensor, count: int) -> Tensor:
    """The `count` cells with the smallest quantisation error, out of cells (M, 3), best first; ties in their order."""
    errors = encoded.errors[tuple(cells.unbind(1))]  # (M,)
    return cells[errors.argsort(stable=True)[:count]]


def telling_cells(encoded: Encoded, code: int, count: int) -> Tensor:
    """The cells that say best what a code stands for: the nearest, one for each image at most, (M, 3), best first."""
    cells = encoded.cells_of(code, with_background=True)
    cells = nearest_cells(encoded, cells, len(cells))
    images, first = set(), []
    for place, image in enumerate(cells[:, 0].tolist()):
        if image not in images:
            images.add(image)
            first.append(place)
            if len(first) == count:
                break
    return cells[first]


def typical_cells(cells: Tensor, count: int, seed: int) -> Tensor:
    """A random sample of `count` out of cells (M, 3), the same for the same seed, in reading order."""
    generator = torch.Generator().manual_seed(seed)
    return cells[torch.randperm(len(cells), generator=generator)[:count].sort().values]


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


# How codes are distributed over classes, over positions and beside one another.


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


def adjacency(encoded: Encoded, with_background: bool, num_embeddings: int) -> Tensor:
    """How often each code stands directly beside, above or below each other one: (K, K) int64, symmetric.

    Each pair of cells is counted from both sides; without background, only pairs of two cells with ink.
    """
    codes, ink = encoded.codes, ~encoded.background
    one, other = _left_or_upper(codes), _right_or_lower(codes)  # (P,) each
    if not with_background:
        inked = _left_or_upper(ink) & _right_or_lower(ink)
        one, other = one[inked], other[inked]
    K = num_embeddings
    counts = torch.bincount(one * K + other, minlength=K * K).view(K, K)
    return counts + counts.t()


def _left_or_upper(grids: Tensor) -> Tensor:
    """Of every two neighbouring cells of grids (N, h, w), the left or the upper one: (P,)."""
    return torch.cat((grids[:, :, :-1].flatten(), grids[:, :-1].flatten()))


def _right_or_lower(grids: Tensor) -> Tensor:
    return torch.cat((grids[:, :, 1:].flatten(), grids[:, 1:].flatten()))


class Patches(NamedTuple):
    """What some cells see of their images."""

    pixels: Tensor  # (M, C, height, width) uint8, 0 beyond the border
    inside: Tensor  # (M, height, width) bool: false beyond the image's border


def patches(pixels: Tensor, cells: Tensor, field: ReceptiveField) -> Patches:
    """The patches of cells (M, 3), each image, row, column, out of images (N, C, H, W) uint8."""
    C, H, W = pixels.shape[1:]
    image = cells[:, 0].view(-1, 1, 1, 1)
    rows = cells[:, 1, None] * field.stride[0] + field.start[0] + torch.arange(field.size[0])  # (M, height)
    columns = cells[:, 2, None] * field.stride[1] + field.start[1] + torch.arange(field.size[1])  # (M, width)
    inside = ((rows >= 0) & (rows < H))[:, :, None] & ((columns >= 0) & (columns < W))[:, None, :]  # (M, height, width)
    seen = pixels[
        image,
        torch.arange(C).view(1, -1, 1, 1),
        rows.clamp(0, H - 1)[:, None, :, None],
        columns.clamp(0, W - 1)[:, None, None, :],
    ]  # (M, C, height, width)
    return Patches(seen * inside.unsqueeze(1), inside)
