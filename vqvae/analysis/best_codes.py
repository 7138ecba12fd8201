"""The codes that draw a picture best: what is lost by the choice of codes, and not by the codebook.

The encoder chooses each code by its distance to what it makes of one patch; what the code paints reaches beyond its
cell and mixes with its neighbours' ink. So another code may draw the picture better. They are found one cell after
another, each the best while all others stay (coordinate descent on the squared error), until no cell has a better one.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from vqvae.checkpoint import Checkpoint
from vqvae.data import DATASETS, Digits, described
from vqvae.explorable import Model
from vqvae.files import write_atomically
from vqvae.paths import ASSETS
from vqvae.receptive_field import reach_of

AT_ONCE = 4096  # drawings of a part of a picture
SHIPPED = ASSETS / "ladder/best-codes.json"  # of the ladder's codebooks and the default
CLOSE = 1e-9  # of squared error: what is no more than rounding is no gain


class Gain(NamedTuple):
    """What the choice of codes costs."""

    nearest: float  # NMSE with the codes that the encoder chooses
    best: float  # with those that draw best
    changed: float  # share of the cells that differ


class Gains(NamedTuple):
    """Those of some models on the same images."""

    dataset: str
    split: str
    images: int
    models: Mapping[str, Gain]  # by fingerprint

    @property
    def measured_on(self) -> str:
        """Their images, in words."""
        return described(self.dataset, self.split, self.images)

    def best(self, model: Checkpoint) -> float | None:
        """The NMSE of a model with the codes that draw best; None where it was not measured."""
        found = self.models.get(model.fingerprint)
        return found and found.best


@torch.inference_mode()
def best_codes(
    model: Model, images: Tensor, codes: Tensor, report: Callable[[int], object] = lambda changed: None
) -> Tensor:
    """Better codes than these for images (B, C, H, W) in [0, 1]: (B, h, w) -> the same shape.

    The squared error of no image grows, and where two codes draw equally well the one that is there stays. `report`
    hears after every sweep over the cells how many have changed in it.
    """
    codes = codes.clone()
    (h, w), reach = model.config.grid, reach_of(model)
    due = torch.ones(len(codes), h, w, dtype=torch.bool)  # cells with something new around them since they were tried
    while due.any():
        changed = 0
        for row in range(h):
            for column in range(w):
                at = due[:, row, column].nonzero().squeeze(1)
                due[at, row, column] = False
                better = _best_code(model, images[at], codes[at], row, column)
                moved = at[better != codes[at, row, column]]
                codes[at, row, column] = better
                rows, columns = _around(row, 2 * reach[0], h), _around(column, 2 * reach[1], w)
                due[moved, rows, columns] = True
                due[moved, row, column] = False
                changed += len(moved)
        report(changed)
    return codes


@torch.inference_mode()
def gain(checkpoint: Checkpoint, digits: Digits, report: Callable[[int], object] = lambda changed: None) -> Gain:
    """The errors of a model on images with the codes that it chooses, and with those that draw them best."""
    model, images = checkpoint.model, digits.images
    codes = model.encode(images)
    better = best_codes(model, images, codes, report)
    nearest, best = (
        float((model.decode(grid) - images).square().mean()) / checkpoint.variance for grid in (codes, better)
    )
    return Gain(nearest, best, float((better != codes).float().mean()))


def record(
    path: Path, checkpoints: Sequence[Checkpoint], digits: Digits, stop: Callable[[], bool] = lambda: False
) -> Iterator[Gain]:
    """The gain of each model, written down one by one; none that the file holds for as many images is measured again.

    Ends early where `stop` says so. Raises OSError.
    """
    there = load(path)
    known = dict(there.models) if there and there[:3] == (digits.dataset, digits.split, len(digits)) else {}
    for one in checkpoints:
        if one.fingerprint not in known:
            if stop():
                return
            known[one.fingerprint] = gain(one, digits)
            said = Gains(digits.dataset, digits.split, len(digits), known)
            write_atomically(path, f"{json.dumps(said._asdict(), indent=2)}\n".encode())
        yield known[one.fingerprint]


def load(path: Path = SHIPPED) -> Gains | None:
    """What is recorded; None where nothing is, or nothing that can be read."""
    try:
        found = Gains(**json.loads(path.read_text()))
        models = {name: Gain(*numbers) for name, numbers in found.models.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    numbers = (found.images, *(number for one in models.values() for number in one))
    fits = found.dataset in DATASETS and all(type(one) in (int, float) and one >= 0 for one in numbers)
    return found._replace(models=models) if fits else None


def _around(place: int, reach: int, size: int) -> slice:
    return slice(max(0, place - reach), min(size, place + reach + 1))


def _best_code(model: Model, images: Tensor, codes: Tensor, row: int, column: int) -> Tensor:
    """The code of one cell that draws each image best while all others stay: (B, C, H, W), (B, h, w) -> (B,)."""
    config = model.config
    K, (h, w) = config.num_embeddings, config.grid
    height, width = config.height // h, config.width // w  # of a cell, in pixels
    # What a code's ink reaches depends on the codes that reach there too, and on no others.
    up, aside = reach_of(model)
    rows, columns = _around(row, 2 * up, h), _around(column, 2 * aside, w)
    seen = codes[:, rows, columns]
    here = row - rows.start, column - columns.start
    inked = _around(row, up, h), _around(column, aside, w)
    target = images[:, :, _pixels(inked[0], height), _pixels(inked[1], width)]
    part = [
        _pixels(_shifted(one, whole.start), size)
        for one, whole, size in zip(inked, (rows, columns), (height, width), strict=True)
    ]
    best = []
    for some, wanted in zip(seen.split(max(1, AT_ONCE // K)), target.split(max(1, AT_ONCE // K)), strict=True):
        tried = some.unsqueeze(1).repeat(1, K, 1, 1)  # (b, K, h', w')
        tried[:, :, here[0], here[1]] = torch.arange(K)
        drawn = model.decode(tried.flatten(0, 1))[:, :, part[0], part[1]].cpu().unflatten(0, (-1, K))
        errors = (drawn - wanted.unsqueeze(1)).square().sum((2, 3, 4), dtype=torch.float64)  # (b, K)
        now = some[:, here[0], here[1]]
        least, code = errors.min(1)
        best.append(code.where(least < errors.gather(1, now.unsqueeze(1)).squeeze(1) - CLOSE, now))
    return torch.cat([*best, codes.new_empty(0)])


def _pixels(cells: slice, size: int) -> slice:
    return slice(cells.start * size, cells.stop * size)


def _shifted(cells: slice, start: int) -> slice:
    return slice(cells.start - start, cells.stop - start)
