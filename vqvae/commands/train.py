"""train: a model, in one process or in several."""

import argparse
import os
from contextlib import redirect_stdout
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from vqvae import checkpoint, distributed
from vqvae import images as own_images
from vqvae.commands.options import add_data, both_parts, own_images_of
from vqvae.commands.output import Stop, follow, progress, table
from vqvae.evaluation import evaluate
from vqvae.runs import worker
from vqvae.runs.resume import as_checkpoint, go_on, keep
from vqvae.training import PRESETS, SETTINGS, Hyperparameters, Training, train


def add(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "train",
        help="train a model and save it as a checkpoint",
        description="Train a model. Ctrl-C saves and stops; the same command goes on where it stopped, even after a "
        "crash, to the same weights. A run.json in the folder of --run says what to train, in place of settings; that "
        "run publishes its figures into the folder, and obeys the file control there. torchrun --standalone "
        "--nproc-per-node 2 -m vqvae train trains in two processes, each with its share of every batch.",
        epilog="The defaults are the tutorial's: a codebook learned by gradients, where some codes never get used. "
        "--preset recommended keeps all of them in use: moving averages, k-means "
        "initialisation, dead-code replacement and a one-cycle learning rate. --preset quick is for some minutes on "
        "the embedded digits.",
    )
    command.set_defaults(run=run)
    command.add_argument("--out", type=Path, default=Path("model.safetensors"), help="the checkpoint (%(default)s)")
    command.add_argument("--run", dest="run_folder", type=Path, help="folder for going on (the checkpoint's, as .run)")
    command.add_argument("--preset", choices=PRESETS, default="tutorial", help="where hyperparameters start")
    add_data(command, own=True)
    command.add_argument(
        "--size",
        type=_size,
        help="of the images of --images, such as 32, or 24x32 for height x width (their own, at most "
        f"{own_images.LONGEST_SIDE} pixels a side)",
    )
    for field in fields(Hyperparameters):
        flag, setting = f"--{field.name.replace('_', '-')}", SETTINGS[field.name]
        values = {name: getattr(preset, field.name) for name, preset in PRESETS.items()}
        default = (
            ", ".join(f"{name} {value}" for name, value in values.items())
            if len(set(values.values())) > 1
            else (str(values["tutorial"]))
        )
        kind: dict[str, Any] = {"type": field.type, "choices": setting.choices or None}
        if field.type is bool:
            kind = {"action": argparse.BooleanOptionalAction}
        command.add_argument(flag, help=f"{setting.effect} ({default})", **kind)
        if setting.formerly:  # as commands of earlier versions say it
            flag = f"--{setting.formerly.replace('_', '-')}"
            command.add_argument(flag, dest=field.name, help=argparse.SUPPRESS, **kind)


def run(options: argparse.Namespace) -> int:
    chosen = {field.name: getattr(options, field.name) for field in fields(Hyperparameters)}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if options.run_folder and (options.run_folder / "run.json").exists():
        if distributed.launched() > 1:
            raise ValueError(
                f"{options.run_folder / 'run.json'} is of the Train page, whose runs have one process each"
            )
        if chosen:
            raise ValueError(f"{options.run_folder / 'run.json'} says what to train: leave out {', '.join(chosen)}")
        ended = worker.work(options.run_folder, Stop())
        print(f"{ended.state} at step {ended.step:,} of {ended.steps:,}. {ended.message}")
        return {"finished": 0, "stopped": 130}.get(ended.state, 1)
    if options.size and not options.images:
        raise ValueError("expected --size beside --images: data sets have their own")
    recipe = replace(PRESETS[options.preset], **chosen)
    with distributed.joined():
        if distributed.is_first():
            return _train(recipe, options)
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # one process prints for all
            return _train(recipe, options)


def _train(recipe: Hyperparameters, options: argparse.Namespace) -> int:
    folder = options.run_folder or options.out.with_suffix(".run")
    device = distributed.together(distributed.own_device)
    images, test = distributed.together(lambda: own_images_of(options) if options.images else both_parts(options))

    def begun() -> Training:
        run = Training(images, recipe, device)
        go_on(run, folder)
        return run

    run, processes = distributed.together(begun), distributed.world()
    print(
        f"{recipe.num_embeddings} codes of {recipe.embedding_dim} numbers, {recipe.quantizer} quantizer, "
        f"{images.described}, {run.steps:,} steps on {run.device}, seed {recipe.seed}"
        + (f", {processes} processes" if processes > 1 else "")
        + (f"; going on from step {run.step_count:,}" if run.step_count else "")
    )
    stopped, save = distributed.by_any(Stop()), partial(keep, run, folder, options.out)
    if not follow(run, train(run, stopped), progress, lambda snapshot: snapshot.ends_epoch, save):
        return 130
    if not distributed.is_first():
        return 0
    figures = evaluate(run.model.eval(), test, run.variance)
    finished = as_checkpoint(run, (figures,))
    checkpoint.save(finished, options.out)
    print(table([figures]))
    print(f"Saved {options.out} (fingerprint {finished.fingerprint}); {folder} is only needed to go on training.")
    return 0


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    return int(height), int(width or height)
