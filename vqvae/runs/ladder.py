"""A ladder of models: the default's network with fewer and with more codes, and the default itself as it learned.

All follow the recommended recipe, so that two rungs differ in one thing: K, the size of the codebook (the rate), or the
steps of training. A rung ships in half precision, and its figures are those of the rounded weights. Above the ladder
lies what the same network reaches without a codebook (`Unquantised`): no K draws closer.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from vqvae import checkpoint
from vqvae.checkpoint import Checkpoint, CheckpointError
from vqvae.data import DATASETS, Digits, to_unit
from vqvae.evaluation import evaluate
from vqvae.files import write_atomically
from vqvae.paths import ASSETS
from vqvae.runs.resume import as_checkpoint, go_on, keep
from vqvae.training import RECOMMENDED, Hyperparameters, Snapshot, Training, train

SHIPPED = ASSETS / "ladder"
CODES = (2, 4, 8, 16, 32, 64, 256, 512)  # K of the rungs; the default itself stands between 64 and 256
EPOCHS = 10  # of a rung
STEPS = (0, 10, 100, 1000)  # of the default's own run at which it is kept, and
STAGE_EPOCHS = (1, 5)
BOUND = "unquantised.json"


class Unquantised(NamedTuple):
    """What the network reaches on test images when its decoder gets the encoder's own vectors."""

    dataset: str
    split: str
    images: int
    nmse: float
    steps: int


class Ladder(NamedTuple):
    """What there is of it."""

    codes: tuple[Checkpoint, ...]  # by K
    stages: tuple[Checkpoint, ...]  # by steps
    unquantised: Unquantised | None


class Outcome(NamedTuple):
    """A rung that is finished."""

    path: Path
    nmse: float
    kept: bool  # whether it was there before


Watch = Callable[[str, Training, Snapshot], None]  # told of a run's figures, with the rung's name


def load(folder: Path = SHIPPED) -> Ladder:
    """The rungs in a folder; one that is missing or damaged is left out."""
    opened = []
    for path in folder.glob("*.safetensors"):
        try:
            opened.append((path.stem, checkpoint.load(path)))
        except CheckpointError:
            continue
    codes = [one for name, one in opened if name.startswith("codes-")]
    stages = [one for name, one in opened if name.startswith("steps-")]
    return Ladder(
        codes=tuple(sorted(codes, key=lambda one: one.model.config.num_embeddings)),
        stages=tuple(sorted(stages, key=lambda one: one.steps or 0)),
        unquantised=_bound(folder / BOUND),
    )


def build(
    out: Path,
    work: Path,
    images: Digits,
    test: Digits,
    stop: Callable[[], bool] = lambda: False,
    watch: Watch = lambda name, run, snapshot: None,
) -> Iterator[Outcome]:
    """Train what is missing and write it to `out`, the stages first; ends early where `stop` says so.

    Each run is kept in `work` as `python -m vqvae train` keeps it, named after K, so that what was interrupted, or
    trained by that command, is taken up. Raises ValueError, OSError.
    """
    yield from _stages(out, work, images, test, stop, watch)
    for K in CODES:
        path, recipe = out / f"codes-{K}.safetensors", replace(RECOMMENDED, num_embeddings=K, epochs=EPOCHS)
        if there := _shipped(path, run := Training(images, recipe), run.steps):
            yield there
            continue
        trained = _trained(f"K = {K}", work / f"{K}.safetensors", images, recipe, stop, watch)
        if trained is None:
            return
        yield _ship(trained, path, test)
    yield from _unquantised(out / BOUND, work / "unquantised.safetensors", images, test, stop, watch)


def _stages(
    out: Path, work: Path, images: Digits, test: Digits, stop: Callable[[], bool], watch: Watch
) -> Iterator[Outcome]:
    """The first part of the default's own run, kept at some of its steps."""
    run, folder = Training(images, RECOMMENDED), work / "stages.run"
    wanted = sorted({*STEPS, *(epochs * run.steps_per_epoch for epochs in STAGE_EPOCHS)})
    places = {step: out / f"steps-{step}.safetensors" for step in wanted if step < run.steps}
    found = {step: _shipped(path, run, step) for step, path in places.items()}
    missing = [step for step, there in found.items() if there is None]
    if missing:
        go_on(run, folder)
        if run.step_count > missing[0]:
            run = Training(images, RECOMMENDED)
    for step, path in places.items():
        if there := found[step]:
            yield there
            continue
        _follow(f"stage of {step:,} steps", run, lambda step=step: stop() or run.step_count >= step, watch)
        keep(run, folder, work / "stages.safetensors")
        if run.step_count < step:
            return
        yield _ship(as_checkpoint(run), path, test)


def _trained(
    name: str, out: Path, images: Digits, recipe: Hyperparameters, stop: Callable[[], bool], watch: Watch
) -> Checkpoint | None:
    """A whole run's model; None where it was stopped before its end."""
    run = Training(images, recipe)
    if found := _model_of(out, run, run.steps):
        return found
    folder = out.with_suffix(".run")
    go_on(run, folder)
    save = partial(keep, run, folder, out)
    _follow(name, run, stop, watch, save)
    save()
    return as_checkpoint(run) if run.finished else None


def _follow(
    name: str, run: Training, stop: Callable[[], bool], watch: Watch, save: Callable[[], None] = lambda: None
) -> None:
    for snapshot in train(run, stop):
        watch(name, run, snapshot)
        if snapshot.ends_epoch:
            save()


def _shipped(path: Path, run: Training, steps: int) -> Outcome | None:
    found = _model_of(path, run, steps)
    return Outcome(path, found.measured[0].nmse, kept=True) if found and found.measured else None


def _model_of(path: Path, run: Training, steps: int) -> Checkpoint | None:
    """The model in a file, if it is this very run's after so many steps."""
    try:
        found = checkpoint.load(path)
    except CheckpointError:
        return None
    recipe = found.recipe and replace(found.recipe, print_freq=run.hyperparameters.print_freq)
    theirs = (recipe, found.dataset, found.training_images, found.steps)
    return found if theirs == (run.hyperparameters, run.digits.dataset, len(run.digits), steps) else None


def _ship(trained: Checkpoint, path: Path, test: Digits) -> Outcome:
    """Round a model, measure what is left of it, and write that."""
    half = checkpoint.rounded(trained)
    figures = evaluate(half.model, test, half.variance)
    checkpoint.save(replace(half, measured=(figures,)), path, torch.float16)
    return Outcome(path, figures.nmse, kept=False)


# The bound


def _unquantised(
    path: Path, work: Path, images: Digits, test: Digits, stop: Callable[[], bool], watch: Watch
) -> Iterator[Outcome]:
    """The same network, trained as long with its codebook left out: a warm-up that lasts to the end."""
    steps = Training(images, replace(RECOMMENDED, epochs=EPOCHS)).steps
    there = _bound(path)
    if there and (there.dataset, there.images, there.steps) == (test.dataset, len(test), steps):
        yield Outcome(path, there.nmse, kept=True)
        return
    recipe = replace(RECOMMENDED, epochs=EPOCHS, warm_up=steps)
    trained = _trained("without a codebook", work, images, recipe, stop, watch)
    if trained is None:
        return
    found = Unquantised(test.dataset, test.split, len(test), unquantised_nmse(trained, test), steps)
    write_atomically(path, f"{json.dumps(found._asdict(), indent=2)}\n".encode())
    yield Outcome(path, found.nmse, kept=False)


@torch.inference_mode()
def unquantised_nmse(trained: Checkpoint, test: Digits) -> float:
    """The error over the variance when the decoder gets the encoder's own vectors."""
    model, squared = trained.model, 0.0
    for pixels in test.pixels.split(model.config.images_at_once):
        images = to_unit(pixels)
        difference = model.decode_vectors(model.latents(images)) - images
        squared += float(difference.square().sum(dtype=torch.float64))
    return squared / test.pixels.numel() / trained.variance


def _bound(path: Path) -> Unquantised | None:
    try:
        found = Unquantised(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    numbers = (found.images, found.steps, found.nmse)
    fits = found.dataset in DATASETS and all(type(one) in (int, float) and one > 0 for one in numbers)
    return found if fits else None
