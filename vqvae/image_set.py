"""A set of somebody's own images: what is known before a pixel is decoded, and how it becomes one array.

One image after another goes into its place, so that memory holds each of them once: those to train on first, and after
them a tenth of each class, which is held out.
"""

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vqvae.data import MOST_CLASSES, DataError, Digits, a_tenth, plain_name
from vqvae.limits import ImageBounds, mb

Shape = tuple[int, int, int]  # (C, H, W)

EXPECTED = "expected a folder of images or of class folders, or a file in .zip, .npz or .parquet"

# What a folder, an array or a file calls the parts of a set that comes divided.
PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


class OwnImages(NamedTuple):
    """A set of images, those to train on first, and what is to be said of how they were read."""

    everything: Digits  # its split is "all"
    training: int  # the first so many; the others are held out
    said: tuple[str, ...]

    def part(self, split: str) -> Digits:
        """The images of "train", of "test", which are held out, or "all" of them; they share their memory."""
        some = {"train": slice(self.training), "test": slice(self.training, None), "all": slice(None)}[split]
        images = self.everything
        return Digits(images.pixels[some], images.labels[some], images.dataset, split, images.classes)


@dataclass(frozen=True)
class ImageSet(ABC):
    """Images of which names, labels and headers are known, and no pixel is decoded."""

    name: str
    bounds: ImageBounds
    labels: Tensor  # (N,) int64
    classes: tuple[str, ...]
    parts: tuple[str, ...]  # N of "train", "val" and "test", or of "" where the set comes undivided
    left_out: tuple[str, ...]  # what was there and is not used, in sentences

    @abstractmethod
    def shapes(self) -> Iterator[Shape]:
        """The shape of each image as it comes, without alpha where a picture has it; those that cannot be read less."""

    @abstractmethod
    def pictures(self, shape: Shape, fail: Callable[[str, str], None]) -> Iterator[tuple[int, Tensor]]:
        """Some of the images in a row, (n, C, H, W) uint8 of that shape, and the place of the first.

        Those that cannot be read are left out, and told by their name and a reason.
        """

    @cached_property
    def _sizes(self) -> tuple[int, Counter[tuple[int, int]]]:
        sizes: Counter[tuple[int, int]] = Counter()
        channels = 0
        with self._telling():
            for c, height, width in self.shapes():
                channels = max(channels, c)
                sizes[height, width] += 1
        if not sizes:
            raise DataError(f"None of the {len(self.labels):,} images of {self.name} can be read: {EXPECTED}.")
        return channels, sizes

    @property
    def shape(self) -> Shape:
        """The commonest size, with colours if any image has them. Raises DataError."""
        channels, sizes = self._sizes
        return channels, *sizes.most_common(1)[0][0]

    def read(self, shape: Shape | None = None) -> OwnImages:
        """All images in one shape: cut to its aspect around their centre, and resampled by area.

        A tenth of each class is held out, the same for everybody, unless the set comes divided. Raises DataError.
        """
        said = list(self.left_out)
        if shape is None:
            shape = self.shape
            if len(sizes := self._sizes[1]) > 1:
                said.append(f"Of {len(sizes):,} sizes the commonest was taken for all: {shape[1]} x {shape[2]}.")
        train, held_out = self._divided()
        count, size = len(train) + len(held_out), math.prod(shape)
        if count * size > self.bounds.held:
            raise DataError(
                f"{count:,} images of {' x '.join(map(str, shape))} take {mb(count * size)}: expected at most "
                f"{mb(self.bounds.held)}, so bring fewer, or take a smaller size."
            )
        place = torch.full((len(self.labels),), -1)
        place[torch.cat([train, held_out])] = torch.arange(count)
        pixels, there = torch.empty(count, *shape, dtype=torch.uint8), torch.zeros(count, dtype=torch.bool)
        labels = self.labels[torch.cat([train, held_out])]
        failed: list[tuple[str, str]] = []
        with self._telling():
            for first, some in self.pictures(shape, lambda name, reason: failed.append((name, reason))):
                places = place[first : first + len(some)]
                pixels[places[places >= 0]] = some[places >= 0]
                there[places[places >= 0]] = True
        if failed:
            sentence = _failures(failed, len(self.labels))
            if 2 * len(failed) > len(self.labels):
                raise DataError(sentence)
            said.append(sentence)
        training = int(there[: len(train)].sum())
        kept = there.nonzero().flatten()
        if not 0 < training < len(kept):
            raise DataError(
                f"{self.name} has {len(kept)} images that can be read: expected at least 2, one to hold out."
            )
        if len(kept) < count:
            for to, origin in enumerate(kept.tolist()):  # in place: there may be no room for a second copy
                if to != origin:
                    pixels[to] = pixels[origin]
            pixels, labels = pixels[: len(kept)], labels[kept]
        return OwnImages(Digits(pixels, labels, self.name, "all", self.classes), training, tuple(said))

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """What is torn trips each parser in its own way: here it becomes a sentence."""
        try:
            yield
        except DataError:
            raise
        except Exception as error:
            raise DataError(f"{self.name} is damaged or cut short ({reason_of(error)}).") from error

    def _divided(self) -> tuple[Tensor, Tensor]:
        """Which images to train on and which to hold out: positions (M,) int64 each."""
        if "train" in self.parts and len(set(self.parts)) > 1:
            last = "test" if "test" in self.parts else "val"
            return self._of("train"), self._of(last)
        held_out = a_tenth(self.labels)
        if not held_out.any():  # classes of one image each
            held_out = a_tenth(torch.zeros_like(self.labels))
        return (~held_out).nonzero().flatten(), held_out.nonzero().flatten()

    def _of(self, part: str) -> Tensor:
        return torch.tensor([number for number, one in enumerate(self.parts) if one == part])


def _failures(failed: Sequence[tuple[str, str]], count: int) -> str:
    """Such as "3 of 1,200 files could not be read: a.png, b.png, c.png (damaged or cut short)."."""
    names = ", ".join(name[-80:] for name, _ in failed[:3]) + (", …" if len(failed) > 3 else "")
    return f"{len(failed):,} of {count:,} images could not be read: {names} ({failed[0][1]})."


def reason_of(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:200]


def classed(told: Sequence[Any], names: Sequence[str] = ()) -> tuple[Tensor, tuple[str, ...]]:
    """Numbers or names of classes -> labels (N,) int64 and what they are called, in order; None is no class.

    `names` are what the numbers stand for, where that is known.
    """
    if not any(one is not None for one in told):
        return torch.zeros(len(told), dtype=torch.int64), ("",)
    if names and all(one is None or (type(one) is int and -1 <= one < len(names)) for one in told):
        told = [None if one in (None, -1) else names[one] for one in told]
        known: list[Any] = list(names)
    else:
        known = sorted({one for one in told if one is not None}, key=lambda one: (type(one) is str, one))
    known += [None] if None in told else []
    if len(known) > MOST_CLASSES:
        raise DataError(f"The images have {len(known):,} classes: expected at most {MOST_CLASSES:,}.")
    numbers = {one: number for number, one in enumerate(known)}
    classes = tuple("unlabelled" if one is None else plain_name(str(one)) or str(n) for n, one in enumerate(known))
    return torch.tensor([numbers[one] for one in told]), classes


def validation_left_out(parts: Sequence[str]) -> tuple[str, ...]:
    """What is to be said of a part that is neither trained on nor measured."""
    left = parts.count("val") if {"train", "test"} <= set(parts) else 0
    return (f"{left:,} validation images are left out.",) if left else ()


def middle_of(height: int, width: int, like_height: int, like_width: int) -> tuple[int, int, int, int]:
    """The largest part around the centre that has the aspect of another size: top, left, height and width."""
    h = max(1, min(height, round(width * like_height / like_width)))
    w = max(1, min(width, round(height * like_width / like_height)))
    return (height - h) // 2, (width - w) // 2, h, w


def check_count(count: int, bounds: ImageBounds) -> None:
    if count > bounds.images:
        raise DataError(f"These are {count:,} images: expected at most {bounds.images:,}.")
