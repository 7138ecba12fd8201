"""The best recipe for three minutes on the embedded digits: python tests/benchmarks/three_minutes.py

Each candidate gets the epochs that fit into its seconds: a step of each is timed before, in turns, and the schedule
fixed by the medians. Seconds are of the CPU, with one thread. What counts is the NMSE on the embedded digits that are
held out. Every seed of every candidate takes three minutes: `--only` names some of them.
"""

import argparse
import statistics
import time
from dataclasses import replace

import torch
from common import Yardstick, table

from vqvae import data
from vqvae.data import EMBEDDED
from vqvae.evaluation import evaluate
from vqvae.runs.comparison import RECIPES
from vqvae.training import RECOMMENDED, Hyperparameters, Training

NAMES = ("gradient-replacement", "ema-kmeans-replacement", "simvq-kmeans", "diveq-kmeans-replacement", "fsq")
CANDIDATES = {
    f"recommended, batch {RECOMMENDED.batch_size}, rate {RECOMMENDED.lr:g}": RECOMMENDED,
    **{
        f"{name}, batch {batch}, rate {lr:g}": replace(RECIPES[name], batch_size=batch, lr=lr)
        for name in NAMES
        for batch in (128, 64, 32, 16)
        for lr in (3e-3, 1e-2, 3e-2)
    },
}
TURNS, STEPS = 5, 10  # of timing: turns of all candidates, and steps of each in a turn, after as many unwatched ones


def epoch_seconds(candidates: dict[str, Hyperparameters]) -> dict[str, float]:
    """The seconds that an epoch of each candidate takes: medians over turns."""
    digits, took = data.load(EMBEDDED, "train"), {name: [] for name in candidates}
    runs = {name: Training(digits, replace(h, warm_up=0), torch.device("cpu")) for name, h in candidates.items()}
    for turn in range(TURNS + 1):
        for name, run in runs.items():
            begun = time.process_time()
            for _ in range(STEPS):
                run.step()
            if turn:
                took[name].append((time.process_time() - begun) / STEPS * run.steps_per_epoch)
    return {name: statistics.median(seconds) for name, seconds in took.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=180, help="of training, for each run (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="WORDS", help="candidates whose names begin so")
    options = parser.parse_args()
    torch.set_num_threads(1)
    candidates = {name: h for name, h in CANDIDATES.items() if not options.only or name.startswith(tuple(options.only))}
    train, held_out = data.load(EMBEDDED, "train"), data.load(EMBEDDED, "test")
    yardstick = Yardstick()
    yardstick()
    epochs = {name: max(1, int(options.seconds / one)) for name, one in epoch_seconds(candidates).items()}
    rows = []
    for name, h in candidates.items():
        found, seconds = [], []
        for seed in range(options.seeds):
            run = Training(train, replace(h, seed=seed, epochs=epochs[name]), torch.device("cpu"))
            begun = time.process_time()
            while not run.finished:
                run.step()
            seconds.append(time.process_time() - begun)
            found.append(evaluate(run.model, held_out, train.variance))
            print(f"{name}, seed {seed}: NMSE {found[-1].nmse:.4f}, {seconds[-1]:.0f} s", flush=True)
        yardstick()
        nmse = [one.nmse for one in found]
        rows.append(
            (
                name,
                epochs[name],
                f"{statistics.mean(seconds):.0f}",
                f"{statistics.mean(nmse):.4f}",
                f"{max(nmse):.4f}",
                f"{statistics.mean(one.codes_used for one in found):.1f}",
                f"{statistics.mean(one.perplexity for one in found):.1f}",
                f"{statistics.mean(one.ink_perplexity for one in found):.1f}",
            )
        )
    rows.sort(key=lambda row: row[3])
    header = (
        "recipe",
        "epochs",
        "CPU s",
        "held-out NMSE",
        "worst seed",
        "codes used",
        "perplexity, all cells",
        "ink cells",
    )
    print(table(header, rows))
    print(f"{len(train):,} training, {len(held_out)} held-out embedded digits, {options.seeds} seeds; {yardstick.line}")


if __name__ == "__main__":
    main()
