"""Arrays in an npz file as a set of images, called as MedMNIST (Yang et al. 2023) or Keras call theirs.

Headers are judged before anything is unpacked, arrays are read some images at a time, and nothing is unpickled.
"""

import math
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vqvae.data import DataError, in_shape
from vqvae.image_set import ImageSet, Shape, check_count, classed, middle_of, validation_left_out
from vqvae.limits import ImageBounds, mb
from vqvae.model import MOST_CHANNELS

CHUNK = 4 * 2**20  # bytes of an array at a time
ARRAYS = (  # images, labels and part
    *((f"{part}_images", f"{part}_labels", part) for part in ("train", "val", "test")),
    *((f"x_{part}", f"y_{part}", part) for part in ("train", "val", "test")),
    *((images, labels, "") for images, labels in (("images", "labels"), ("x", "y"), ("X", "y"), ("data", "labels"))),
)


class _Array(NamedTuple):
    """An array in an npz file, as its header tells."""

    entry: str
    dtype: np.dtype
    shape: tuple[int, ...]
    by_columns: bool  # Fortran's order

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class _Arrays(ImageSet):
    """Images out of arrays (N, H, W), (N, H, W, C) or (N, C, H, W) of an npz file, all of one size."""

    source: Path
    arrays: tuple[_Array, ...]

    def shapes(self) -> Iterator[Shape]:
        for array in self.arrays:
            for _ in range(array.shape[0]):
                yield _image_shape(array.shape)

    def pictures(self, shape: Shape, fail: Callable[[str, str], None]) -> Iterator[tuple[int, Tensor]]:
        scale, first = self._scale(), 0
        for values in self._chunks():
            pixels = torch.from_numpy(values if values.dtype == np.uint8 else np.rint(values * scale).astype(np.uint8))
            if pixels.ndim == 3:
                pixels = pixels.unsqueeze(1)
            elif _channels_last(values.shape):
                pixels = pixels.permute(0, 3, 1, 2)
            top, left, h, w = middle_of(pixels.shape[2], pixels.shape[3], shape[1], shape[2])
            yield first, in_shape(pixels[:, :, top : top + h, left : left + w], shape)
            first += len(pixels)

    def _scale(self) -> float:
        """What makes all values 0 to 255: those of 8 bits are, floats may reach from 0 to 1, others have 16 bits."""
        if all(array.dtype == np.uint8 for array in self.arrays):
            return 1
        low, high = math.inf, -math.inf
        for values in self._chunks():
            low, high = np.minimum(low, values.min()), np.maximum(high, values.max())  # NaN stays NaN
        floats = any(array.dtype.kind == "f" for array in self.arrays)
        if all(array.dtype.kind == "b" for array in self.arrays) or (floats and 0 <= low <= high <= 1):
            return 255
        if 0 <= low <= high <= 255:
            return 1
        if 0 <= low <= high <= 0xFFFF and not floats:
            return 1 / 257
        raise DataError(
            f"The values in {self.source.name} reach from {low:g} to {high:g}: expected 0 to 255, floats from 0 to 1, "
            "or 16 bits."
        )

    def _chunks(self) -> Iterator[np.ndarray]:
        """All arrays in their order, some images at a time."""
        with zipfile.ZipFile(self.source) as archive:
            for array in self.arrays:
                with archive.open(array.entry) as file:
                    _header(file, array.entry)
                    if array.by_columns:  # the whole is needed to have the first
                        yield (
                            np.frombuffer(_exactly(file, array.bytes), array.dtype)
                            .reshape(array.shape, order="F")
                            .copy()
                        )
                        continue
                    row = array.bytes // array.shape[0]
                    step = max(1, CHUNK // row)
                    for first in range(0, array.shape[0], step):
                        count = min(step, array.shape[0] - first)
                        values = np.frombuffer(_exactly(file, count * row), array.dtype)
                        yield values.reshape(count, *array.shape[1:]).copy()


def in_npz(source: Path, name: str, bounds: ImageBounds) -> ImageSet:
    with zipfile.ZipFile(source) as archive:
        entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
        keys = [keys for keys in ARRAYS if keys[0] in entries]
        if not keys:
            raise DataError(
                f"{source.name} holds {', '.join(sorted(entries))[:200] or 'nothing'}: expected arrays called images "
                "and labels, or train_images, train_labels, test_images, test_labels."
            )
        divided = [one for one in keys if one[2]]
        keys = divided or keys[:1]
        arrays = tuple(_array(archive, entries[images], bounds) for images, _, _ in keys)
        for array in arrays:
            _check_images(array, source.name, bounds)
        if len({_image_shape(array.shape) for array in arrays}) > 1:
            raise DataError(f"The arrays in {source.name} are of several sizes: expected one.")
        check_count(sum(array.shape[0] for array in arrays), bounds)
        told: list[Any] = []
        left_out = []
        for (_, labels, _), array in zip(keys, arrays, strict=True):
            some, reason = _labels(archive, entries.get(labels), array.shape[0], bounds)
            told += some
            left_out += [f"{labels} are left out: {reason}."] if reason else []
    parts = [part for (*_, part), array in zip(keys, arrays, strict=True) for _ in range(array.shape[0])]
    numbers, classes = classed(told)
    return _Arrays(
        name, bounds, numbers, classes, tuple(parts), (*left_out, *validation_left_out(parts)), source, arrays
    )


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, bounds: ImageBounds) -> _Array:
    """What the header of an array says, where the file can hold that."""
    with archive.open(entry) as file:
        array = _header(file, entry.filename)
    if array.dtype.kind not in "buif":
        raise DataError(f"{entry.filename} holds {array.dtype}: expected an array of numbers; nothing was unpickled.")
    if array.bytes > min(bounds.held, entry.file_size) or min(array.shape, default=0) < 1:
        raise DataError(
            f"{entry.filename} says to be {' x '.join(map(str, array.shape)) or 'one number'} of {array.dtype}: "
            f"expected several, at most {mb(bounds.held)}, and as many bytes in the file."
        )
    return array


def _header(file: Any, name: str) -> _Array:
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise DataError(f"{name} is an array of format {version}: expected 1.0 or 2.0.")
    if version == (1, 0):
        shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, by_columns, dtype = np.lib.format.read_array_header_2_0(file)
    return _Array(name, dtype, shape, by_columns and len(shape) > 1)


def _exactly(file: Any, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise DataError("An array is cut short: copy or save the file again.")
    return content


def _channels_last(shape: tuple[int, ...]) -> bool:
    return shape[3] <= MOST_CHANNELS


def _image_shape(shape: tuple[int, ...]) -> Shape:
    """(C, H, W) of the images in an array of that shape."""
    if len(shape) == 3:
        return 1, shape[1], shape[2]
    return (shape[3], shape[1], shape[2]) if _channels_last(shape) else (shape[1], shape[2], shape[3])


def _check_images(array: _Array, name: str, bounds: ImageBounds) -> None:
    shape = array.shape
    if len(shape) not in (3, 4) or _image_shape(shape)[0] > MOST_CHANNELS:
        raise DataError(
            f"{array.entry} in {name} has the shape {' x '.join(map(str, shape))}: expected images x height x width, "
            f"or these with 1 to {MOST_CHANNELS} channels at the end or after the first."
        )
    _, height, width = _image_shape(shape)
    if height * width > bounds.pixels:
        raise DataError(
            f"{array.entry} in {name} holds images of {height:,} x {width:,} pixels: expected smaller ones."
        )


def _labels(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo | None, count: int, bounds: ImageBounds
) -> tuple[list[Any], str]:
    """One class an image, and why there is none where the array does not say one."""
    nothing = [None] * count
    if entry is None:
        return nothing, ""
    array = _array(archive, entry, bounds)
    if math.prod(array.shape) != array.shape[0]:
        return nothing, f"{' x '.join(map(str, array.shape))} numbers are not one class an image"
    if array.shape[0] != count:
        raise DataError(f"{entry.filename} has {array.shape[0]:,} labels for {count:,} images: expected as many.")
    with archive.open(entry) as file:
        _header(file, entry.filename)
        values = np.frombuffer(_exactly(file, array.bytes), array.dtype)
    if not (np.isfinite(values) & (values == np.rint(values)) & (np.abs(values) < 2**53)).all():
        return nothing, "its numbers are not whole"
    return [int(value) for value in values], ""
