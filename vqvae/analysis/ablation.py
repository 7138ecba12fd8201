"""What breaks without a code: it is banned, each cell that took it goes to its next nearest, the decoder draws anew.

What a part of a network is for shows in what gets worse when it is taken away (Meyes et al. 2019, "Ablation Studies
in Artificial Neural Networks"). A code reaches only so many cells around its own: codes that lie far enough apart in a
picture are banned in one drawing of it, and a dead one costs nothing.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vqvae.analysis import shipped
from vqvae.background.array_cache import ArrayCache, ArrayJobs
from vqvae.background.jobs import CancelledError, Job
from vqvae.checkpoint import Checkpoint
from vqvae.data import Digits, to_unit
from vqvae.evaluation import Reconstructions, reconstructions
from vqvae.explorable import Model
from vqvae.receptive_field import reach_of

DAMAGED = 8  # digits that are kept of each code
DRAWINGS = 10  # about so many of each digit, where a code reaches the cells next to its own
AFFORDABLE = 50_000_000  # pixels of all drawings together: 5,000 digits are 39 million
FEWEST = 20  # images, however large
LAYOUT = 1  # part of every content key: raise it when the same model and digits give another ablation


class Ablation(NamedTuple):
    """What each of K codes is worth on some digits."""

    nmse: float  # over all digits, with every code allowed
    without: Tensor  # (K,) float64: NMSE over all digits with one code banned; of a dead code, as with it
    damaged: Tensor  # (K, DAMAGED) int64: digits whose NMSE grows most, the worst first; -1 where fewer use the code

    @property
    def ranking(self) -> Tensor:
        """All codes, the one whose loss does most damage first; the lower index first where equal: (K,) int64."""
        return self.without.argsort(descending=True, stable=True)

    def digits_of(self, code: int) -> Tensor:
        """The digits that suffer most from a code's loss, the worst first: at most DAMAGED, (M,) int64."""
        return self.damaged[code][self.damaged[code] >= 0]


@torch.inference_mode()
def ablate(
    model: Model, digits: Digits, variance: float, report: Callable[[float], bool] = lambda share: True
) -> Ablation:
    """Ban each code in turn and measure the digits; `variance` is the one stored with the model.

    `report` hears the share done in [0, 1] and says whether to go on; where it says no, `CancelledError` is raised.
    Raises ValueError for a codebook of one code, in whose place nothing can stand, and for no digits.
    """
    K, N = model.config.num_embeddings, len(digits)
    if not N:
        raise ValueError("expected at least one digit to measure, got none")
    near = _surroundings(*model.config.grid, *reach_of(model))
    step = max(1, model.config.images_at_once // DRAWINGS)
    whole, added = 0.0, torch.zeros(K, dtype=torch.float64)
    worst = torch.full((DAMAGED, K), -torch.inf, dtype=torch.float64)
    damaged = torch.full((DAMAGED, K), -1)
    for begin in range(0, N, step):
        if not report(begin / N):
            raise CancelledError
        pixels = digits.pixels[begin : begin + step]
        growth, error = _growth(model, pixels, near)  # (M, K)
        whole += error
        added += growth.nansum(0)
        rivals = torch.cat((worst, growth.where(~growth.isnan(), -torch.inf)))  # (DAMAGED + M, K)
        indices = torch.arange(begin, begin + len(pixels)).unsqueeze(1).expand(-1, K)
        worst, places = rivals.topk(DAMAGED, 0)
        damaged = torch.cat((damaged, indices)).gather(0, places).where(worst > -torch.inf, -1)
    report(1.0)
    scale = digits.pixels.numel() * variance
    return Ablation(whole / scale, (whole + added) / scale, damaged.t().contiguous())


def _growth(model: Model, pixels: Tensor, near: list[int]) -> tuple[Tensor, float]:
    """What banning each code adds to each image's squared error, and the squared error of all the images together.

    (M, C, H, W) uint8 -> (M, K) float64, NaN where an image does not use the code.
    """
    M, K, cells = len(pixels), model.config.num_embeddings, len(near)
    first, second = _two_nearest(model, pixels)  # (M, h, w) each
    images, groups, owners = [], [], []  # of each drawing: its image, the cells that it bans, whose pixels are whose
    for image, grid in enumerate(first.flatten(1).tolist()):
        for codes, owner in _drawings(grid, near, K):
            images.append(image)
            groups.append([code in codes for code in grid])
            owners.append(owner)
    images, banned = torch.tensor(images), torch.tensor(groups).view(-1, *first.shape[1:])
    drawn = torch.where(banned, second[images], first[images])
    usual = _squared_errors(model, first, pixels)  # (M, h, w)
    change = _squared_errors(model, drawn, pixels[images]) - usual[images]
    growth = torch.zeros(M * (K + 1), dtype=torch.float64)  # one more, for the pixels that nobody owns
    places = images.unsqueeze(1) * (K + 1) + torch.tensor(owners)
    growth.index_add_(0, places.flatten(), change.flatten())
    used = torch.zeros(M, K, dtype=torch.bool).scatter_(1, first.flatten(1), torch.ones(M, cells, dtype=torch.bool))
    return growth.view(M, K + 1)[:, :K].where(used, torch.nan), float(usual.sum())


def _drawings(grid: list[int], near: list[int], K: int) -> list[tuple[set[int], list[int]]]:
    """The codes of a grid in groups that can be banned together, since they reach no cell in common.

    Of each group: its codes, and for every cell the code that reaches it, K where none does.
    """
    reach: dict[int, int] = {}
    for cell, code in enumerate(grid):
        reach[code] = reach.get(code, 0) | near[cell]
    groups: list[tuple[set[int], int]] = []
    for code in sorted(reach, key=lambda code: reach[code].bit_count(), reverse=True):
        at = next((at for at, (_, taken) in enumerate(groups) if not taken & reach[code]), len(groups))
        codes, taken = groups[at] if at < len(groups) else (set(), 0)
        groups[at : at + 1] = [(codes | {code}, taken | reach[code])]
    return [
        (codes, [next((code for code in codes if reach[code] >> cell & 1), K) for cell in range(len(grid))])
        for codes, _ in groups
    ]


def _surroundings(h: int, w: int, up: int, aside: int) -> list[int]:
    """Of each cell of a grid, itself and the cells that its ink reaches, as the bits of a number."""
    cells = [(row, column) for row in range(h) for column in range(w)]
    return [
        sum(1 << at for at, (r, c) in enumerate(cells) if abs(r - row) <= up and abs(c - column) <= aside)
        for row, column in cells
    ]


def affordable(model: Model, digits: Digits) -> Digits:
    """As many of the images as an ablation can draw in about a minute on a laptop, where the model is of our size.

    All where a code reaches a few cells of a small grid: where it reaches all, each code wants a drawing of its own.
    """
    sizes, (up, aside) = model.config, reach_of(model)
    drawings = min(sizes.cells, sizes.num_embeddings, DRAWINGS * (2 * up + 1) * (2 * aside + 1) // 9)
    pixels = len(digits) * max(DRAWINGS, drawings) * sizes.height * sizes.width
    return digits if pixels <= AFFORDABLE else digits.evenly(max(FEWEST, len(digits) * AFFORDABLE // pixels))


class Redrawn(NamedTuple):
    """Some digits drawn with a code and without it."""

    originals: Tensor  # (M, C, H, W) uint8
    before: Reconstructions
    after: Reconstructions

    @property
    def change(self) -> Tensor:
        """How far each pixel moved: (M, C, H, W) uint8."""
        return (self.after.pixels.int() - self.before.pixels.int()).abs().to(torch.uint8)


@torch.inference_mode()
def redraw(model: Model, digits: Digits, variance: float, code: int) -> Redrawn:
    """The reconstructions of digits, and what they are without a code. Raises ValueError for a codebook of one."""
    first, second = _two_nearest(model, digits.pixels)
    banned = torch.where(first == code, second, first)
    before, after = (reconstructions(model, digits, codes, variance) for codes in (first, banned))
    return Redrawn(digits.pixels, before, after)


def _two_nearest(model: Model, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest code of every cell and the next nearest one: (N, C, H, W) uint8 -> (N, h, w) int64 each."""
    if model.config.num_embeddings < 2:
        raise ValueError("expected at least two codes, so that one can stand in for another, got 1")
    parts = [
        model.vq_layer.two_nearest(model.latents(to_unit(part))) for part in pixels.split(model.config.images_at_once)
    ]
    first, second = (torch.cat(codes).cpu() for codes in zip(*parts, strict=True))
    return first, second


def _squared_errors(model: Model, codes: Tensor, pixels: Tensor) -> Tensor:
    """The squared error that images drawn from codes (N, h, w) have in each cell, summed: (N, h, w) float64."""
    (h, w), (N, C, H, W) = model.config.grid, pixels.shape
    errors = (model.decode(codes).cpu() - to_unit(pixels)).square()
    return errors.view(N, C, h, H // h, w, W // w).sum((1, 3, 5), dtype=torch.float64)


# Where ablations are kept.


def content_key(checkpoint: Checkpoint, digits: Digits) -> str:
    """What makes an ablation what it is, as 24 hex digits: the model, its variance and the pixels."""
    return digits.content_key(f"ablation {LAYOUT} {checkpoint.fingerprint} {checkpoint.variance!r}")


class AblationJobs(ArrayJobs):
    """The ablations of this process, in memory, shipped and on disk."""

    def __init__(self, cache: ArrayCache):
        super().__init__(cache, partial(shipped.find, "ablation"))

    def find(self, key: str, num_embeddings: int) -> Ablation | None:
        """A finished ablation; None where it has to be computed."""
        array = self.array(key, _shape(num_embeddings))
        return None if array is None else _from_array(array)

    def start(self, key: str, checkpoint: Checkpoint, digits: Digits, visitor: str) -> Job[np.ndarray]:
        """The job of this ablation, as `ask` gives it."""
        model, shape = checkpoint.model, _shape(checkpoint.model.config.num_embeddings)

        def compute(job: Job[np.ndarray]) -> np.ndarray:
            return self.cache.once(
                job, key, shape, lambda: _to_array(ablate(model, digits, checkpoint.variance, job.report))
            )

        return self.ask(key, compute, visitor)


def _shape(num_embeddings: int) -> tuple[int, int]:
    return num_embeddings, 2 + DAMAGED


def _to_array(ablation: Ablation) -> np.ndarray:
    """A row a code: the NMSE with it, the NMSE without it, and the digits damaged; float64."""
    before = torch.full_like(ablation.without, ablation.nmse)
    return torch.cat((before[:, None], ablation.without[:, None], ablation.damaged.double()), 1).numpy()


def _from_array(array: np.ndarray) -> Ablation:
    rows = torch.from_numpy(array)
    return Ablation(float(rows[0, 0]), rows[:, 1], rows[:, 2:].long())


def default_ablation(checkpoint: Checkpoint, digits: Digits) -> dict[str, np.ndarray]:
    """The ablation of a checkpoint by its key."""
    return {content_key(checkpoint, digits): _to_array(ablate(checkpoint.model, digits, checkpoint.variance))}
