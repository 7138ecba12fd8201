"""The scatter: a map of thousands of points in the browser, as one Streamlit component (Components v2) on a canvas.

Moving, zooming, hovering and selecting need no server; Python hears of finished selections and can make some itself.
Pictures, reconstructions and codes travel apart from the points, once a model, through a second component without a
face: so a new layout or colouring sends some ten kilobytes. What comes back is a stranger's message, checked here.
"""

import base64
import gzip
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st
import torch
import torch.nn.functional as F
from PIL import Image
from streamlit.components.v2 import component
from torch import Tensor

from pages.ui.charts import pictures
from pages.ui.components.shared import module
from vqvae.receptive_field import ReceptiveField

FOLDER = Path(__file__).parent
EDGE = 65535  # positions travel as 16-bit numbers in a square
FINE = 16  # of them are one step of an outline's corner
SIDE = 4096  # such steps
CORNERS = 64  # of an outline, at most
LARGEST = 48  # pixels of a thumbnail
EXACT = 2**22  # pixels of a picture in colour that is sent as it is
AT_ONCE = 100  # pictures made smaller together


class Coloring(NamedTuple):
    """What the colour of a point means."""

    colors: np.ndarray  # (N,) whole numbers: places in the palette
    palette: Sequence[str]  # such as "#3f90da"
    title: str  # of the legend
    entries: tuple[tuple[str, int], ...] = ()  # a name and its place in the palette; a click selects all such points
    ramp: tuple[str, str] | None = None  # or the two ends of a scale


class Mark(NamedTuple):
    """Something that is no point of the map, drawn on it with lines to some points."""

    position: np.ndarray  # (2,) in the map's own units
    name: str
    to: Sequence[int]  # ids of points


class Plot(NamedTuple):
    """A map as the scatter shows it."""

    positions: np.ndarray  # (N, 2)
    ids: np.ndarray  # (N,) ascending: the digit, or digit * cells + cell
    coloring: Coloring
    labels: np.ndarray  # (N,) classes
    sheet: str  # the key of the sheet of pictures
    view: str  # another view starts unzoomed; the same one stays where it is
    title: str  # a sentence for those who cannot see it
    noun: str  # what its points are, such as "digits" or "cells"
    classes: tuple[str, ...]  # what the classes are called; one without a name where there are none
    one: str  # what an image is called
    cells: int = 0  # cells a digit, where points are cells
    columns: int = 0  # of the grid of cells
    marks: tuple[Mark, ...] = ()


Outline = tuple[tuple[int, int], ...]  # corners of a polygon on the map, SIDE to its side; y goes up


class Selected(NamedTuple):
    """Which points are selected."""

    revision: int  # grows when Python selects: the browser then takes over what Python says
    ids: np.ndarray  # (M,) int64, ascending
    outline: Outline = ()  # that a hand drew around just these, if it did


NOTHING = Selected(0, np.empty(0, dtype=np.int64))


def selection(key: str) -> Selected:
    """What is selected in the scatter of this key, on the page or by `select`."""
    return st.session_state.get(_place(key), NOTHING)


def select(key: str, ids: Sequence[int] | np.ndarray, outline: Outline = ()) -> None:
    """Select points from Python; before `scatter` is drawn, or in a callback."""
    chosen = np.unique(np.asarray(ids, dtype=np.int64))
    st.session_state[_place(key)] = Selected(selection(key).revision + 1, chosen, outline)


def inside(positions: np.ndarray, outline: Outline) -> np.ndarray:
    """Which points of a map (N, 2) lie in an outline, by the even-odd rule and to the point as in the browser: (N,)."""
    x, y = _Square(positions).place(positions).T
    within = np.zeros(len(positions), dtype=bool)
    corners = [(FINE * float(a), FINE * float(b)) for a, b in outline]
    for (ax, ay), (bx, by) in zip(corners, corners[-1:] + corners[:-1], strict=True):
        if ay != by:
            within ^= ((ay > y) != (by > y)) & (x < ((bx - ax) * (y - ay)) / (by - ay) + ax)
    return within


def scatter(plot: Plot, key: str, limit: int) -> np.ndarray:
    """Draw a map; the ids of the selected points, ascending. A message with ids of `limit` or more is ignored."""
    chosen = selection(key)
    frame = _Square(plot.positions)
    _SCATTER(
        key=key,
        data={
            "xy": _packed(frame.place(plot.positions), "<u2"),
            "ids": _packed(plot.ids, "<u4"),
            "labels": _packed(plot.labels, "<u2"),
            "colors": _packed(plot.coloring.colors, "<u2"),
            "palette": list(plot.coloring.palette),
            "legend": {
                "title": plot.coloring.title,
                "entries": [list(entry) for entry in plot.coloring.entries],
                "ramp": plot.coloring.ramp and list(plot.coloring.ramp),
            },
            "sheet": plot.sheet,
            "view": plot.view,
            "title": plot.title,
            "noun": plot.noun,
            "classes": list(plot.classes),
            "one": plot.one,
            "cells": plot.cells,
            "columns": plot.columns,
            "marks": [
                {"xy": frame.place(mark.position[None])[0].tolist(), "name": mark.name, "to": list(mark.to)}
                for mark in plot.marks
            ],
            "selection": {"revision": chosen.revision, "ids": _packed(chosen.ids, "<u4")},
        },
        on_selection_change=_listener(key, limit),
    )
    return selection(key).ids


def send_sheet(name: str, address: str | None, key: str) -> None:
    """Have the browser fetch the sheet of this name, gzipped at an address; it takes no room on the page."""
    _SHEET(key=key, data={"key": name, "address": address}, on_lost_change=lambda: None)


def make_sheet(
    name: str,
    digits: Tensor,
    reconstructions: Tensor,
    codes: Tensor,
    errors: Tensor,
    tiles: Tensor,
    field: ReceptiveField,
) -> bytes:
    """What a map shows of each digit: pictures (N, C, H, W) uint8, codes (N, h, w), NMSE (N,).

    `tiles` (K, C, a, b) uint8 are the codes' own, `field` is what a cell sees, `name` the sheet's key.
    """
    across, factor = _across(tiles), _factor(digits)
    digits, reconstructions, tiles = (_smaller(one, factor) for one in (digits, reconstructions, tiles))
    parts = {
        "reconstructions": _sprites(reconstructions, _across(digits)),
        "codes": codes.flatten().numpy().astype("<u2").tobytes(),
        "errors": errors.numpy().astype("<f4").tobytes(),
        "tiles": _sprites(tiles, across),
    }
    more = {
        "grid": list(codes.shape[1:]),
        "patch": {name: [pixels / factor for pixels in both] for name, both in asdict(field).items()},
        "tile": {"columns": across, "height": tiles.shape[2], "width": tiles.shape[3]},
    }
    return _sheet(name, digits, parts, more)


def make_tile_sheet(name: str, tiles: Tensor, sizes: Tensor, said: Sequence[str]) -> bytes:
    """What a map shows of each code: its tile (K, C, a, b) uint8, how large (K,), 1 the usual, and a line of words."""
    return _sheet(name, tiles, {}, {"sizes": [round(size, 3) for size in sizes.tolist()], "said": list(said)})


def _sheet(name: str, pictures: Tensor, parts: dict[str, bytes], more: dict[str, object]) -> bytes:
    """A picture for each point, and what else is known of it."""
    _, C, H, W = pictures.shape
    columns = _across(pictures)
    parts = {"digits": _sprites(pictures, columns), **parts}
    sizes = [[part, len(content)] for part, content in parts.items()]
    header = {"key": name, "columns": columns, "channels": C, "height": H, "width": W, **more, "parts": sizes}
    encoded = json.dumps(header).encode()
    whole = len(encoded).to_bytes(4, "little") + encoded + b"".join(parts.values())
    return gzip.compress(whole, 1, mtime=0)  # pictures are compressed already


def _factor(images: Tensor) -> int:
    """How many times too large pictures (N, C, H, W) are for a thumbnail."""
    return max(1, -(-max(images.shape[2:]) // LARGEST))


def _smaller(images: Tensor, factor: int) -> Tensor:
    """Pictures (N, C, H, W) uint8 so many times smaller, by the mean of each area; at least a pixel is left."""
    if factor == 1:
        return images
    sides = (max(1, images.shape[2] // factor), max(1, images.shape[3] // factor))
    parts = [F.adaptive_avg_pool2d(part.float(), sides).round().to(torch.uint8) for part in images.split(AT_ONCE)]
    return torch.cat(parts)


def _across(images: Tensor) -> int:
    """How many pictures (N, C, H, W) stand in a row of their sheet, so that it is about square."""
    N, _, H, W = images.shape
    return max(1, round((N * H / W) ** 0.5))


class _Square:
    """Where positions lie in the square that the browser knows, their proportions kept."""

    def __init__(self, positions: np.ndarray):
        low, high = positions.min(0), positions.max(0)
        self.side = float((high - low).max()) or 1.0
        self.corner = (low + high) / 2 - self.side / 2

    def place(self, positions: np.ndarray) -> np.ndarray:
        return ((positions - self.corner) / self.side * EDGE).round().clip(0, EDGE)


def _sprites(images: Tensor, columns: int) -> bytes:
    """One picture of all: exact in shades of grey and where it is small; else nearly, and in a tenth of the bytes."""
    sheet = pictures.montage(images, columns).permute(1, 2, 0).contiguous().numpy()
    content = io.BytesIO()
    picture = Image.fromarray(sheet[:, :, 0] if sheet.shape[2] == 1 else np.ascontiguousarray(sheet[:, :, :3]))
    if picture.mode == "L" or picture.width * picture.height < EXACT:
        picture.save(content, "PNG", compress_level=6)
    else:
        picture.save(content, "JPEG", quality=85, subsampling=0)
    return content.getvalue()


def _packed(numbers: np.ndarray, kind: str) -> str:
    return base64.b64encode(np.asarray(numbers).astype(kind).tobytes()).decode()


def _listener(key: str, limit: int) -> Callable[[], None]:
    """A callback that takes over what the browser says is selected, if it can be."""

    def listen() -> None:
        message = st.session_state.get(key, {}).get("selection")
        ids = _heard(message, selection(key).revision, limit)
        if ids is not None:
            st.session_state[_place(key)] = Selected(selection(key).revision, ids, read_outline(message.get("outline")))

    return listen


def _heard(message: object, revision: int, limit: int) -> np.ndarray | None:
    """The ids of a message from the browser; None for one that says nothing sensible, or too late."""
    if not isinstance(message, dict) or message.get("revision") != revision:
        return None
    ids = message.get("ids")
    if not isinstance(ids, list) or len(ids) > limit or not all(type(one) is int and 0 <= one < limit for one in ids):
        return None
    return np.unique(np.array(ids, dtype=np.int64))


def read_outline(said: object) -> Outline:
    """The corners that a browser or an address names; none where they are not those of an outline."""
    if not isinstance(said, list) or not 3 <= len(said) <= CORNERS:
        return ()
    if not all(isinstance(one, list) and len(one) == 2 for one in said):
        return ()
    if not all(type(number) is int and -SIDE <= number <= 2 * SIDE for one in said for number in one):
        return ()
    return tuple((x, y) for x, y in said)


def _place(key: str) -> str:
    return f"{key}.selected"


_SCATTER = component(
    "vqvae_scatter",
    html=(FOLDER / "scatter.html").read_text(),
    css=(FOLDER / "scatter.css").read_text(),
    js=module(FOLDER / "scatter.js"),
)
_SHEET = component("vqvae_sheet", html="<span hidden></span>", js=module(FOLDER / "sheet.js"))
