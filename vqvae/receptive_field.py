"""What a cell sees of the image: its patch, the receptive field of the encoder clipped at the border.

It is measured, whatever the layers: a cell sees the pixels that have a gradient (Luo et al. 2016, "Understanding the
Effective Receptive Field in Deep Convolutional Neural Networks", section 2).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from vqvae.explorable import Model
from vqvae.model import Autoencoder, Sizes

PROBES = 4  # noisy images that a field is measured on: a unit that is silent on one speaks on another
INKED = 2**24  # pixels whose ink is counted at once
LARGEST = 48 * 48  # pixels of an image that is measured within a larger one
UNSEEN = 1e-6  # what a pixel in [0, 1] may change by without having changed
WIDE = 0.5  # of a side: a field that is wider is that of the whole image, and no picture of a patch


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


_measured: "WeakKeyDictionary[Model, ReceptiveField]" = WeakKeyDictionary()  # training changes no field
_reaches: "WeakKeyDictionary[Model, tuple[int, int]]" = WeakKeyDictionary()


def receptive_field(model: Model) -> ReceptiveField:
    """What a cell of a model sees: the box around all pixels that its latent depends on.

    Where it reaches across the whole image, every cell's window is the image. A model that does not show its latents,
    or not how they depend on pixels, is taken to see a cell's own pixels.
    """
    if model not in _measured:
        _measured[model] = _measure(model)
    return _measured[model]


def reach_of(model: Model) -> tuple[int, int]:
    """How many cells around its own a code's ink reaches: rows and columns; all of the grid's, where it reaches all.

    Measured as well, by what changes in pictures of random codes when the one in the middle does: not every decoder
    has gradients.
    """
    if model not in _reaches:
        _reaches[model] = _measure_reach(model)
    return _reaches[model]


def own_pixels(sizes: Sizes, around: int = 0) -> ReceptiveField:
    """The pixels that a cell lies on, and so many cells around it."""
    (rows, columns) = sizes.grid
    stride = max(1, sizes.height // rows), max(1, sizes.width // columns)
    return ReceptiveField(
        size=((2 * around + 1) * stride[0], (2 * around + 1) * stride[1]),
        stride=stride,
        start=(-around * stride[0], -around * stride[1]),
    )


def pictured(model: Model) -> ReceptiveField:
    """What a picture of a patch shows: what a cell sees, or, of a cell that sees too much, its surroundings."""
    field, sizes = receptive_field(model), model.config
    wide = field.size[0] > max(WIDE * sizes.height, 3 * field.stride[0])
    wide |= field.size[1] > max(WIDE * sizes.width, 3 * field.stride[1])
    return own_pixels(sizes, around=1) if wide else field


def _measure(model: Model) -> ReceptiveField:
    sizes = model.config
    own = own_pixels(sizes)
    network = model.encoder if isinstance(model, Autoencoder) else model.differentiable
    if network is None:
        return own
    # A small image's cells may all lie near a border that hides what they would see: measured amid a larger one.
    small = model.any_grid and sizes.height * sizes.width <= LARGEST
    for factor in (3, 1) if small else (1,):
        shape = (PROBES, sizes.channels, factor * sizes.height, factor * sizes.width)
        try:
            touched = _touched(network, torch.rand(shape, generator=torch.Generator().manual_seed(0)), model)
        except (RuntimeError, ValueError):  # it takes images of one size alone
            continue
        if touched is None:
            return own
        cell, seen = touched
        axes = [
            _axis(seen.any(1 - axis), at, stride, side)
            for axis, (at, stride, side) in enumerate(zip(cell, own.stride, (sizes.height, sizes.width), strict=True))
        ]
        (top, height), (left, width) = axes
        return ReceptiveField((height, width), own.stride, (top, left))
    return own


def _touched(
    network: Callable[[Tensor], Tensor], images: Tensor, model: Model
) -> tuple[tuple[int, int], Tensor] | None:
    """A cell in the middle, and the pixels that its latent depends on: (H, W) bool. None without any gradient."""
    with torch.inference_mode(False), torch.enable_grad():
        images = (images - model.config.offset).to(model.codebook.device).requires_grad_()
        latents = network(images)  # (B, D, h, w)
        cell = latents.shape[2] // 2, latents.shape[3] // 2
        if not latents.requires_grad:
            return None
        weights = torch.randn(latents.shape[:2], generator=torch.Generator().manual_seed(1)).to(latents)
        (gradient,) = torch.autograd.grad((latents[:, :, cell[0], cell[1]] * weights).sum(), images)
    seen = (gradient != 0).flatten(0, 1).any(0).cpu()
    return (cell, seen) if seen.any() else None


def _axis(seen: Tensor, cell: int, stride: int, side: int) -> tuple[int, int]:
    """First pixel and length of the field of cell 0 along one axis; all of the image from every cell, if it is as wide.

    `seen` (pixels,) bool are those that the cell depends on, `side` the length of the model's own images.
    """
    touched = seen.nonzero().flatten()
    first, last = int(touched[0]), int(touched[-1])
    if first == 0 or last == len(seen) - 1:  # it may see still more, beyond the border
        return -side, 2 * side
    return first - cell * stride, last - first + 1


def _measure_reach(model: Model) -> tuple[int, int]:
    sizes = model.config
    changed = _painted(model)  # (H, W) bool
    reaches = []
    for axis, (cells, side) in enumerate(zip(sizes.grid, (sizes.height, sizes.width), strict=True)):
        touched = changed.any(1 - axis).nonzero().flatten()
        if not len(touched):
            reaches.append(0)
            continue
        middle, stride = cells // 2, side / cells
        first, last = int(touched[0] // stride), int(touched[-1] // stride)
        whole = first == 0 or last == cells - 1  # it may reach further, beyond the border
        reaches.append(cells - 1 if whole else max(middle - first, last - middle))
    return reaches[0], reaches[1]


def _painted(model: Model) -> Tensor:
    """The pixels that change with the code of the middle cell: (H, W) bool."""
    sizes, generator = model.config, torch.Generator().manual_seed(0)
    K, (rows, columns) = sizes.num_embeddings, sizes.grid
    codes = torch.randint(K, (PROBES, rows, columns), generator=generator)
    others = codes.clone()
    others[:, rows // 2, columns // 2] += torch.randint(1, max(2, K), (PROBES,), generator=generator)
    return ((model.decode(others % K) - model.decode(codes)).abs() > UNSEEN).flatten(0, 1).any(0).cpu()


def background_cells(pixels: Tensor, field: ReceptiveField, grid: tuple[int, int]) -> Tensor:
    """The cells whose patch holds no ink, every pixel 0 in every channel: (N, C, H, W) uint8 -> (N, h, w) bool.

    The encoder cannot tell such a cell from blank paper: at one position, they all take the same code.
    """
    sides = pixels.shape[2:]
    (tops, bottoms), (lefts, rights) = (
        torch.tensor([[min(edge, side) for edge in (window.start, window.stop)] for window in windows]).unbind(1)
        for windows, side in zip(
            (
                [field.window(row, 0)[0] for row in range(grid[0])],
                [field.window(0, column)[1] for column in range(grid[1])],
            ),
            sides,
            strict=True,
        )
    )
    parts = []
    for part in pixels.split(max(1, INKED // (sides[0] * sides[1]))):
        # Ink above and left of each corner: of any window, what lies in it is known from its four corners.
        ink = torch.zeros(len(part), sides[0] + 1, sides[1] + 1, dtype=torch.int32)
        ink[:, 1:, 1:] = (part.amax(1) > 0).cumsum(1, dtype=torch.int32).cumsum(2, dtype=torch.int32)
        below, above = ink[:, bottoms], ink[:, tops]  # (n, h, W + 1)
        inside = below[:, :, rights] - below[:, :, lefts] - above[:, :, rights] + above[:, :, lefts]
        parts.append(inside == 0)
    return torch.cat(parts) if parts else torch.empty(0, *grid, dtype=torch.bool)


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
