"""Picture files as a set of images: in folders, in a zip file, or in the rows of Parquet files.

Class folders are laid out as torchvision's `ImageFolder` has them, Parquet files as Hugging Face's hub stores them. A
file is hostile until parsed: its size is judged by its header before it is decoded or unpacked.
"""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from vqvae.data import MOST_CLASSES, DataError, in_shape
from vqvae.image_set import (
    EXPECTED,
    PARTS,
    ImageSet,
    Shape,
    check_count,
    classed,
    middle_of,
    validation_left_out,
)
from vqvae.limits import ImageBounds, mb
from vqvae.model import MOST_CHANNELS
from vqvae.photo import webp_size

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff")
CLOSE = 8  # times the pixels that are wanted: a picture that is larger is first reduced, its mean kept
ROWS = 16  # of a Parquet file at a time
IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "labels", "fine_label", "class")


@dataclass(frozen=True)
class _Pictures(ImageSet):
    """Images each of which is a picture file of its own."""

    files: Callable[[], Iterator[tuple[str, Callable[[], BinaryIO]]]]  # their names, and how to open them

    def shapes(self) -> Iterator[Shape]:
        for _, open_file in self.files():
            try:
                with open_file() as file, _opened(file, self.bounds) as picture:
                    across = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # as `exif_transpose` will turn it
                    height, width = picture.size if across else picture.size[::-1]
                    shape = 1 if _is_grey(picture) else 3, height, width
            except Exception:  # it will be told of when it is to be decoded
                continue
            yield shape

    def pictures(self, shape: Shape, fail: Callable[[str, str], None]) -> Iterator[tuple[int, Tensor]]:
        decoded = 0
        for number, (name, open_file) in enumerate(self.files()):
            try:
                with open_file() as file, _opened(file, self.bounds) as picture:
                    decoded += picture.width * picture.height
                    if decoded > self.bounds.all_pixels:
                        raise DataError(
                            f"The images of {self.name} have more than {self.bounds.all_pixels / 1e6:,.0f} megapixels "
                            "together: bring fewer, or smaller ones."
                        )
                    pixels = _decoded(picture, shape)
            except DataError:
                raise
            except _UnreadableError as error:
                fail(name, str(error))
                continue
            except Exception:  # whatever a hostile or torn file makes a decoder trip over
                fail(name, "damaged or cut short")
                continue
            yield number, pixels.unsqueeze(0)


class _UnreadableError(Exception):
    """A file that is no image that we read; the message says why in a few words."""


def _opened(file: BinaryIO, bounds: ImageBounds) -> Image.Image:
    """A picture whose header is read and whose size is within bounds."""
    size = webp_size(file.read(30))  # Pillow makes room for the pixels of a WebP file as soon as it opens it
    file.seek(0)
    _check_size(size, bounds)
    try:
        picture = Image.open(file, formats=bounds.formats)
    except Image.DecompressionBombError:
        raise _UnreadableError("far too many pixels") from None
    except Exception:
        raise _UnreadableError(f"no picture in {', '.join(bounds.formats)}") from None
    _check_size(picture.size, bounds)
    return picture


def _check_size(size: tuple[int, int] | None, bounds: ImageBounds) -> None:
    if size is not None and size[0] * size[1] > bounds.pixels:
        raise _UnreadableError(f"{size[0]:,} x {size[1]:,} pixels, more than {bounds.pixels / 1e6:,.0f} million")


def _is_grey(picture: Image.Image) -> bool:
    return picture.mode in ("1", "L", "LA", "La") or picture.mode.startswith("I")


def _decoded(picture: Image.Image, shape: Shape) -> Tensor:
    """A picture as its owner sees it, cut to an aspect and resampled: (C, H, W) uint8."""
    height, width = shape[1:]
    most = CLOSE * max(height, width)
    picture.draft(None, (most, most))  # a JPEG decodes to half, a quarter or an eighth of its size at less cost
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):
        values = np.asarray(picture).astype(np.int64)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise _UnreadableError("more than 16 bits of grey")
        picture = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if picture.mode == "F":
        raise _UnreadableError("grey in floating-point numbers")
    see_through = picture.has_transparency_data
    picture = picture.convert(("LA" if see_through else "L") if _is_grey(picture) else "RGBA" if see_through else "RGB")
    top, left, h, w = middle_of(picture.height, picture.width, height, width)
    picture = picture.crop((left, top, left + w, top + h))
    picture = picture.reduce(max(1, min(h // (CLOSE * height), w // (CLOSE * width))))
    values = torch.from_numpy(np.array(picture, ndmin=3))
    return in_shape(values if picture.mode == "L" else values.permute(2, 0, 1), shape)


def _in_folders(paths: Sequence[PurePosixPath]) -> tuple[list[PurePosixPath], list[str | None], list[str], list[str]]:
    """Which of the paths are images of the set, their classes and parts, and what was left out."""
    chosen = sorted(
        path
        for path in paths
        if path.suffix.lower() in ENDINGS and not any(part.startswith((".", "__MACOSX")) for part in path.parts)
    )
    tops = {path.parts[0].lower() for path in chosen if len(path.parts) > 1}
    divided = bool(tops) and tops <= PARTS.keys() and "train" in {PARTS[top] for top in tops} and len(tops) > 1
    rest = [path.parts[1:] if divided else path.parts for path in chosen]
    depth = 2 if any(len(parts) > 1 for parts in rest) else 1  # images lie in class folders, or else all belong
    used = [n for n, parts in enumerate(rest) if len(parts) >= depth]
    loose = len(chosen) - len(used)
    return (
        [chosen[n] for n in used],
        [rest[n][0] if depth == 2 else None for n in used],
        [PARTS[chosen[n].parts[0].lower()] if divided else "" for n in used],
        [f"{loose:,} images beside the class folders are left out."] if loose else [],
    )


def in_folder(root: Path, name: str, bounds: ImageBounds) -> ImageSet:
    found = [PurePosixPath(path.relative_to(root).as_posix()) for path in root.rglob("*")]
    paths, classes, parts, left_out = _in_folders(found)
    if not paths:
        tables = sorted(path for path in root.rglob("*.parquet"))
        if tables:
            return in_parquet(tables, name, bounds)
        raise DataError(f"{root} holds no images: {EXPECTED}; of images, {', '.join(ENDINGS)}.")
    check_count(len(paths), bounds)

    def files() -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
        for path in paths:
            yield str(path), lambda path=path: (root / path).open("rb")

    labels, names = classed(classes)
    return _Pictures(name, bounds, labels, names, tuple(parts), (*left_out, *validation_left_out(parts)), files)


def in_zip(source: Path, name: str, bounds: ImageBounds) -> ImageSet:
    with zipfile.ZipFile(source) as archive:
        entries = {PurePosixPath(entry.filename): entry for entry in archive.infolist() if not entry.is_dir()}
    found = [path for path in entries if path.suffix.lower() in ENDINGS]
    packed = {path.parts[0] for path in found if path.parts[0] != "__MACOSX"}
    if len(packed) == 1 and all(len(path.parts) > 1 for path in found):  # the folder itself was packed
        entries = {PurePosixPath(*path.parts[1:]): entry for path, entry in entries.items() if len(path.parts) > 1}
    paths, classes, parts, left_out = _in_folders(list(entries))
    if not paths:
        raise DataError(
            f"{source.name} holds no images: expected images or class folders of them, {', '.join(ENDINGS)}."
        )
    check_count(len(paths), bounds)

    def files() -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
        with zipfile.ZipFile(source) as archive:
            for path in paths:
                yield str(path), lambda path=path: _unpacked(archive, entries[path], bounds)

    labels, names = classed(classes)
    return _Pictures(name, bounds, labels, names, tuple(parts), (*left_out, *validation_left_out(parts)), files)


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, bounds: ImageBounds) -> BinaryIO:
    """A file out of a zip; no more is unpacked than it says to have."""
    if entry.file_size > bounds.pixels * MOST_CHANNELS:
        raise _UnreadableError(f"{mb(entry.file_size)} unpacked")
    with archive.open(entry) as file:
        return io.BytesIO(file.read(entry.file_size))


def in_parquet(sources: Sequence[Path], name: str, bounds: ImageBounds) -> ImageSet:
    import pyarrow as pa  # half a second to import, and needed here alone
    from pyarrow import parquet

    tables = {path: parquet.ParquetFile(path, memory_map=False) for path in sources}
    schema = next(iter(tables.values())).schema_arrow
    column = _image_column(schema, pa)
    if column is None:
        raise DataError(
            f"{sources[0].name} has the columns {', '.join(schema.names[:10])[:200]}: expected one of image files, as "
            "bytes, or with a field of bytes."
        )
    label = next((one for one in LABEL_COLUMNS if one in schema.names), None)
    rows = {path: table.metadata.num_rows for path, table in tables.items()}
    check_count(sum(rows.values()), bounds)
    for path, table in tables.items():
        groups = [table.metadata.row_group(n) for n in range(table.metadata.num_row_groups)]
        if path.stat().st_size > bounds.file or sum(group.total_byte_size for group in groups) > bounds.file * 2:
            raise DataError(f"{path.name} is larger than {mb(bounds.file)}: bring fewer images.")
    told: list[Any] = []
    for table in tables.values():
        if label is not None:
            for batch in table.iter_batches(batch_size=1024, columns=[label]):
                told += [_class_of(one) for one in batch.column(0).to_pylist()]
    stems = [re.split(r"[-_.]", path.stem)[0].lower() for path in sources]
    divided = len(set(stems)) > 1 and set(stems) <= PARTS.keys()
    parts = [
        PARTS[stem] if divided else "" for stem, path in zip(stems, sources, strict=True) for _ in range(rows[path])
    ]
    inner = f"{column}.bytes" if pa.types.is_struct(schema.field(column).type) else column

    def files() -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
        for path, table in tables.items():
            number = 0
            for batch in table.iter_batches(batch_size=ROWS, columns=[inner]):
                values = batch.column(0)
                values = values.field("bytes") if inner != column else values
                for value in values:
                    yield f"{path.name}, row {number}", lambda value=value: _held(value.as_py())
                    number += 1

    labels, names = classed(told or [None] * len(parts), _class_names(schema, label))
    return _Pictures(name, bounds, labels, names, tuple(parts), validation_left_out(parts), files)


def _image_column(schema: Any, pa: Any) -> str | None:
    """The first column that holds files: bytes, or a structure with a field of bytes."""

    def is_bytes(kind: Any) -> bool:
        return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)

    for one in sorted(schema.names, key=lambda one: one not in IMAGE_COLUMNS):
        kind = schema.field(one).type
        if is_bytes(kind) or (
            pa.types.is_struct(kind) and any(inner.name == "bytes" and is_bytes(inner.type) for inner in kind)
        ):
            return one
    return None


def _class_of(value: object) -> int | str | None:
    """A class as a column tells it; what is neither a number nor a short word is none."""
    return int(value) if isinstance(value, int) else value[:200] if isinstance(value, str) else None


def _class_names(schema: Any, label: str | None) -> list[str]:
    """What the numbers of a label column stand for, as Hugging Face's `datasets` notes it beside the columns."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[label]["names"]
        return [str(one) for one in names] if len(names) <= MOST_CLASSES and len(set(names)) == len(names) else []
    except (KeyError, TypeError, ValueError):
        return []


def _held(content: object) -> BinaryIO:
    if not isinstance(content, bytes):
        raise _UnreadableError("no bytes")
    return io.BytesIO(content)
