"""What a cell sees of the image: its patch, the receptive field of the encoder clipped at the border.

The arithmetic is that of Dumoulin and Visin 2016, "A guide to convolution arithmetic", section 5."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vqvae.model import Bound

POINTWISE = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Identity, Bound)


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
