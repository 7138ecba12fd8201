"""map, ablate and download: what pages would compute or fetch, ahead of them."""

import argparse
from collections.abc import Callable
from typing import Any

from vqvae import checkpoint, data
from vqvae.analysis import ablation, projection, shipped
from vqvae.commands.options import fetch_data
from vqvae.paths import data_folder


def add(commands: Any) -> None:
    """Declare the commands."""
    _add_ahead(
        commands,
        "map",
        run_map,
        "lay out the maps that the shipped models open with",
        "Compute the maps that the Map page shows first, and write them beside the shipped models: needed again when "
        "one of these changes. Some two minutes a model.",
    )

    _add_ahead(
        commands,
        "ablate",
        run_ablate,
        "measure what breaks in the shipped models without each of their codes",
        "Ban each code in turn, draw the embedded digits with the next nearest ones, and write what that costs beside "
        "the shipped models, for the Codebook page: needed again when one of these changes. Some seconds a model.",
    )

    command = commands.add_parser("download", help=f"fetch a full data set into {data_folder()}")
    command.set_defaults(run=run_download)
    command.add_argument("dataset", choices=tuple(data.TORCHVISION))


def _add_ahead(commands: Any, name: str, run: Callable[[argparse.Namespace], int], summary: str, words: str) -> None:
    """A command that computes ahead what the pages show of the shipped models."""
    command = commands.add_parser(name, help=summary, description=words)
    command.set_defaults(run=run)
    command.add_argument("models", nargs="*", default=list(checkpoint.SHIPPED), help="their names (all shipped ones)")


def run_map(options: argparse.Namespace) -> int:
    for path in shipped.write("maps", projection.default_maps, options.models):
        print(f"Saved {path}")
    return 0


def run_ablate(options: argparse.Namespace) -> int:
    for path in shipped.write("ablation", ablation.default_ablation, options.models):
        print(f"Saved {path}")
    return 0


def run_download(options: argparse.Namespace) -> int:
    fetch_data(options.dataset)
    for split in ("train", "test"):
        print(data.load(options.dataset, split).described)
    return 0
