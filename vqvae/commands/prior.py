"""prior: what writes new images, out of a model's codes."""

import argparse
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from vqvae import owner, prior_file
from vqvae.commands.options import add_checkpoint, add_data, add_model, with_images
from vqvae.commands.output import Stop, follow
from vqvae.model import best_device
from vqvae.prior_training import PriorRecipe, PriorSnapshot, PriorTraining, grids, train
from vqvae.runs.own_checkpoints import check_grid


def add(commands: Any) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "prior",
        help="train a prior over a model's codes, which writes new images",
        description="Encode the training images and learn how likely each code is in each cell, given any others. "
        "Ctrl-C saves and stops; the same command goes on where it stopped, to the same weights. Some twenty minutes.",
    )
    command.set_defaults(run=run)
    add_checkpoint(command)
    add_model(command)
    command.add_argument("--out", type=Path, help=f"the prior (beside the model’s file, as {prior_file.ENDING})")
    add_data(command, own=True)
    command.add_argument("--start", type=Path, help="a prior whose weights to begin with (none: begin anew)")
    for field in fields(PriorRecipe):
        if field.name == "steps_before":
            continue  # the start says it
        command.add_argument(f"--{field.name.replace('_', '-')}", type=field.type, help=f"({field.default})")


def run(options: argparse.Namespace) -> int:
    name = options.model or str(options.checkpoint)
    opened, images, test = with_images(name, options)
    check_grid(opened.model.config)
    called = owner.file_of(name).name
    out = options.out or owner.prior_beside(name)
    chosen = {field.name: getattr(options, field.name, None) for field in fields(PriorRecipe)}
    recipe = PriorRecipe(**{name: value for name, value in chosen.items() if value is not None})
    start = prior_file.load(options.start, opened.fingerprint) if options.start else None
    if start:
        recipe = replace(recipe, steps_before=start.recipe.steps + start.recipe.steps_before)
    elif options.start:
        raise ValueError(f"expected a prior of {called} in {options.start}, and there is none")
    model = opened.model.to(best_device())
    K = model.config.num_embeddings
    codes, begun = grids(model, images), start.prior if start else None
    training = PriorTraining(codes, images.labels, K, recipe, begun, len(images.classes))
    state = out.with_suffix(".state")
    prior_file.go_on(training, opened.fingerprint, state)
    print(
        f"A prior over the codes of {called} (fingerprint {opened.fingerprint}), {images.described}, "
        f"{recipe.steps:,} steps, seed {recipe.seed}"
        + (f"; going on from step {training.step_count:,}" if training.step_count else "")
    )
    stopped, save = Stop(), partial(prior_file.keep, training, opened.fingerprint, state)
    if not follow(training, train(training, stop=stopped), _prior_line, lambda now: now.step % 500 == 0, save):
        return 130
    trained = prior_file.finished(training, opened.fingerprint, images.dataset, grids(model, test), test)
    (figures,) = trained.measured
    prior_file.save(trained, out)
    state.unlink(missing_ok=True)
    print(f"{figures.with_class:.4f} nats a code with the class, {figures.without_class:.4f} without, {test.described}")
    print(f"Saved {out}")
    return 0


def _prior_line(snapshot: PriorSnapshot) -> str:
    return f"step {snapshot.step:>6,}  {snapshot.nats:.4f} nats a code"
