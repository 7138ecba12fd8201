"""A trained prior as a safetensors file, tied to its model by fingerprint; weights in half precision, some 650 KB."""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from vqvae.checkpoint import SHIPPED, CheckpointError
from vqvae.data import Digits
from vqvae.files import write_atomically
from vqvae.paths import ASSETS
from vqvae.prior import Prior, PriorConfig, PriorFigures, measure
from vqvae.prior_training import PriorRecipe, PriorTraining

ENDING = ".prior.safetensors"
MAX_BYTES = 16 * 2**20
METADATA_KEY = "vqvae-prior"
SHIPPED_PRIORS = {name: ASSETS / f"{name}{ENDING}" for name in SHIPPED}


@dataclass(frozen=True)
class TrainedPrior:
    """A prior and where it comes from. Shared by all who opened it: never change it in place."""

    prior: Prior  # on the CPU, in eval mode
    model: str  # the fingerprint of the model whose codes it knows
    dataset: str
    images: int  # of training
    recipe: PriorRecipe
    measured: tuple[PriorFigures, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits that tell this prior from every other: SHA-256 over its model's and its tensors, once."""
        digest = hashlib.sha256(self.model.encode())
        for name, tensor in sorted(self.prior.state_dict().items()):
            digest.update(f"{name} {tuple(tensor.shape)}".encode())
            digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]


def rounded(prior: Prior) -> Prior:
    """A copy with the weights that a file keeps: those of half precision, in float32."""
    return _build(prior.config, {name: value.half() for name, value in prior.state_dict().items()})


def finished(training: PriorTraining, model: str, dataset: str, codes: Tensor, test: Digits) -> TrainedPrior:
    """What a training on a data set came to, as a file will hold it, measured on the codes (N, h, w) of test images."""
    prior = rounded(training.prior)
    measured = (measure(prior, codes, test),)
    return TrainedPrior(prior, model, dataset, len(training.codes), training.recipe, measured)


def save(trained: TrainedPrior, path: Path) -> None:
    """Write a prior; whatever happens, the file is whole or as it was before. Raises OSError."""
    said = {
        "config": asdict(trained.prior.config),
        "model": trained.model,
        "dataset": trained.dataset,
        "images": trained.images,
        "recipe": asdict(trained.recipe),
        "measured": [figures._asdict() for figures in trained.measured],
    }
    tensors = {name: value.detach().cpu().half().contiguous() for name, value in trained.prior.state_dict().items()}
    write_atomically(path, safetensors_bytes(tensors, metadata={METADATA_KEY: json.dumps(said)}))


def load(path: Path, model: str) -> TrainedPrior | None:
    """The prior of a file for the model of a fingerprint; None where there is no file, or another model's.

    Raises CheckpointError for a damaged file.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"{path.stat().st_size} bytes")
        with safe_open(path, "pt") as file:
            said: dict[str, Any] = json.loads((file.metadata() or {})[METADATA_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no dictionary
        if said["model"] != model:
            return None
        return TrainedPrior(
            prior=_build(PriorConfig(**said["config"]), tensors),
            model=said["model"],
            dataset=str(said["dataset"]),
            images=int(said["images"]),
            recipe=PriorRecipe(**said["recipe"]),
            measured=tuple(PriorFigures(**figures) for figures in said["measured"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(
            f"{path.name} is not a prior, or is damaged ({error}): delete it to train another."
        ) from error


def keep(training: PriorTraining, model: str, path: Path) -> None:
    """Write a training's state, from which `go_on` goes on. Raises OSError."""
    write_atomically(path, safetensors_bytes(training.state(), metadata={"training": _record(training, model)}))


def go_on(training: PriorTraining, model: str, path: Path) -> None:
    """Take a training up where the file left it, if there is one. ValueError where it is another's, or damaged."""
    if not path.exists():
        return
    try:
        with safe_open(path, "pt") as file:
            said = (file.metadata() or {}).get("training")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no dictionary
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}): delete it to start again") from error
    if said != _record(training, model):
        raise ValueError(f"{path} holds another training, {said}: name another --out, or delete the file")
    training.restore(tensors)


def _record(training: PriorTraining, model: str) -> str:
    return json.dumps({"model": model, "images": len(training.codes), **asdict(training.recipe)})


def _build(config: PriorConfig, tensors: dict[str, Tensor]) -> Prior:
    with torch.device("meta"):
        prior = Prior(config)
    if not all(value.is_floating_point() and value.isfinite().all() for value in tensors.values()):
        raise ValueError("expected finite numbers")
    prior.load_state_dict({name: value.float() for name, value in tensors.items()}, assign=True)
    return prior.requires_grad_(False).eval()
