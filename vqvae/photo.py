"""A digit out of a picture, made into what MNIST's digits are: light ink on black, in a box, centred by its mass.

A model of other images gets the picture itself, cut to its aspect (`whole`).

LeCun et al. 1998, "Gradient-based learning applied to document recognition", section III: each digit was fitted into a
20 x 20 box with its aspect kept, grey at its edges from antialiasing, and moved so that its centre of mass is the
centre of a 28 x 28 field. A file is hostile until parsed: its bytes, format and size are judged before it is decoded.
"""

import io
import math
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vqvae.data import in_shape
from vqvae.image_set import middle_of
from vqvae.model import Sizes

MAX_BYTES = 10_000_000
MAX_PIXELS = 40_000_000
FORMATS = ("PNG", "JPEG", "WEBP")
BOX = 20 / 28  # of the field's sides
SIDE = 480  # pixels of the longer side while looking for ink
LITTLE = 160  # pixels of the longer side of a step's picture
FAINTEST = 24  # of 255: less contrast than this to the paper is no ink

# EXIF's orientation: how a picture must be turned to be seen as it was taken.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PhotoError(ValueError):
    """A picture that nothing can be taken from; the message says in one or two sentences why, and what to do."""


class Step(NamedTuple):
    """One step from the picture to what is taken from it."""

    name: str
    note: str
    picture: Tensor  # (C, h, w) uint8, of 1 or 3 channels


class Photo(NamedTuple):
    """What was taken from a picture, and the way there."""

    pixels: Tensor  # (C, H, W) uint8, of the model's shape
    steps: tuple[Step, ...]


def take(content: bytes, config: Sizes) -> Photo:
    """The digit in a picture file, for a model of this configuration. Raises PhotoError."""
    taken, turned, upright = _decode(content, closely=True)
    grey = turned.convert("L")
    values = np.asarray(grey, dtype=np.float32)
    contrast, dark = _contrast(values)
    ink = _cut_out(contrast)
    boxed = fit(ink, config)
    boxed = boxed / boxed.max()  # a thin pen's strokes are grey by now: the strongest is full ink again
    pixels = centre(boxed, config)
    steps = (
        Step("As taken", "the whole picture", _little(np.asarray(taken))),
        Step("Turned", upright, _little(np.asarray(turned))),
        Step("Grey", "colour does not matter", _little(values)),
        Step("Ink found", "it was dark: inverted" if dark else "light, as it should be", _little(contrast * 255)),
        Step("Cut out", "no lines, no specks", _little(ink * 255)),
        Step("{} × {}".format(*_box(config)), "fitted, aspect kept", _picture(boxed * 255)),
        Step("Centred", f"by mass, in {config.height} × {config.width}", pixels),
    )
    return Photo(pixels, steps)


def whole(content: bytes, config: Sizes) -> Photo:
    """The middle of a picture file, as large as a model's aspect allows, in its shape. Raises PhotoError."""
    taken, turned, upright = _decode(content, closely=False)
    top, left, height, width = middle_of(turned.height, turned.width, config.height, config.width)
    cut = np.asarray(turned.crop((left, top, left + width, top + height)))
    pixels, shown = in_shape(_picture(cut), config.image_shape), (3, config.height, config.width)
    steps = (
        Step("As taken", "the whole picture", _little(np.asarray(taken))),
        Step("Turned", upright, _little(np.asarray(turned))),
        Step("Cut out", "its middle, in the model’s aspect", _little(cut)),
        Step(f"{config.height} × {config.width}", "each pixel the mean of its area", in_shape(pixels, shown)),
    )
    return Photo(pixels, steps)


def centred(pixels: Tensor, config: Sizes) -> Tensor:
    """A drawing (C, H, W) uint8, light on black, fitted and centred like MNIST's digits. Raises PhotoError for none."""
    ink = pixels.amax(0).numpy().astype(np.float32) / 255
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    if not len(rows):
        raise PhotoError("There is nothing to centre on an empty canvas.")
    return centre(fit(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], config), config)


def fit(ink: np.ndarray, config: Sizes) -> np.ndarray:
    """Ink (h, w) in [0, 1] as large as the box allows, its aspect kept."""
    height, width = ink.shape
    scale = min(_box(config)[0] / height, _box(config)[1] / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if max(abs(size[0] - width), abs(size[1] - height)) <= 1:
        return ink  # fits already: blurred once more it would be no better
    return np.asarray(Image.fromarray(ink.astype(np.float32)).resize(size, Image.Resampling.HAMMING)).clip(0, 1)


def centre(ink: np.ndarray, config: Sizes) -> Tensor:
    """Ink (h, w) in [0, 1], no larger than the box, on the model's field, its centre of mass in the middle."""
    field = np.zeros((config.height, config.width), dtype=np.float32)
    start = []
    for axis, (side, size) in enumerate(zip(field.shape, ink.shape, strict=True)):
        mass = ink.sum(1 - axis)
        middle = float((mass * np.arange(size)).sum() / max(float(mass.sum()), 1e-6))
        # Always the same way at a half, which symmetric strokes have, so that what is centred stays.
        start.append(min(max(0, math.floor(side / 2 - middle + 0.50001)), side - size))
    field[start[0] : start[0] + ink.shape[0], start[1] : start[1] + ink.shape[1]] = ink
    return _picture(field * 255).expand(config.channels, -1, -1).contiguous()


def _box(config: Sizes) -> tuple[int, int]:
    return max(1, round(config.height * BOX)), max(1, round(config.width * BOX))


# From a file to pixels.


def _decode(content: bytes, closely: bool) -> tuple[Image.Image, Image.Image, str]:
    """The picture as RGB of at most about SIDE pixels as it was taken, turned as EXIF says, and that in words."""
    if len(content) > MAX_BYTES:
        raise PhotoError(f"This file has {len(content) / 1e6:.1f} MB: expected at most {MAX_BYTES / 1e6:.0f} MB.")
    _check_size(webp_size(content))  # Pillow makes room for the pixels of a WebP file as soon as it opens it
    try:
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError:
        raise PhotoError(_too_large("far too many pixels")) from None
    except Exception as error:  # whatever a hostile header makes a parser trip over
        raise PhotoError("This file cannot be read as a picture: expected a PNG, JPEG or WebP.") from error
    _check_size(picture.size)
    try:
        share = SIDE / max(picture.size)
        picture.draft(None, (max(1, round(picture.width * share)), max(1, round(picture.height * share))))
        picture.load()
        orientation = picture.getexif().get(0x0112, 1)
        taken = _plain(picture, closely)
    except Exception as error:
        raise PhotoError("This picture is damaged or cut short: save or take it again.") from error
    if not isinstance(orientation, int) or orientation not in TURNS:
        return taken, taken, "it was upright"
    return taken, taken.transpose(TURNS[orientation]), "as the camera noted"


def _check_size(size: tuple[int, int] | None) -> None:
    if size is not None and size[0] * size[1] > MAX_PIXELS:
        raise PhotoError(_too_large(f"{size[0]:,} × {size[1]:,} pixels"))


def _too_large(what: str) -> str:
    return f"This picture has {what}: expected at most {MAX_PIXELS / 1e6:.0f} megapixels. Scale it down first."


def webp_size(content: bytes) -> tuple[int, int] | None:
    """Width and height as the header of a WebP file says (RFC 9649, section 2); None for other files."""
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        return None

    def number(begin: int, end: int) -> int:
        return int.from_bytes(content[begin:end], "little")

    if content[12:16] == b"VP8X":
        return 1 + number(24, 27), 1 + number(27, 30)
    if content[12:16] == b"VP8L":
        return 1 + (number(21, 25) & 0x3FFF), 1 + (number(21, 25) >> 14 & 0x3FFF)
    return number(26, 28) & 0x3FFF, number(28, 30) & 0x3FFF


def _plain(picture: Image.Image, closely: bool) -> Image.Image:
    """A decoded picture of any mode as small RGB; behind what is transparent lies paper.

    `closely` makes a small one larger, so that strokes can be told apart in it.
    """
    if picture.mode.startswith("I"):  # 16 bits of grey
        picture = Image.fromarray((np.asarray(picture) // 257).clip(0, 255).astype(np.uint8))
    picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    picture = picture.reduce(max(1, round(max(picture.size) / SIDE)))
    if closely and max(picture.size) < SIDE / 2:
        times = SIDE / max(picture.size)
        size = max(1, round(picture.width * times)), max(1, round(picture.height * times))
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    if picture.mode == "RGB":
        return picture
    values = np.asarray(picture)
    opaque = values[values[..., 3] > 127][:, :3]
    if len(opaque) > values.shape[0] * values.shape[1] / 2:
        paper = tuple(int(value) for value in np.median(opaque, axis=0))
    else:  # ink alone: on what it can be seen on
        paper = (255, 255, 255) if not len(opaque) or opaque.mean() < 128 else (0, 0, 0)
    sheet = Image.new("RGBA", picture.size, (*paper, 255))
    return Image.alpha_composite(sheet, picture).convert("RGB")


# From pixels to ink.


def _contrast(grey: np.ndarray) -> tuple[np.ndarray, bool]:
    """How far each pixel (h, w) stands out from the paper around it, in [0, 1], and whether ink is darker than paper.

    Paper is the median of a wide neighbourhood: light that falls off, and shadows, go with it.
    """
    from scipy import ndimage  # needed here alone

    height, width = grey.shape
    share = min(1.0, 72 / max(grey.shape))
    size = max(1, round(width * share)), max(1, round(height * share))
    small = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))
    paper = ndimage.median_filter(small, size=tuple(max(3, side // 2) for side in small.shape), mode="reflect")
    paper = np.asarray(Image.fromarray(paper).resize((width, height), Image.Resampling.BICUBIC))
    apart = ndimage.gaussian_filter(grey - paper, 1.0)
    dark = float((apart.clip(max=0) ** 3).sum() + (apart.clip(min=0) ** 3).sum()) < 0  # ink is the heavier tail
    return (-apart if dark else apart).clip(0, 255) / 255, dark


def _cut_out(contrast: np.ndarray) -> np.ndarray:
    """The digit's own ink (h, w) in [0, 1], cut out at its bounds. Raises PhotoError where there is none."""
    from scipy import ndimage

    left = contrast.copy()
    noise = 1.4826 * float(np.median(np.abs(contrast - np.median(contrast))))
    for _ in range(3):
        strongest = max(8, left.size // 2000)
        peak = float(np.median(np.partition(left, -strongest, axis=None)[-strongest:]))
        if peak < max(FAINTEST / 255, 8 * noise):
            break
        core = left > 0.45 * peak
        ruled = _ruled(left > 0.2 * peak)  # lower, where lines are still whole
        chosen = _choose(core & ~ruled, left)
        if chosen is not None:
            level = float(np.percentile(left[chosen], 75))
            near = ndimage.binary_dilation(chosen, iterations=3) & ~(ndimage.binary_dilation(ruled) & ~chosen)
            ink = np.where(near, (left / level - 0.3) / 0.4, 0).clip(0, 1)  # nearly bilevel, like NIST's scans
            rows, columns = (np.flatnonzero((ink > 0.5).any(axis)) for axis in (1, 0))
            return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        left[ndimage.binary_dilation(core, iterations=4)] = 0  # a table's edge, a shadow, a thumb: look at what is left
    raise PhotoError(
        "No digit was found: write one digit large on plain paper, leave paper all around it, and avoid hard shadows."
    )


def _choose(core: np.ndarray, contrast: np.ndarray) -> np.ndarray | None:
    """The strokes (h, w) bool of one digit: the piece with most ink near the middle, with the pieces beside it."""
    from scipy import ndimage

    labels, count = ndimage.label(core, structure=np.ones((3, 3)))
    if not count:
        return None
    height, width = core.shape
    pieces = ndimage.find_objects(labels)
    mass = ndimage.sum(contrast, labels, np.arange(1, count + 1))
    smallest = 0.04 * min(height, width)

    def is_ink(piece: tuple[slice, slice]) -> bool:
        rows, columns = piece
        inside = rows.start > 0 and columns.start > 0 and rows.stop < height and columns.stop < width
        short, long = sorted((rows.stop - rows.start, columns.stop - columns.start))
        return inside and smallest <= long <= 14 * short  # neither a speck nor a piece of a ruled line

    def centrality(piece: tuple[slice, slice]) -> float:
        rows, columns = piece
        away = np.hypot((rows.start + rows.stop) / height - 1, (columns.start + columns.stop) / width - 1)
        return float(np.exp(-(away**2)))

    candidates = [n for n, piece in enumerate(pieces) if is_ink(piece)]
    if not candidates:
        return None
    main = max(candidates, key=lambda n: mass[n] * centrality(pieces[n]))
    rows, columns = pieces[main]
    reach = 0.12 * max(rows.stop - rows.start, columns.stop - columns.start)
    strokes = [
        n + 1
        for n in candidates
        if mass[n] >= 0.03 * mass[main]
        and all(
            other.start - own.stop <= reach and own.start - other.stop <= reach
            for own, other in zip(pieces[main], pieces[n], strict=True)
        )
    ]
    return np.isin(labels, strokes)


def _ruled(mask: np.ndarray) -> np.ndarray:
    """Thin straight lines (h, w) bool that run over half the picture: paper is ruled, digits are not."""
    from scipy import ndimage

    found = np.zeros_like(mask)
    for along, across in ((1, 0), (0, 1)):
        length, thickness = mask.shape[along] // 2, max(4, min(mask.shape) // 50)
        slack = ndimage.maximum_filter1d(mask.astype(np.uint8), 3, axis=across)  # a line may lean a little
        runs = _opened(slack, length, along)
        found |= mask & (runs > 0) & (_opened(mask.astype(np.uint8), thickness, across) == 0)
    return found


def _opened(mask: np.ndarray, length: int, axis: int) -> np.ndarray:
    """What is left of a mask where it is at least so long along an axis."""
    from scipy import ndimage

    shrunk = ndimage.minimum_filter1d(mask, length, axis=axis, mode="constant")
    origin = -1 if length % 2 == 0 else 0  # an even window grows back to the other side
    return ndimage.maximum_filter1d(shrunk, length, axis=axis, mode="constant", origin=origin)


def _picture(values: np.ndarray) -> Tensor:
    """(h, w) or (h, w, 3) from 0 to 255 -> (C, h, w) uint8."""
    bytes_ = torch.from_numpy(np.ascontiguousarray(values.astype(np.float32))).round().clamp(0, 255).to(torch.uint8)
    return bytes_.unsqueeze(0) if bytes_.ndim == 2 else bytes_.permute(2, 0, 1).contiguous()


def _little(values: np.ndarray) -> Tensor:
    """The same, of at most some LITTLE pixels a side: to be shown."""
    picture = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    return _picture(np.asarray(picture.reduce(max(1, round(max(picture.size) / LITTLE)))))
