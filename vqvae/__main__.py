"""The command line: python -m vqvae train, evaluate, info, encode, page, prior, compare, ladder and more."""

import argparse
import sys
from collections.abc import Sequence

from vqvae import distributed
from vqvae.checkpoint import CheckpointError
from vqvae.commands import ahead, measure, page, prior, record, train
from vqvae.data import DataError
from vqvae.runs.run import RunError

SHARED = train.run, record.run_compare  # whose work several processes may share


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0 done, 1 a sentence on stderr says what is wrong, 130 stopped by Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        if distributed.launched() > 1 and options.run not in SHARED:
            raise ValueError("expected train or compare: no other command shares its work among processes")
        return options.run(options)
    except (CheckpointError, DataError, RunError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vqvae",
        description="Train, measure and describe vector-quantised autoencoders.",
        epilog="Try it in a minute, with nothing to download: python -m vqvae train --preset recommended "
        "--dataset digits --epochs 4 --out mine.safetensors",
    )
    commands = parser.add_subparsers(
        title="commands",
        required=True,
        metavar="train | evaluate | info | encode | page | prior | compare | ladder | download | …",
    )
    for kind in (train, measure, page, prior, record, ahead):
        kind.add(commands)
    return parser


if __name__ == "__main__":
    distributed.leave(main())
