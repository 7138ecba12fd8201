"""A data set as its codes: which code each cell takes, at what distance, and on how much ink."""

from typing import NamedTuple

import torch
from torch import Tensor

from vqvae.data import Digits, to_unit
from vqvae.model import VQVAE
from vqvae.receptive_field import background_cells, receptive_field


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
