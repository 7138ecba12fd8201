"""One picture among many: its nearest digits in code space, and how unusual it is.

Nearest is the squared distance between quantised latents. Unusual is two percentiles among the others: of NMSE, what
the whole way through the model costs, and of the mean quantisation error, what swapping vectors for codes costs.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vqvae.analysis.encoding import Encoded
from vqvae.analysis.neighbours import Neighbours, nearest_digits
from vqvae.data import Digits, to_unit
from vqvae.evaluation import Reconstructions
from vqvae.explorable import Model


class Reference(NamedTuple):
    """The digits that a picture is compared with, N of them."""

    pixels: Tensor  # (N, C, H, W) uint8
    codes: Tensor  # (N, h, w) int64
    nmse: Tensor  # (N,)
    quantisation_error: Tensor  # (N,) mean over the cells: squared distance from the latent to its code


class Typicality(NamedTuple):
    """How usual a picture is among the reference digits; one of them is compared with the others alone."""

    nearest: Neighbours
    itself: int | None  # the reference digit that has the same pixels
    others: int  # digits compared with
    nmse: float
    nmse_share: float  # of the others whose NMSE is smaller, in [0, 1]
    quantisation_error: float  # 0 where a model does not say what lies before quantising
    quantisation_share: float  # of the others whose mean quantisation error is smaller, in [0, 1]


def reference(digits: Digits, encoded: Encoded, made: Reconstructions) -> Reference:
    """The digits, their codes and their reconstructions, to compare with."""
    return Reference(digits.pixels, encoded.codes, made.nmse, encoded.errors.flatten(1).mean(1))


@torch.inference_mode()
def typicality(
    model: Model, variance: float, pixels: Tensor, codes: Tensor, reference: Reference, count: int
) -> Typicality:
    """Compare a picture (C, H, W) uint8, written down as codes (h, w), its encoder's or others, with others.

    `variance` is the one stored with the model. `count` is the most neighbours wanted.
    """
    image = to_unit(pixels).unsqueeze(0)
    nmse = float((model.decode(codes.unsqueeze(0)).cpu() - image).square().mean()) / variance
    quantisation_error = _quantisation_error(model, image, codes) if model.has_latents else 0.0

    # Only images that share this row are compared in full: there may be many, and large ones.
    row = pixels.shape[1] // 2
    likely = (reference.pixels[:, :, row] == pixels[:, row]).flatten(1).all(1).nonzero().flatten()
    itself = next((one for one in likely.tolist() if torch.equal(reference.pixels[one], pixels)), None)
    among = torch.arange(len(reference.pixels))
    if itself is not None:
        among = among[among != itself]
    near = nearest_digits(model, codes, reference.codes[among], count)
    return Typicality(
        nearest=Neighbours(among[near.indices], near.distances),
        itself=itself,
        others=len(among),
        nmse=nmse,
        nmse_share=_share_below(nmse, reference.nmse[among]),
        quantisation_error=quantisation_error,
        quantisation_share=_share_below(quantisation_error, reference.quantisation_error[among]),
    )


def _quantisation_error(model: Model, image: Tensor, codes: Tensor) -> float:
    chosen = model.vq_layer.lookup(codes.unsqueeze(0))  # (1, D, h, w)
    return float((model.latents(image).cpu() - chosen.cpu()).square().sum(1).mean())


def _share_below(value: float, others: Tensor) -> float:
    return float((others < value).double().mean()) if len(others) else 0.0
