"""What watching a run costs its speed: python tests/benchmarks/watching.py

The default's recipe on the embedded digits, twice. First alone, published as the Train page reads it (figures, frames,
held-out measurements, saves, a look at `control` before every step): all that is not a step is the cost. Then from the
page, in turns watched by a browser on the same machine and unwatched. Promised are less than 5 % of the step rate. Nine
minutes.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import common
from common import median, table
from pen import app
from train_page import STEP, train_page

from vqvae.data import EMBEDDED
from vqvae.files import write_atomically
from vqvae.runs import worker
from vqvae.runs.run import Run, RunConfig
from vqvae.training import RECOMMENDED, Training

WARM_UP = 20  # steps, with the k-means initialisation among them
EPOCHS = 1000  # of the run that is watched: more than it gets
LOOK = 15.0  # seconds, watched or not
SETTLE = 5.0  # seconds between two looks: a page opens or goes


class TimedTraining(Training):
    """Notes when each step began and ended."""

    times: list[tuple[float, float]] = []  # noqa: RUF012, the worker makes the one object

    def step(self) -> None:
        began = time.perf_counter()
        super().step()
        self.times.append((began, time.perf_counter()))


def published(epochs: int) -> float:
    """The share of a run's time that is not stepping."""
    training, worker.Training = worker.Training, TimedTraining
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            os.environ["VQVAE_RUNS"] = folder
            run = Path(folder) / "run"
            order = RunConfig(replace(RECOMMENDED, epochs=epochs), EMBEDDED)
            write_atomically(run / "run.json", json.dumps(asdict(order)).encode())
            worker.work(run)
    finally:
        worker.Training = training
    times = TimedTraining.times[WARM_UP:]
    return 1 - sum(ended - began for began, ended in times) / (times[-1][1] - times[0][0])


# How often the figures on the page become others, a second.
CHANGES = """(figures, seconds) => new Promise((done) => {
  let [many, before] = [0, figures.textContent];
  const look = setInterval(() => {
    if (figures.textContent !== before) many++;
    before = figures.textContent;
  }, 50);
  setTimeout(() => done([clearInterval(look), many / seconds][1]), 1000 * seconds);
})"""


async def watched(address: str, folder: Path, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Steps a second of one run, in turns watched and unwatched; and how often a second the page showed others."""
    found: tuple[list[float], list[float]] = [], []
    moves = []
    async with train_page(address, EPOCHS) as (page, start):
        await start.click()
        await page.get_by_text(STEP).wait_for()
        (path,) = folder.glob("visitors/*/runs/*")
        run = Run(path)
        for _ in range(rounds):
            for rates, place in zip(found, (f"{address}/train", "about:blank"), strict=True):
                await page.goto(place)
                if place != "about:blank":
                    await page.get_by_text(STEP).wait_for()
                    moves.append(await page.locator("#figures").evaluate(CHANGES, LOOK))
                await asyncio.sleep(SETTLE)
                began, step = time.monotonic(), run.status().step
                await asyncio.sleep(LOOK)
                rates.append((run.status().step - step) / (time.monotonic() - began))
    return *found, moves


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=50, help="of the run alone (%(default)s)")
    parser.add_argument("--rounds", type=int, default=8, help="turns of the watched run (%(default)s)")
    options = parser.parse_args()
    yardstick = common.Yardstick()
    yardstick()
    share = published(options.epochs)
    yardstick()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["VQVAE_RUNS"] = str(Path(folder) / "runs")
        with app(Path(folder)) as address:
            looked, alone, moves = asyncio.run(watched(address, Path(folder) / "runs", options.rounds))
    yardstick()
    slower = median([1 - one / other for one, other in zip(looked, alone, strict=True)])  # of neighbours in time
    rows = [
        ("publishing, nobody watching", f"{share:.2%} of the time", "under 5 %"),
        ("a browser here watches", f"{median(looked):.2f} against {median(alone):.2f} steps a second", ""),
        ("what it shows changes", f"{median(moves):.1f} times a second", "at least 1"),
        ("so watching costs", f"{slower:.1%} of the step rate", "under 5 %"),
    ]
    print(table(("watching", "measured", "promised"), rows))
    print(yardstick.line)


if __name__ == "__main__":
    main()
