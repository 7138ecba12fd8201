"""How good a model is on a data set, and how much of its codebook it uses there."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from vqvae.data import Digits, to_unit
from vqvae.explorable import Model
from vqvae.receptive_field import background_cells, receptive_field


class Evaluation(NamedTuple):
    """Figures over a whole data set; each is a mean over all its pixels or a count over all its positions."""

    dataset: str
    split: str
    images: int
    mse: float  # of pixels in [0, 1], reconstructions not clamped
    nmse: float  # mse over the variance stored with the model
    psnr: float  # decibels, for a peak of 1
    perplexity: float  # codebook perplexity, in [1, K]
    codes_used: int  # at least once on this data
    ink_perplexity: float | None = None  # codebook perplexity over cells whose patch holds ink; None in older files


def perplexity(counts: Tensor) -> float:
    """Codebook perplexity: 2 to the bits of entropy of code usage, from counts (K,) over a whole data set, in [1, K].

    Van den Oord et al. 2017, section 4; never the mean over batches, which depends on the batch size. 1 for no use.
    """
    share = counts.double() / counts.sum().clamp_min(1)
    return math.exp(torch.special.entr(share).sum())  # the same number, by natural logarithms


def psnr(mse: float) -> float:
    """Peak signal-to-noise ratio in decibels, for a peak of 1; infinite for a perfect copy."""
    return math.inf if mse == 0 else -10 * math.log10(mse)


@torch.inference_mode()
def evaluate(
    model: Model, digits: Digits, variance: float, report: Callable[[float], object] = lambda share: None
) -> Evaluation:
    """Encode and decode every image once; `variance` is the one stored with the model.

    `report` hears the share done in [0, 1), and may raise to stop. Raises ValueError for no images, or images of
    another size than the model's.
    """
    if not len(digits):
        raise ValueError("expected at least one image to evaluate on, got none")
    K, field = model.config.num_embeddings, receptive_field(model)
    counts, ink_counts = torch.zeros(2, K, dtype=torch.int64)
    squared_error = 0.0
    for place, pixels in enumerate(digits.pixels.split(model.config.images_at_once)):
        report(place * model.config.images_at_once / len(digits))
        images = to_unit(pixels)
        codes = model.encode(images)
        difference = model.decode(codes).cpu() - images
        squared_error += float(difference.square().sum(dtype=torch.float64))
        codes = codes.cpu()
        counts += torch.bincount(codes.flatten(), minlength=K)
        ink_counts += torch.bincount(codes[~background_cells(pixels, field, model.config.grid)], minlength=K)
    mse = squared_error / digits.pixels.numel()
    return Evaluation(
        dataset=digits.dataset,
        split=digits.split,
        images=len(digits),
        mse=mse,
        nmse=mse / variance,
        psnr=psnr(mse),
        perplexity=perplexity(counts),
        codes_used=int((counts > 0).sum()),
        ink_perplexity=perplexity(ink_counts),
    )


class Reconstructions(NamedTuple):
    """What a model makes of each image."""

    pixels: Tensor  # (N, C, H, W) uint8, clamped and rounded for showing
    nmse: Tensor  # (N,) float32: each image's mean squared error, before clamping, over the model's variance


@torch.inference_mode()
def reconstructions(
    model: Model, digits: Digits, codes: Tensor, variance: float, report: Callable[[float], object] = lambda share: None
) -> Reconstructions:
    """Decode the codes (N, h, w) of images, and measure each. Raises ValueError where there are not as many of both.

    `report` hears the share done in [0, 1), and may raise to stop.
    """
    if len(digits) != len(codes):
        raise ValueError(f"expected the codes of {len(digits)} images, got those of {len(codes)}")
    step = model.config.images_at_once
    made, nmse = torch.empty_like(digits.pixels), torch.empty(len(digits))
    for begin in range(0, len(digits), step):  # in place: there may be no room for a second copy
        report(begin / len(digits))
        part = slice(begin, begin + step)
        decoded = model.decode(codes[part]).cpu()
        nmse[part] = (decoded - to_unit(digits.pixels[part])).square().flatten(1).mean(1) / variance
        made[part] = (decoded.clamp(0, 1) * 255).round().to(torch.uint8)
    return Reconstructions(made, nmse)
