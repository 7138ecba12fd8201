"""page: the explorer as one HTML file, of the components of the app, where that lies beside the library."""

import argparse
from pathlib import Path
from typing import Any

from vqvae.commands.options import add_checkpoint, add_images, add_model
from vqvae.files import write_atomically


def add(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "page",
        help="write a page to take home: one HTML file, for any browser, without a server or a network",
        description="The explanation, the canvas, an interpolation, two smaller models and, where a prior lies beside "
        "the checkpoint, Generate: all in one HTML file, which opens from a disk, a phone or any static host. "
        "?embed=1 at the end of its address shows the canvas alone, for a frame in another page.",
    )
    command.set_defaults(run=run)
    add_checkpoint(command)
    add_model(command)
    add_images(command, "to choose from on the page")
    command.add_argument("--out", type=Path, default=Path("vqvae.html"), help="the page (%(default)s)")


def run(options: argparse.Namespace) -> int:
    try:
        from pages.ui.takeaway import page, parts_of_model  # it lies beside in a checkout, and in no installed library
    except ModuleNotFoundError as error:
        raise ValueError(
            f"the page is made of the app's components ({error.name} is missing): run this in a checkout of the "
            "explorer, with its requirements.txt installed"
        ) from error
    title, parts = parts_of_model(options.model or str(options.checkpoint), options.images)
    whole = page(title, parts).encode()
    write_atomically(options.out, whole)
    for name, text in parts.items():
        print(f"  {name:<12} {len(text):>11,} bytes")
    print(f"Saved {options.out}, {len(whole):,} bytes: open it in any browser; ?embed=1 shows the canvas alone.")
    return 0
