"""evaluate, info and encode: what models are, and what they make of images."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from vqvae import owner
from vqvae.analysis import best_codes
from vqvae.background.array_cache import npz
from vqvae.checkpoint import Checkpoint
from vqvae.commands.options import (
    add_checkpoint,
    add_checkpoints,
    add_data,
    add_model,
    check_counts,
    models_of,
    with_images,
)
from vqvae.commands.output import announce, table
from vqvae.data import Digits
from vqvae.evaluation import evaluate, reconstructions
from vqvae.explorable import Adapted
from vqvae.files import write_atomically
from vqvae.model import best_device
from vqvae.prior_training import grids


def add(commands: Any) -> None:
    """Declare the commands."""
    command = commands.add_parser(
        "evaluate",
        help="measure checkpoints on test images",
        description="Encode and decode every test image and print MSE, NMSE (over the variance stored with the "
        "model), PSNR, codes used, and codebook perplexity over all cells and over those whose patch holds ink.",
    )
    command.set_defaults(run=run_evaluate)
    add_checkpoints(command)
    add_data(command, own=True)
    command.add_argument(
        "--best-codes", type=int, help="also measure so many of the images with the codes that draw them best (none)"
    )

    command = commands.add_parser("info", help="say what a checkpoint is and where it comes from")
    command.set_defaults(run=run_info)
    add_checkpoints(command)

    command = commands.add_parser(
        "encode",
        help="write the codes of images into a file for numpy",
        description="Encode images and write their codes (N, h, w), labels, the classes' names, the codebook (K, D) "
        "and which of them are held out into one .npz file.",
    )
    command.set_defaults(run=run_encode)
    add_checkpoint(command)
    add_model(command)
    add_data(command, own=True)
    command.add_argument("--out", type=Path, default=Path("codes.npz"), help="the file (%(default)s)")
    command.add_argument("--pictures", action="store_true", help="what the model draws of the codes as well, in bytes")


def run_evaluate(options: argparse.Namespace) -> int:
    check_counts(options, "best_codes")
    for name in models_of(options):
        opened, _, test = with_images(name, options)
        announce(name, opened)
        figures = evaluate(opened.model.to(best_device()), test, opened.variance)
        print(table([figures]))
        if options.best_codes is not None:
            print(f"  {_with_best_codes(opened, test, options.best_codes)}")
    return 0


def _with_best_codes(opened: Checkpoint, digits: Digits, count: int) -> str:
    some = digits.evenly(count)
    with tqdm(desc="cells changed", unit="cell", disable=None) as bar:
        found = best_codes.gain(opened, some, bar.update)
    return (
        f"with the codes that draw best in place of the nearest: NMSE {found.best:.4f} in place of "
        f"{found.nearest:.4f}, {found.changed:.1%} of the cells changed, {some.described}"
    )


def run_info(options: argparse.Namespace) -> int:
    for name in models_of(options):
        opened, _ = owner.opened(name)
        announce(name, opened)
        if isinstance(opened.model, Adapted):
            print(f"  pages     {_for_pages(opened.model)}")
        if opened.recipe:
            print("  recipe    " + ", ".join(f"{name} {value}" for name, value in asdict(opened.recipe).items()))
        if opened.steps:
            print(f"  trained   {opened.steps:,} steps on {opened.training_images:,} images of {opened.dataset}")
        if opened.versions:
            print("  with      " + ", ".join(f"{name} {number}" for name, number in opened.versions))
        if opened.assumed:
            print("  assumed   " + "; ".join(opened.assumed))
        if opened.measured:
            print(table(opened.measured))
    return 0


def _for_pages(model: Adapted) -> str:
    """What an adapter's optional members allow, in words."""
    return "; ".join(
        (
            "margins, errors and why this code" if model.has_latents else "no margins or errors without `latents`",
            "in the browser if that knows its layers" if model.layers else "on the server, without `layers`",
            "grids of any size" if model.any_grid else "grids of its own size alone",
        )
    )


def run_encode(options: argparse.Namespace) -> int:
    name = options.model or str(options.checkpoint)
    opened, train, test = with_images(name, options)
    model = opened.model.to(best_device())
    parts = [train, test] if options.images else [test]
    codes = [grids(model, part).numpy() for part in parts]
    arrays: dict[str, np.ndarray] = {
        "codes": np.concatenate(codes).astype(np.int32),
        "labels": np.concatenate([part.labels.numpy() for part in parts]),
        "classes": np.array(test.classes),
        "held_out": np.repeat([part is test for part in parts], [len(part) for part in parts]),
        "codebook": model.codebook.detach().cpu().numpy(),
    }
    if options.pictures:
        made = [
            reconstructions(model, part, torch.from_numpy(grid), opened.variance).pixels.numpy()
            for part, grid in zip(parts, codes, strict=True)
        ]
        arrays["pictures"] = np.concatenate(made)
    announce(name, opened)
    write_atomically(options.out, npz(arrays))
    for called, array in arrays.items():
        print(f"  {called:<9} {' x '.join(map(str, array.shape))} {array.dtype}")
    print(f"Saved {options.out}: numpy.load opens it.")
    return 0
