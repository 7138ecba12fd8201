"""A prior over codes: how likely each code is in each cell, given any of the other cells.

Van den Oord et al. 2017, section 3.3, fit an autoregressive model to the codes once the autoencoder is trained. This
one knows no fixed order: trained on any number of hidden cells, it writes codes in any order (Hoogeboom et al. 2022,
"Autoregressive Diffusion Models", eq. 2-4), fills any region again, and says how surprising each cell is. It consists
of convolutions, ReLU and additions, so that a browser runs it as it runs the autoencoder.
"""

from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqvae.data import Digits
from vqvae.layers import Residual

BATCH = 500  # grids at once where no gradients are needed
HIDDEN_COUNTS = 7  # numbers of hidden cells that each grid is measured with


@dataclass(frozen=True)
class PriorConfig:
    """The sizes of a prior. Raises ValueError for sizes that it cannot have."""

    num_embeddings: int = 128  # K
    height: int = 7  # rows of the grid
    width: int = 7  # columns of the grid
    classes: int = 10
    channels: int = 64
    blocks: int = 4  # of two convolutions each

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or not 1 <= value <= 65_536:
                raise ValueError(f"expected {field.name} to be a whole number above 0, got {value!r}")

    @property
    def cells(self) -> int:
        return self.height * self.width


class Block(Residual):
    """x + conv(relu(conv(relu(x)))): (B, channels, h, w) -> the same shape (He et al. 2016, pre-activation)."""

    def __init__(self, channels: int):
        first, second = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        nn.init.zeros_(second.weight)  # begins as the identity, and so needs no normalisation
        super().__init__(nn.ReLU(), first, nn.ReLU(), second)


class Prior(nn.Module):
    """(B, h, w) codes, some of them hidden, and (B,) classes -> logits of every code in every cell: (B, K, h, w)."""

    def __init__(self, config: PriorConfig = PriorConfig()):
        super().__init__()
        self.config = config
        C = config.channels
        self.codes = nn.Embedding(config.num_embeddings + 1, C)  # the last row stands for a hidden code
        self.classes = nn.Embedding(config.classes + 1, C)  # the last row stands for any class
        self.cells = nn.Parameter(torch.randn(C, config.height, config.width))
        self.blocks = nn.Sequential(*(Block(C) for _ in range(config.blocks)))
        self.head = nn.Sequential(nn.ReLU(), nn.Conv2d(C, config.num_embeddings, 1))

    @property
    def hidden(self) -> int:
        """What stands in a cell whose code is not known."""
        return self.config.num_embeddings

    @property
    def any_class(self) -> int:
        """What stands for a class that is not known."""
        return self.config.classes

    def forward(self, codes: Tensor, classes: Tensor) -> Tensor:
        x = self.codes(codes).permute(0, 3, 1, 2) + self.cells + self.classes(classes)[:, :, None, None]
        return self.head(self.blocks(x))

    @torch.inference_mode()
    def probabilities(self, codes: Tensor, classes: Tensor, guidance: float = 1.0) -> Tensor:
        """How likely each code is in each cell: (B, h, w) int64 in [0, K], K where hidden, (B,) -> (B, h, w, K).

        Guidance above 1 leans towards codes that speak for the class: logits without it plus `guidance` times what it
        changes in them (Ho and Salimans 2022, "Classifier-Free Diffusion Guidance", eq. 6, where it is 1 + w). What a
        cell that is not hidden says of itself means nothing. Raises ValueError for another shape or range.
        """
        self._check(codes, classes)
        parts = zip(codes.split(BATCH), classes.split(BATCH), strict=True)
        return torch.cat([self._guided(*part, guidance).softmax(1).permute(0, 2, 3, 1) for part in parts])

    def _guided(self, codes: Tensor, classes: Tensor, guidance: float) -> Tensor:
        logits = self(codes, classes)
        if guidance == 1:
            return logits
        without = self(codes, torch.full_like(classes, self.any_class))
        return without + guidance * (logits - without)

    def _check(self, codes: Tensor, classes: Tensor) -> None:
        config = self.config
        if codes.ndim != 3 or tuple(codes.shape[1:]) != (config.height, config.width):
            raise ValueError(f"expected codes (B, {config.height}, {config.width}), got {tuple(codes.shape)}")
        if classes.shape != codes.shape[:1]:
            raise ValueError(f"expected {len(codes)} classes, got {tuple(classes.shape)}")
        for name, values, highest in (("codes", codes, self.hidden), ("classes", classes, self.any_class)):
            if values.numel() and not (0 <= values.min() and values.max() <= highest):
                raise ValueError(f"expected {name} from 0 to {highest}, got {int(values.min())} to {int(values.max())}")


def hide(codes: Tensor, counts: Tensor, hidden: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Hide some cells of each grid, chosen at random: the grids with `hidden` there, and where, both (B, h, w).

    Codes are (B, h, w), `counts` (B,) says how many cells to hide, each from 1 to h w.
    """
    ranks = torch.rand(len(codes), codes[0].numel(), generator=generator).argsort(1).argsort(1)  # (B, h w)
    where = (ranks < counts.unsqueeze(1)).view_as(codes)
    return codes.where(~where, hidden), where


def nats(prior: Prior, codes: Tensor, classes: Tensor, counts: Tensor, generator: torch.Generator) -> Tensor:
    """How surprised the prior is by each grid, in nats a code, where `counts` (B,) cells are hidden: (B,).

    Over counts that are uniform from 1 to h w its mean bounds -log p(codes) / (h w), for an order of writing drawn at
    random (Hoogeboom et al. 2022, eq. 4).
    """
    given, where = hide(codes, counts, prior.hidden, generator)
    surprise = F.cross_entropy(prior(given, classes), codes, reduction="none")  # (B, h, w)
    return (surprise * where).flatten(1).sum(1) / counts


class PriorFigures(NamedTuple):
    """How well a prior predicts the codes of a data set, in nats a code."""

    dataset: str
    split: str
    images: int
    with_class: float
    without_class: float


@torch.inference_mode()
def mean_nats(prior: Prior, codes: Tensor, classes: Tensor, seed: int = 0) -> float:
    """The mean of `nats` over grids (N, h, w) of classes (N,), all counts of hidden cells equally often.

    Raises ValueError for no grids.
    """
    if not len(codes):
        raise ValueError("expected at least one grid of codes, got none")
    generator = torch.Generator().manual_seed(seed)
    cells, total = prior.config.cells, 0.0
    for turn in range(HIDDEN_COUNTS):
        counts = (torch.arange(len(codes)) + turn * cells // HIDDEN_COUNTS) % cells + 1
        for part in torch.arange(len(codes)).split(BATCH):
            total += float(nats(prior, codes[part], classes[part], counts[part], generator).sum(dtype=torch.float64))
    return total / HIDDEN_COUNTS / len(codes)


def measure(prior: Prior, codes: Tensor, digits: Digits) -> PriorFigures:
    """The prior's figures on the codes (N, h, w) of a data set."""
    unlabelled = torch.full_like(digits.labels, prior.any_class)
    with_class, without_class = (mean_nats(prior, codes, classes) for classes in (digits.labels, unlabelled))
    return PriorFigures(digits.dataset, digits.split, len(digits), with_class, without_class)


@torch.inference_mode()
def surprise(prior: Prior, codes: Tensor, label: int) -> Tensor:
    """-log p of each cell's code given all the others, in nats: (h, w) int64 -> (h, w)."""
    cells = prior.config.cells
    grids = codes.repeat(cells, 1, 1)  # one cell hidden in each
    grids.view(cells, cells).fill_diagonal_(prior.hidden)
    found = prior.probabilities(grids, torch.full((cells,), label)).view(cells, cells, -1)  # (grid, cell, K)
    own = found.diagonal().t()  # (cell, K), each cell where it is hidden
    return -own.gather(1, codes.view(-1, 1)).log().view_as(codes)


ORDERS = ("certain", "rows", "random")


def uniform(seeds: Tensor, places: Tensor) -> Tensor:
    """A number in [0, 1) for each seed and place, both int64 in [0, 2^32): float64, of the shape they broadcast to.

    Chance as a function, not a stream (an integer hash by Wellons 2018, "lowbias32"): `prior.js` has the same one.
    """
    low = 2**32 - 1
    x = (seeds * 0x9E3779B1 + places * 0x85EBCA6B + 0x6D2B79F5) & low
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & low
    x = ((x ^ (x >> 15)) * 0x735A2D97) & low
    return (x ^ (x >> 15)).double() / 2**32


@torch.inference_mode()
def write(
    prior: Prior,
    codes: Tensor,
    classes: Tensor,
    seeds: Tensor,
    order: str = "certain",
    temperature: float = 1.0,
    stride: int = 1,
    guidance: float = 1.0,
) -> Tensor:
    """Fill the hidden cells of grids, `stride` at a step: (B, h, w), (B,), (B,) -> (B, h, w) int64 in [0, K).

    Codes are int64 in [0, K], K where hidden. `order` says which cells come first: those whose most likely code is
    likeliest, those further up and left, or any. A cell's code is drawn from p^(1 / temperature), normalised, at the
    seed's own number for that cell; p has the guidance. Raises ValueError for another order or temperature.
    """
    if order not in ORDERS:
        raise ValueError(f"expected an order out of {', '.join(ORDERS)}, got {order!r}")
    if not temperature > 0:
        raise ValueError(f"expected a temperature above 0, got {temperature}")
    cells = prior.config.cells
    written = codes.clone().flatten(1)  # (B, h w)
    numbers = uniform(seeds.unsqueeze(1), torch.arange(2 * cells))  # for a cell's code, then for its rank
    while (written == prior.hidden).any():
        found = prior.probabilities(written.view_as(codes), classes, guidance).flatten(1, 2).double()  # (B, h w, K)
        shares = (found / found.amax(-1, keepdim=True)).pow(1 / temperature)
        sums = (shares / shares.sum(-1, keepdim=True)).cumsum(-1)
        choices = (sums <= numbers[:, :cells, None]).sum(-1).clamp_max(prior.hidden - 1)
        ranks = {
            "certain": -found.amax(-1),
            "rows": torch.arange(cells).expand_as(written),
            "random": numbers[:, cells:],
        }
        hidden = written == prior.hidden
        # Stable, so that of equal ranks the first cell comes first.
        order_of_cells = ranks[order].double().masked_fill(~hidden, torch.inf).argsort(stable=True, dim=1)
        first = torch.zeros_like(hidden).scatter_(1, order_of_cells[:, :stride], True) & hidden
        written = torch.where(first, choices, written)
    return written.view_as(codes)
