"""A data set as its codes: which code each cell takes, at what distance, and on how much ink."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from vqvae.data import Digits, to_unit
from vqvae.explorable import Model
from vqvae.quantizer import Found
from vqvae.receptive_field import background_cells, receptive_field


class Encoded(NamedTuple):
    """A data set as its codes: N images of h x w cells each."""

    codes: Tensor  # (N, h, w) int64 in [0, K)
    errors: Tensor  # (N, h, w) float32: quantisation error, the squared distance from the latent to its code, if known
    background: Tensor  # (N, h, w) bool: cells whose patch holds no ink
    labels: Tensor  # (N,) int64 in [0, classes)
    classes: int

    def cells_of(self, code: int, with_background: bool) -> Tensor:
        """The cells that took a code, in reading order: (M, 3) int64, each image, row, column."""
        taken = self.codes == code
        return (taken if with_background else taken & ~self.background).nonzero()


@torch.inference_mode()
def encode(model: Model, digits: Digits, report: Callable[[float], object] = lambda share: None) -> Encoded:
    """Encode every image once. Raises ValueError for no images, or images of another size than the model's.

    `report` hears the share done in [0, 1), and may raise to stop.
    """
    if not len(digits):
        raise ValueError("expected at least one image to encode, got none")
    codes, errors = [], []
    for place, pixels in enumerate(digits.pixels.split(model.config.images_at_once)):
        report(place * model.config.images_at_once / len(digits))
        found = _search(model, to_unit(pixels))
        codes.append(found.codes.cpu())
        errors.append(found.distances.cpu())
    background = background_cells(digits.pixels, receptive_field(model), model.config.grid)
    return Encoded(torch.cat(codes), torch.cat(errors), background, digits.labels, len(digits.classes))


def _search(model: Model, images: Tensor) -> Found:
    """The codes of images, and the quantisation errors: 0 where a model does not say what lies before quantising."""
    if model.has_latents:
        return model.vq_layer.search(model.latents(images))
    codes = model.encode(images)
    return Found(codes, torch.zeros(codes.shape))
