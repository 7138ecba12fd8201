"""A code's picture is its tile: what the decoder draws for it among copies of itself."""

import torch
from torch import Tensor

from vqvae.explorable import Model


def tiles(model: Model) -> Tensor:
    """Each code's tile: decode a 3 x 3 grid of it and keep the centre cell's pixels. (K, C, a, b) in [0, 1].

    A decoder of one size alone gets a whole grid of it.

    The neighbours matter, since the decoder's layers overlap; copies of the code itself are the neutral choice.
    """
    K, (rows, columns) = model.config.num_embeddings, (3, 3) if model.any_grid else model.config.grid
    pictures = model.decode(torch.arange(K).view(K, 1, 1).expand(K, rows, columns)).cpu()  # (K, C, rows a, columns b)
    height, width = pictures.shape[2] // rows, pictures.shape[3] // columns
    top, left = rows // 2 * height, columns // 2 * width
    return pictures[:, :, top : top + height, left : left + width].clamp(0, 1).contiguous()
