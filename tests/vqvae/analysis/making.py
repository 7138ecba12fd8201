"""Models and digits of several shapes."""

import torch

from vqvae.data import Digits
from vqvae.model import VQVAE, ModelConfig

SIZES = {
    "K37": {"num_embeddings": 37, "embedding_dim": 5},
    "K1": {"num_embeddings": 1},
    "K512-colour": {"channels": 3, "height": 32, "width": 48, "num_embeddings": 512, "embedding_dim": 64},
}


def make_model(**sizes) -> VQVAE:
    torch.manual_seed(0)
    return VQVAE(ModelConfig(**sizes)).requires_grad_(False).eval()


def make_digits(config: ModelConfig, count: int = 24) -> Digits:
    """Random images with a blank half, so that there are background cells."""
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (count, *config.image_shape), generator=generator, dtype=torch.uint8)
    pixels[:, :, :, config.width // 2 :] = 0
    return Digits(pixels, torch.arange(count) % 10, "digits", "all")
