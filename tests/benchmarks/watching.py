"""What watching a run costs its speed: python tests/benchmarks/watching.py

Recommended on the embedded digits, published as the Train page reads it: figures, frames, held-out measurements, saves,
and a look at `control` before every step. All that is not a step is the cost; promised are less than 5 %. Two minutes.
"""

import argparse
import json
import os
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import common

from vqvae import worker
from vqvae.data import EMBEDDED
from vqvae.files import write_atomically
from vqvae.runs import Order
from vqvae.training import RECOMMENDED, Training

WARM_UP = 20  # steps, with the k-means start among them


class TimedTraining(Training):
    """Notes when each step began and ended."""

    times: list[tuple[float, float]] = []  # noqa: RUF012, the worker makes the one object

    def step(self) -> None:
        began = time.perf_counter()
        super().step()
        self.times.append((began, time.perf_counter()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=50)
    options = parser.parse_args()
    yardstick = common.Yardstick()
    yardstick()
    worker.Training = TimedTraining
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VQVAE_RUNS"] = folder
        run = Path(folder) / "run"
        order = Order(replace(RECOMMENDED, epochs=options.epochs), EMBEDDED)
        write_atomically(run / "run.json", json.dumps(asdict(order)).encode())
        status = worker.work(run)
        frames = (run / "frames").stat().st_size
    times = TimedTraining.times[WARM_UP:]
    whole = times[-1][1] - times[0][0]
    stepping = sum(ended - began for began, ended in times)
    yardstick()
    print(
        f"{status.state} after {status.step:,} steps, {1000 * whole / len(times):.1f} ms each; {frames / 2**20:.1f} MB"
    )
    print(f"watching took {1 - stepping / whole:.2%} of the time")
    print(yardstick.line)


if __name__ == "__main__":
    main()
