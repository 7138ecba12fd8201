"""A model that its owner names on the command line as `file.py:make`: opened, checked, and a checkpoint like others.

This runs the owner's code, so a name comes from the command line alone: never from an upload, an address or a visitor.
"""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from vqvae import data
from vqvae.checkpoint import Checkpoint
from vqvae.data import MOST_CLASSES, Digits
from vqvae.explorable import Adapted, AdapterError, Explorable

FORM = "expected the name of a file and a function in it, such as my_adapter.py:make"


def load(name: str, images: Digits | None = None) -> tuple[Checkpoint, Digits | None]:
    """The model that a function in a file makes, and the images to see it on: those given, or the model's own.

    Raises AdapterError for a file or a function that is not there or fails, and for a model that is not `Explorable`.
    """
    explorable = _make(name)()
    if explorable is None:
        raise AdapterError(f"{name} gave None: expected a model with image_shape, codebook, encode and decode.")
    model = Adapted(explorable)
    own = images or _images_of(explorable, model, Path(name.rpartition(":")[0]).stem)
    seen = data.fitted(own, model.config) if own else data.fitted(data.load(data.EMBEDDED, "all"), model.config)
    variance = seen.variance
    if not variance > 0:
        raise AdapterError("All images are one even surface: expected some with something on them.")
    assumed = (f"a variance of {variance:.4f}, that of the {seen.described}",)
    return Checkpoint(model, variance, assumed=assumed), own


def _make(name: str) -> Callable[[], Any]:
    """The owner's function, whose exceptions are AdapterErrors."""
    file, colon, function = name.rpartition(":")
    path = Path(file)
    if not colon or not function.isidentifier() or path.suffix != ".py":
        raise AdapterError(f"--model {name}: {FORM}.")
    if not path.is_file():
        raise AdapterError(f"There is no file {path}: {FORM}.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise AdapterError(f"{path} is not a Python file: {FORM}.")
    module = importlib.util.module_from_spec(spec)
    if (folder := str(path.parent.resolve())) not in sys.path:
        sys.path.insert(0, folder)  # what lies beside it can be imported, as if the file were run
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise AdapterError(f"{path} failed with {type(error).__name__}: {_said(error)}.") from error
    make = getattr(module, function, None)
    if not callable(make):
        raise AdapterError(f"{path} has no function {function}: {FORM}.")

    def made() -> Explorable:
        try:
            return cast(Explorable, make())
        except (Exception, SystemExit) as error:
            raise AdapterError(f"{name} failed with {type(error).__name__}: {_said(error)}.") from error

    return made


def _images_of(explorable: Explorable, model: Adapted, title: str) -> Digits | None:
    """The images that a model brings along, if it has `images`."""
    images = getattr(explorable, "images", None)
    if images is None:
        return None
    try:
        answer = images()
    except Exception as error:
        raise AdapterError(f"`images` failed with {type(error).__name__}: {_said(error)}.") from error
    pixels, labels, classes = (*answer, None, None)[:3] if isinstance(answer, tuple) else (answer, None, None)
    pixels = _pixels(pixels, model.image_shape[0])
    labels, classes = _labels(labels, classes, len(pixels))
    return Digits(pixels, labels, title, "all", classes)


def _pixels(pixels: Any, channels: int) -> Tensor:
    """(N, C, H, W) uint8 of what a model says are images."""
    if not isinstance(pixels, Tensor) or pixels.ndim != 4 or pixels.shape[1] != channels or not len(pixels):
        came = tuple(pixels.shape) if isinstance(pixels, Tensor) else type(pixels).__name__
        raise AdapterError(f"`images` gave {came}: expected a tensor (N, {channels}, H, W).")
    pixels = pixels.detach().cpu()
    if pixels.dtype == torch.uint8:
        return pixels.contiguous()
    if not pixels.dtype.is_floating_point or not bool(((pixels >= 0) & (pixels <= 1)).all()):
        raise AdapterError("`images` gave other numbers than bytes or floats from 0 to 1: expected one of these.")
    return (pixels.float() * 255).round().to(torch.uint8).contiguous()


def _labels(labels: Any, classes: Any, count: int) -> tuple[Tensor, tuple[str, ...]]:
    """(N,) int64 and the classes' names; one class without a name where there are no labels."""
    if labels is None:
        return torch.zeros(count, dtype=torch.int64), ("",)
    try:
        labels = torch.as_tensor(labels).detach().cpu()
    except (ValueError, TypeError, RuntimeError) as error:
        raise AdapterError(
            f"`images` gave labels of type {type(labels).__name__} that are no numbers: expected {count} whole numbers."
        ) from error
    if classes is not None and not isinstance(classes, Sequence):
        raise AdapterError(f"`images` gave classes of type {type(classes).__name__}: expected a list of names.")
    if labels.shape != (count,) or labels.dtype.is_floating_point or not 0 <= int(labels.min()):
        raise AdapterError(f"`images` gave labels {tuple(labels.shape)}: expected {count} whole numbers from 0 on.")
    found = int(labels.max()) + 1
    names = tuple(map(str, range(found) if classes is None else classes))
    if not found <= len(names) <= MOST_CLASSES:
        raise AdapterError(
            f"`images` gave labels up to {found - 1} and {len(names)} classes: expected a name for each label, and at "
            f"most {MOST_CLASSES}."
        )
    return labels.to(torch.int64), names


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or "no message"
