"""compare, learning and ladder: the long recordings that ship."""

import argparse
from datetime import timedelta
from pathlib import Path
from typing import Any

from vqvae import checkpoint, data, distributed
from vqvae.analysis import best_codes
from vqvae.commands.options import add_data, both_parts, check_counts, images_of
from vqvae.commands.output import Stop, progress
from vqvae.runs import comparison, ladder, learning
from vqvae.training import Snapshot, Training

WHOLE_COMPARISON = timedelta(days=30)  # that one process waits for the runs of the others


def add(commands: Any) -> None:
    """Declare the commands."""
    command = commands.add_parser(
        "compare",
        help="train the same network by several recipes, and compare them",
        description="Train by gradients, moving averages, the rotation trick, SimVQ, DiVeQ and FSQ, with and without "
        "k-means initialisation and dead-code replacement, on the same images in the same order. Each recipe first "
        "tries three learning rates, in short runs measured on training images held out. Each run is written down as "
        "it ends; the same command goes on where it was interrupted, and may run in several processes, which share the "
        "runs among them (torchrun --nproc-per-node). On full MNIST it takes some five hours of one core.",
    )
    command.set_defaults(run=run_compare)
    add_data(command)
    command.add_argument("--epochs", type=int, default=comparison.EPOCHS, help="of each run (%(default)s)")
    command.add_argument("--seeds", type=int, default=comparison.SEEDS, help="runs of each recipe (%(default)s)")
    command.add_argument("--out", type=Path, default=comparison.SHIPPED, help="folder (%(default)s)")
    command.add_argument("--table", action="store_true", help="only print what is recorded, as Markdown and as CSV")
    command.add_argument("--best", type=int, help="only the so many best recipes of another comparison (all)")
    command.add_argument("--of", type=Path, default=comparison.SHIPPED, help="that comparison's folder (%(default)s)")

    command = commands.add_parser(
        "learning",
        help="record how a codebook of D = 2 learns by three recipes, side by side",
        description="Train a model of D = 2 by gradients, by moving averages, and by these with dead-code replacement, "
        "from the same start and on the same images, and record where latents and codes are as they learn. Some ten "
        "minutes.",
    )
    command.set_defaults(run=run_learning)
    add_data(command)
    command.add_argument("--out", type=Path, default=learning.SHIPPED, help="the recording (%(default)s)")

    command = commands.add_parser(
        "ladder",
        help="train the default with fewer and with more codes, and keep it at stages of its training",
        description="By the recommended recipe: codebooks of 2 to 512 codes, ten epochs each; the default's own run "
        "after 0 steps to 5 epochs; and the same network without a codebook. Each is rounded to half precision, "
        "measured and written down as it ends; the same command goes on where it stopped. On full MNIST it takes some "
        "two hours of one core.",
    )
    command.set_defaults(run=run_ladder)
    add_data(command)
    command.add_argument("--out", type=Path, default=ladder.SHIPPED, help="folder of what ships (%(default)s)")
    command.add_argument(
        "--work",
        type=Path,
        default=Path("recording/ladder"),
        help="folder for going on (%(default)s)",
    )
    command.add_argument(
        "--best-codes", type=int, help="also measure so many test images with the codes that draw them best (none)"
    )


def run_compare(options: argparse.Namespace) -> int:
    check_counts(options, "epochs", "seeds", "best")
    if not options.table:
        shorter = None
        if options.best is not None:
            shorter = comparison.load(options.of)
            if shorter is None:
                raise ValueError(f"expected a comparison in {options.of}, to take the best of")
            shorter = shorter.best(options.best)
        distributed.own_device()
        images, test = both_parts(options)
        count = len(shorter.recipes if shorter else comparison.RECIPES)
        if distributed.is_first():
            print(f"{count} recipes on {images.described}, {options.epochs} epochs, {options.seeds} seeds.")
        for outcome in comparison.record(options.out, images, test, options.epochs, options.seeds, shorter):
            print(_outcome(outcome), flush=True)
        with distributed.joined(WHOLE_COMPARISON):  # each process did runs of its own: wait for the last one
            if not distributed.is_first():
                return 0
    elif not distributed.is_first():
        return 0
    recorded = comparison.load(options.out)
    if recorded is None:
        raise ValueError(f"expected a comparison in {options.out}, and there is none yet")
    if recorded.trials:
        print(f"\n{comparison.rates_tried(recorded)}")
    if recorded.results:
        print(f"\n{comparison.markdown(recorded)}")
    if options.table and recorded.results:
        print(f"\n{comparison.comma_separated(recorded)}", end="")
    return 0


def _outcome(one: comparison.Trial | comparison.Result) -> str:
    if isinstance(one, comparison.Trial):
        return f"{one.recipe:<28} trial   rate {one.lr:g}  NMSE {one.nmse:.4f} on held-out training images"
    return (
        f"{one.recipe:<28} seed {one.seed}  rate {one.lr:g}  NMSE {one.test.nmse:.4f}  codebook perplexity "
        f"{one.test.perplexity:.1f}, over ink cells {one.test.ink_perplexity:.1f}  codes {one.test.codes_used}  "
        f"{one.cpu_seconds:.0f} CPU s"
    )


def run_learning(options: argparse.Namespace) -> int:
    images, looked_at = images_of(options.dataset, "train", options), data.load(data.EMBEDDED, "all")
    recorded = learning.record(images, looked_at)
    learning.save(recorded, options.out)
    for name, looks in recorded.looks.items():
        last = looks[-1]
        print(f"{name:<12} NMSE {last.nmse:.4f}  codes {int((last.counts > 0).sum())} of {len(last.counts)}")
    print(
        f"Saved {options.out}: {len(recorded.steps)} looks at {recorded.looked_at}, over {recorded.steps[-1]:,} steps"
    )
    return 0


def run_ladder(options: argparse.Namespace) -> int:
    check_counts(options, "best_codes")
    images, test = both_parts(options)
    print(f"{len(ladder.CODES)} codebooks, stages of training, and none at all, on {images.described}.")
    stopped = Stop()
    for outcome in ladder.build(options.out, options.work, images, test, stopped, _rung_line):
        print(f"{outcome.path}  NMSE {outcome.nmse:.4f}{', as before' if outcome.kept else ''}", flush=True)
    if options.best_codes is not None and not stopped.asked:
        some = test.evenly(options.best_codes)
        print(f"With the codes that draw best in place of the nearest, {some.described}:")
        rungs = [*ladder.load(options.out).codes, checkpoint.load(checkpoint.SHIPPED["default"])]
        rungs.sort(key=lambda one: one.model.config.num_embeddings)
        recorded = best_codes.record(options.out / best_codes.SHIPPED.name, rungs, some, stopped)
        for rung, found in zip(rungs, recorded, strict=False):
            K = rung.model.config.num_embeddings
            print(f"K = {K}  NMSE {found.best:.4f} in place of {found.nearest:.4f}", flush=True)
    if stopped.asked:
        print("Stopped; all is saved. The same command goes on from there.")
        return 130
    return 0


def _rung_line(name: str, run: Training, snapshot: Snapshot) -> None:
    if snapshot.ends_epoch:
        print(f"{name}, epoch {snapshot.epoch} of {run.hyperparameters.epochs}: {progress(snapshot)}", flush=True)
