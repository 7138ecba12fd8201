"""How good a prior is: nats a code beside other models of the same size, and what a reader makes of its samples.

    python -m tests.benchmarks.prior [--model default] [--baselines STEPS] [--samples 1000] [--guidance 2 1] [--pace]

Needs full MNIST. The figures of README come from here. The causal models (a gated PixelCNN, van den Oord et al. 2016,
and a transformer) are trained on the same codes, for so many steps of as many grids, and have as many weights within a
few per cent; they write row by row alone. Samples are read by a classifier that is trained for this measure alone.
--pace says how long the browser's part takes, in Node and on one core, and nothing else.
"""

import argparse
import json
import math
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import playwright
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from pages.ui.charts.pictures import montage
from pages.ui.components.carrier import describe_prior
from pages.ui.components.generate import Settings
from vqvae import checkpoint, data, prior_file
from vqvae.chance import chance
from vqvae.checkpoint import Checkpoint
from vqvae.data import to_unit
from vqvae.prior import measure, write
from vqvae.prior_file import TrainedPrior
from vqvae.prior_training import PriorRecipe
from vqvae.training import one_cycle

CLASSES = 10
PACE = Path(__file__).with_name("prior_pace.js")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=checkpoint.SHIPPED, default="default")
    parser.add_argument("--baselines", type=int, default=0, help="also train the causal models, for so many steps")
    parser.add_argument("--samples", type=int, default=1000, help="of each class")
    parser.add_argument("--picture", type=Path, help="also draw ten samples of each class beside ten real digits")
    parser.add_argument("--guidance", type=float, nargs="*", default=[Settings().guidance, 1.0])
    parser.add_argument("--pace", action="store_true", help="only the browser's part, in Node")
    options = parser.parse_args()
    model = checkpoint.load(checkpoint.SHIPPED[options.model])
    trained = prior_file.load(prior_file.SHIPPED_PRIORS[options.model], model.fingerprint)
    if trained is None:
        raise SystemExit("This model has no prior.")
    if options.pace:
        return pace(trained)
    train, test = data.load("mnist", "train"), data.load("mnist", "test")
    codes, of_test = model.model.encode(train.images), model.model.encode(test.images)
    K, cells = model.model.config.num_embeddings, model.model.config.cells

    print(f"{options.model}, {K} codes, {cells} cells, on the {test.described}\n")
    print(f"{'':<46}{'weights':>9}{'nats, with class':>18}{'without':>9}{'bits a digit':>14}")

    def row(name: str, weights: int, with_class: float, without: float) -> None:
        bits = with_class * cells / math.log(2)
        print(f"{name:<46}{weights:>9,}{with_class:>18.3f}{without:>9.3f}{bits:>14.1f}", flush=True)

    print(
        f"{'every code equally likely':<46}{0:>9}{math.log(K):>18.3f}{math.log(K):>9.3f}{cells * math.log2(K):>14.1f}"
    )
    for name, contexts in (("counts of codes", unigram), ("counts of left and upper neighbour", neighbours)):
        found = [
            counted(contexts(codes, y), codes, contexts(of_test, z), of_test, K) for y, z in labels_of(train, test)
        ]
        row(name, 0, *found)
    figures = measure(trained.prior, of_test, test)
    row("any order (ours)", weights_of(trained.prior), figures.with_class, figures.without_class)
    if options.baselines:
        for name, network in (
            ("gated PixelCNN, row by row", PixelCNN(K)),
            ("causal transformer, row by row", Transformer(K, cells)),
        ):
            fit(network, codes, train.labels, replace(trained.recipe, steps=options.baselines))
            row(
                f"{name}, {options.baselines:,} steps",
                weights_of(network),
                *(causal_nats(network, of_test, y) for y in (test.labels, torch.full_like(test.labels, CLASSES))),
            )

    if options.picture:
        draw_samples(model, trained, test, options.picture)
    reader = classifier(train)
    accuracy = float((read(reader, test.images) == test.labels).float().mean())
    own = float((read(reader, model.model.decode(of_test).clamp(0, 1)) == test.labels).float().mean())
    print(f"\nThe reader gets {accuracy:.2%} of the test digits right, and {own:.2%} of their reconstructions.")
    apart = nearest(of_test[:: len(of_test) // 1000], codes)
    print(
        f"A test digit shares {apart.mean():.1f} codes with the nearest training digit, and at most {int(apart.max())}."
    )
    asked = torch.arange(CLASSES).repeat_interleave(options.samples)
    for guidance in options.guidance:
        begun = time.perf_counter()
        empty = torch.full((len(asked), *codes.shape[1:]), K)
        samples = write(trained.prior, empty, asked, torch.arange(len(asked)), guidance=guidance)
        right = read(reader, model.model.decode(samples).clamp(0, 1)) == asked
        shared = nearest(samples[:: max(1, len(samples) // 1000)], codes)
        distinct = len(samples.flatten(1).unique(dim=0)) / len(samples)
        print(
            f"guidance {guidance:.1f}: {right.float().mean():.2%} read as the class asked for (lowest "
            f"{min(right[asked == label].float().mean() for label in range(CLASSES)):.1%}); codes shared with the "
            f"nearest training digit: mean {shared.mean():.1f}, most {int(shared.max())}; {distinct:.2%} distinct; "
            f"{time.perf_counter() - begun:.0f} s",
            flush=True,
        )


def draw_samples(model: Checkpoint, trained: TrainedPrior, test: data.Digits, path: Path) -> None:
    """A row a class: ten samples of the seeds 0 to 9, none left out, and after a gap the first ten test digits."""
    labels = torch.arange(CLASSES).repeat_interleave(10)
    empty = torch.full((len(labels), *model.model.config.grid), trained.prior.hidden)
    codes = write(trained.prior, empty, labels, torch.arange(10).repeat(CLASSES), guidance=Settings().guidance)
    made = model.model.decode(codes).clamp(0, 1)
    real = torch.stack([test.images[test.labels == label][:10] for label in range(CLASSES)])  # (10, 10, C, H, W)
    rows = [montage(torch.cat([one, torch.ones_like(one[:1]), other]), 21, (2, 2), 1) for one, other in
            zip(made.unflatten(0, (CLASSES, 10)), real, strict=True)]  # fmt: skip
    pixels = (torch.cat([F.pad(row, (0, 0, 0, 2), value=1) for row in rows], 1) * 255).round().to(torch.uint8)
    twice = pixels[0].repeat_interleave(2, 0).repeat_interleave(2, 1)
    Image.fromarray(twice.numpy()).save(path, optimize=True)


def pace(trained: TrainedPrior) -> None:
    """What `prior_pace.js` prints, run by the Node that Playwright brings."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(describe_prior(trained), file)
        file.flush()
        subprocess.run([Path(playwright.__file__).parent / "driver" / "node", PACE, file.name], check=True)


def labels_of(train: data.Digits, test: data.Digits):
    """The labels of both sets, and none."""
    yield train.labels, test.labels
    yield torch.zeros_like(train.labels), torch.zeros_like(test.labels)


def weights_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# Counting.


def unigram(codes: Tensor, labels: Tensor) -> list[Tensor]:
    """What a code is counted by, the most specific first."""
    return [labels.view(-1, 1, 1).expand_as(codes).flatten()]


def neighbours(codes: Tensor, labels: Tensor) -> list[Tensor]:
    left, upper = F.pad(codes, (1, 0), value=-1)[:, :, :-1] + 1, F.pad(codes, (0, 0, 1, 0), value=-1)[:, :-1] + 1
    label = labels.view(-1, 1, 1).expand_as(codes)
    return [one.flatten() for one in ((label * 1000 + left) * 1000 + upper, left * 1000 + upper, left)]


def counted(contexts: list[Tensor], codes: Tensor, of_test: list[Tensor], test: Tensor, K: int) -> float:
    """Nats a code of counts, each context backed by the next one (Witten and Bell 1991), the last by even chances."""
    chances = torch.full((test.numel(),), 1 / K, dtype=torch.float64)
    for context, here in zip(reversed(contexts), reversed(of_test), strict=True):
        pairs, counts = (context * K + codes.flatten()).unique(return_counts=True)
        names, totals = context.unique(return_counts=True)
        kinds = torch.bincount(torch.searchsorted(names, pairs // K), minlength=len(names))
        count = looked_up(pairs, counts, here * K + test.flatten())
        total, kind = looked_up(names, totals, here), looked_up(names, kinds, here)
        chances = torch.where(total > 0, (count + kind * chances) / (total + kind).clamp_min(1), chances)
    return float(-chances.log().mean())


def looked_up(names: Tensor, values: Tensor, wanted: Tensor) -> Tensor:
    """The values of names, which are sorted; 0 for those that are not there."""
    places = torch.searchsorted(names, wanted).clamp_max(len(names) - 1)
    return torch.where(names[places] == wanted, values[places], 0).double()


# Causal models.


class Gated(nn.Module):
    """A layer of a gated PixelCNN: a vertical and a horizontal stack (van den Oord et al. 2016, figure 2)."""

    def __init__(self, channels: int, first: bool = False):
        super().__init__()
        C, self.first = channels, first
        self.vertical = nn.Conv2d(C, 2 * C, (2, 3))
        self.across = nn.Conv2d(2 * C, 2 * C, 1)
        self.horizontal = nn.Conv2d(C, 2 * C, (1, 1 if first else 2))
        self.out = nn.Conv2d(C, C, 1)
        self.label = nn.Embedding(CLASSES + 1, 2 * C)

    def forward(self, v: Tensor, h: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        y = self.label(label)[:, :, None, None]
        down = self.vertical(F.pad(v, (1, 1, 2, 0)))  # row r of it has seen the rows up to r - 1
        above = down[:, :, :-1]
        seen = F.pad(h, (1, 0, 0, 0))
        along = self.horizontal(seen[..., :-1] if self.first else seen)
        tanh, gate = (along + self.across(above) + y).chunk(2, 1)
        g = self.out(tanh.tanh() * gate.sigmoid())
        tanh, gate = (down[:, :, 1:] + y).chunk(2, 1)
        return tanh.tanh() * gate.sigmoid(), g if self.first else h + g


class PixelCNN(nn.Module):
    def __init__(self, K: int, channels: int = 50, layers: int = 7):
        super().__init__()
        self.codes = nn.Embedding(K, channels)
        self.layers = nn.ModuleList(Gated(channels, first=n == 0) for n in range(layers))
        self.head = nn.Sequential(nn.ReLU(), nn.Conv2d(channels, K, 1))

    def forward(self, codes: Tensor, labels: Tensor) -> Tensor:
        v = h = self.codes(codes).permute(0, 3, 1, 2)
        for layer in self.layers:
            v, h = layer(v, h, labels)
        return self.head(h)


class Transformer(nn.Module):
    def __init__(self, K: int, cells: int, width: int = 96, layers: int = 4):
        super().__init__()
        self.codes = nn.Embedding(K, width)
        self.label = nn.Embedding(CLASSES + 1, width)
        self.places = nn.Parameter(torch.randn(cells, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, 4, 3 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, K)

    def forward(self, codes: Tensor, labels: Tensor) -> Tensor:
        before = torch.cat([self.label(labels).unsqueeze(1), self.codes(codes.flatten(1)[:, :-1])], 1) + self.places
        mask = nn.Transformer.generate_square_subsequent_mask(before.shape[1])
        return self.head(self.body(before, mask, is_causal=True)).transpose(1, 2).unflatten(2, codes.shape[1:])


def fit(network: nn.Module, codes: Tensor, labels: Tensor, recipe: PriorRecipe, lr: float = 2e-3) -> None:
    """The steps of a recipe, of as many grids, half of them without their class."""
    assert_causal(network, codes[:4], labels[:4])
    optimizer = torch.optim.Adam(network.parameters(), lr=lr, fused=True)
    for step in range(recipe.steps):
        generator = chance(recipe.seed, 1, step)
        batch = torch.randint(len(codes), (recipe.batch_size,), generator=generator)
        unlabelled = torch.rand(recipe.batch_size, generator=generator) < recipe.unlabelled
        for group in optimizer.param_groups:
            group["lr"] = one_cycle(lr, step, recipe.steps)
        loss = F.cross_entropy(network(codes[batch], labels[batch].masked_fill(unlabelled, CLASSES)), codes[batch])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()


def assert_causal(network: nn.Module, codes: Tensor, labels: Tensor) -> None:
    """No cell sees itself or what comes after it."""
    with torch.inference_mode():
        before = network(codes, labels).flatten(2)
        for cell in (0, 8, 30, codes[0].numel() - 1):
            other = codes.flatten(1).clone()
            other[:, cell:] = 0
            after = network(other.view_as(codes), labels).flatten(2)
            if not torch.allclose(before[:, :, : cell + 1], after[:, :, : cell + 1], atol=1e-4):
                raise RuntimeError(f"{type(network).__name__} sees what comes after cell {cell}")


@torch.inference_mode()
def causal_nats(network: nn.Module, codes: Tensor, labels: Tensor) -> float:
    parts = zip(codes.split(500), labels.split(500), strict=True)
    return sum(float(F.cross_entropy(network(x, y), x)) * len(x) for x, y in parts) / len(codes)


# Reading samples.


def classifier(train: data.Digits, epochs: int = 4) -> nn.Module:
    """A small convolutional network that reads digits."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 49, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, CLASSES),
    )  # fmt: skip
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    steps = epochs * len(train) // 128
    for step in range(steps):
        batch = torch.randint(len(train), (128,), generator=chance(0, 9, step))
        for group in optimizer.param_groups:
            group["lr"] = one_cycle(3e-3, step, steps)
        loss = F.cross_entropy(network(to_unit(train.pixels[batch])), train.labels[batch])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return network.eval()


@torch.inference_mode()
def read(network: nn.Module, images: Tensor) -> Tensor:
    return torch.cat([network(part).argmax(1) for part in images.split(500)])


def nearest(grids: Tensor, codes: Tensor) -> Tensor:
    """How many codes each grid shares with the training grid most like it."""
    return torch.tensor([int((codes == grid).flatten(1).sum(1).max()) for grid in grids]).float()


if __name__ == "__main__":
    main()
