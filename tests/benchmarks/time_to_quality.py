"""Seconds to the tutorial's quality: python tests/benchmarks/time_to_quality.py

How long the tutorial's loop trains for ten epochs, what test NMSE it has then (about 0.048), and how long `vqvae` takes
to the same with a recipe and a schedule of four epochs fixed beforehand. Measuring the test NMSE stops the clock. Needs
full MNIST; three runs, each with another seed, take about an hour on two cores.
"""

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import common
import torch
import tutorial
from torchvision import datasets, transforms

from vqvae import data
from vqvae.data import Digits
from vqvae.evaluation import evaluate
from vqvae.model import VQVAE
from vqvae.paths import data_folder
from vqvae.training import RECOMMENDED, TUTORIAL, Training

# Smaller batches take more steps an epoch, which counts for more here than the little that a step of 128 saves.
RECIPE = replace(RECOMMENDED, epochs=4, batch_size=64)
EPOCHS = 10  # of the tutorial's loop
CHECKS = 8  # an epoch, of ours


class Point(NamedTuple):
    seconds: float
    nmse: float


def curve(work: Iterable[object], nmse: Callable[[], float], enough: Callable[[float], bool]) -> list[Point]:
    """The test NMSE after each piece of work, by the seconds of work alone, until it is enough or the work is done."""
    points, seconds = [], 0.0
    pieces = iter(work)
    while True:
        started = time.perf_counter()
        try:
            next(pieces)
        except StopIteration:
            return points
        seconds += time.perf_counter() - started
        points.append(Point(seconds, nmse()))
        print(f"  {seconds:7.1f} s  test NMSE {points[-1].nmse:.4f}", flush=True)
        if enough(points[-1].nmse):
            return points


def tutorials_loop(seed: int, epochs: int, variance: float, test: Digits) -> list[Point]:
    images = datasets.MNIST(data_folder(), transform=transforms.ToTensor())
    torch.manual_seed(seed)
    loader = torch.utils.data.DataLoader(images, TUTORIAL.batch_size, shuffle=True, num_workers=0)
    model = tutorial.VQVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=TUTORIAL.lr)

    measured = VQVAE()

    def nmse() -> float:
        measured.load_state_dict(model.state_dict())
        return evaluate(measured, test, variance).nmse

    work = (list(tutorial.epoch(model, loader, optimizer, variance)) for _ in range(epochs))
    return curve(work, nmse, enough=lambda _: False)


def ours(seed: int, digits: Digits, test: Digits, target: float) -> list[Point]:
    run = Training(digits, replace(RECIPE, seed=seed), torch.device("cpu"))

    def work() -> Iterator[None]:
        while not run.finished:
            for _ in range(-(-run.steps_per_epoch // CHECKS)):
                if not run.finished:
                    run.step()
            yield

    return curve(work(), lambda: evaluate(run.model, test, digits.variance).nmse, enough=lambda nmse: nmse <= target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="each with another seed")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the tutorial's loop, for a quick look")
    options = parser.parse_args()

    digits, test = data.load("mnist", "train"), data.load("mnist", "test")
    yardstick = common.Yardstick()
    rows, ratios = [], []
    for seed in range(options.runs):
        yardstick()
        print(f"tutorial's loop, seed {seed}")
        theirs = tutorials_loop(seed, options.epochs, digits.variance, test)
        target = theirs[-1].nmse
        reached = next(point.seconds for point in theirs if point.nmse <= target)  # perhaps an epoch or two earlier
        yardstick()
        print(f"vqvae, seed {seed}, to {target:.4f}")
        last = ours(seed, digits, test, target)[-1]
        ratios.append(reached / last.seconds if last.nmse <= target else 0.0)
        rows.append((seed, f"{target:.4f}", f"{reached:.0f}", f"{last.seconds:.0f}", f"{ratios[-1]:.2f}"))
    yardstick()

    print()
    print(common.table(["seed", "test NMSE", "tutorial's loop, s", "vqvae, s", "times sooner (0: never)"], rows))
    print(
        f"{options.epochs} epochs against a schedule of {RECIPE.epochs} with batches of {RECIPE.batch_size}; "
        f"{yardstick.line}"
    )
    print(f"asked for: at least 3 times sooner, better 5; got {common.median(ratios):.2f} (median of {options.runs})")


if __name__ == "__main__":
    main()
