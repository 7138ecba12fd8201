"""A code's picture is its tile: what the decoder draws for it among copies of itself."""

import torch
from torch import Tensor

from vqvae.model import VQVAE


def tiles(model: VQVAE) -> Tensor:
    """Each code's tile: decode a 3 x 3 grid of it and keep the centre cell's pixels. (K, C, 4, 4) in [0, 1].

    The neighbours matter, since the decoder's layers overlap; copies of the code itself are the neutral choice.
    """
    K = model.config.num_embeddings
    pictures = model.decode(torch.arange(K).view(K, 1, 1).expand(K, 3, 3)).cpu()  # (K, C, 3 * 4, 3 * 4)
    height, width = pictures.shape[2] // 3, pictures.shape[3] // 3
    return pictures[:, :, height : 2 * height, width : 2 * width].clamp(0, 1).contiguous()
