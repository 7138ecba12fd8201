"""Images a second in training, beside the tutorial's loop: python tests/benchmarks/throughput.py

Both train the same model with the `gradient` quantiser and batches of 128, in turns, so that whatever slows the machine
slows both. The tutorial's loop is torchvision's MNIST with ToTensor, a shuffling DataLoader without workers, plain Adam
and tensors in NCHW. Needs full MNIST; takes some three minutes on two cores.
"""

import argparse
import itertools
import time
from collections.abc import Callable

import common
import torch
import tutorial
from torchvision import datasets, transforms

from vqvae import data
from vqvae.paths import data_folder
from vqvae.training import TUTORIAL, Training


def tutorials_loop(variance: float) -> Callable[[int], None]:
    """A function that trains for so many steps."""
    images = datasets.MNIST(data_folder(), transform=transforms.ToTensor())
    loader = torch.utils.data.DataLoader(images, TUTORIAL.batch_size, shuffle=True, num_workers=0)
    batches = itertools.chain.from_iterable(itertools.repeat(loader))
    model = tutorial.VQVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=TUTORIAL.lr)
    return lambda steps: [*tutorial.epoch(model, itertools.islice(batches, steps), optimizer, variance)] and None


def timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=100, help="a round, of each")
    options = parser.parse_args()

    digits = data.load("mnist", "train")
    ours = Training(digits, TUTORIAL, torch.device("cpu"))
    loop = tutorials_loop(digits.variance)
    yardstick = common.Yardstick()

    loop(5)
    for _ in range(5):
        ours.step()
    images = options.steps * TUTORIAL.batch_size
    theirs_speed, ours_speed, ratios = [], [], []
    for _ in range(options.rounds):
        yardstick()
        theirs_speed.append(images / timed(lambda: loop(options.steps)))
        ours_speed.append(images / timed(lambda: [ours.step() for _ in range(options.steps)]))
        ratios.append(ours_speed[-1] / theirs_speed[-1])

    print(
        common.table(
            ["training, gradient quantiser", "images/s, median", "lowest", "highest"],
            [
                (name, *(f"{value:,.0f}" for value in (common.median(speeds), min(speeds), max(speeds))))
                for name, speeds in (("tutorial's loop", theirs_speed), ("vqvae", ours_speed))
            ]
            + [("ratio of a round", *(f"{value:.2f}" for value in (common.median(ratios), min(ratios), max(ratios))))],
        )
    )
    print(f"{options.rounds} rounds of {options.steps} steps each; {yardstick.line}")
    print(f"asked for: at least 1.25 times as many images a second; got {common.median(ratios):.2f}")


if __name__ == "__main__":
    main()
