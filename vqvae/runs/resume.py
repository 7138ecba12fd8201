"""What a run keeps on disk: its state, for going on to the same weights, and the model so far, as a checkpoint."""

import json
from dataclasses import asdict, replace
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from vqvae import checkpoint, distributed
from vqvae.checkpoint import Checkpoint
from vqvae.data import DATASETS, Digits
from vqvae.evaluation import Evaluation
from vqvae.files import write_atomically
from vqvae.training import Hyperparameters, Training

STATE = "state.safetensors"  # in the run's folder


def keep(run: Training, folder: Path, out: Path) -> None:
    """Write the model so far to `out`, then the state into the folder; each file is whole or as before.

    In this order, so that whoever goes on from a state has its model, or a later one. Of several processes, the first
    writes. Raises OSError.
    """
    if not distributed.is_first():
        return
    checkpoint.save(as_checkpoint(run), out)
    write_atomically(folder / STATE, safetensors_bytes(run.state(), metadata={"run": json.dumps(_record(run))}))


def go_on(run: Training, folder: Path) -> None:
    """Take a run up where its folder left it, if it did. ValueError where the folder holds another run, or damage.

    Of several processes, the first reads: the others may be on machines where the folder holds an older state, or none.
    """
    tensors = distributed.by_first(lambda: _read(run, folder))
    if tensors is not None:
        run.restore(tensors)


def _read(run: Training, folder: Path) -> dict[str, Tensor] | None:
    state = folder / STATE
    if not state.exists():
        return None
    try:
        with safe_open(state, "pt") as file:
            said = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no dictionary
    except SafetensorError as error:
        raise ValueError(f"{state} is damaged ({error}): delete {folder} to start again") from error
    if not _is_of(said.get("run"), run):
        raise ValueError(f"{folder} holds another run, {said.get('run')}: name another --out, or delete the folder")
    return tensors


def as_checkpoint(run: Training, measured: tuple[Evaluation, ...] = ()) -> Checkpoint:
    """The model as it is now, and where it comes from."""
    return checkpoint.from_training(
        run.model,
        variance=run.variance,
        dataset=run.digits.dataset,
        recipe=run.hyperparameters,
        training_images=len(run.digits),
        steps=run.step_count,
        measured=measured,
    )


def _record(run: Training) -> dict[str, object]:
    """What two runs must share for one to go on with the other's state: all but how often lines are printed."""
    recipe = {name: value for name, value in asdict(run.hyperparameters).items() if name != "print_freq"}
    return {"dataset": _told_apart(run.digits), "images": len(run.digits), **recipe}


def _told_apart(images: Digits) -> str:
    """A data set’s name; of somebody’s own images also what is in them, since a folder may change."""
    known = images.dataset in DATASETS
    return images.dataset if known else f"{images.dataset} {images.content_key(str(images.pixels.shape))}"


def _is_of(text: str | None, run: Training) -> bool:
    """Whether a state that says this of itself is one of this run; it may have been written by an earlier version."""
    try:
        said = json.loads(text or "")
        dataset, images = said.pop("dataset"), said.pop("images")
        recipe = replace(Hyperparameters.from_record(said), print_freq=run.hyperparameters.print_freq)
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return (dataset, images, recipe) == (_told_apart(run.digits), len(run.digits), run.hyperparameters)
