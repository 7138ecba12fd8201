"""The gallery: tiles of a codebook as buttons, one Streamlit component (Components v2). A click picks a code."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import streamlit as st
import torch
from streamlit.components.v2 import component
from torch import Tensor

from pages.ui.charts import pictures
from pages.ui.components.shared import module

FOLDER = Path(__file__).parent
COLUMNS = 32  # of the sheet of tiles that travels as one picture


class Notes(NamedTuple):
    """A figure below each tile, in a single row of so many places."""

    meaning: str  # such as "squared distance", said on hover and to screen readers
    figures: Sequence[str]  # one for each code shown
    places: int  # that keep their room where fewer codes are shown


def gallery(
    tiles: Tensor,
    order: Sequence[int],
    totals: Sequence[int],
    picked: int | None,
    key: str,
    on_pick: Callable[[int], None],
    title: str = "All codes",
    notes: Notes | None = None,
) -> None:
    """Draw the tiles of some codes, out of (K, C, a, b) in [0, 1], each with its index; those without a use as dead.

    `totals` are the uses of each code, (K,). `on_pick` is a callback, given a code in [0, K).
    """

    def hear() -> None:
        code = st.session_state[key].get("code")
        if type(code) is int and 0 <= code < len(tiles):  # a browser may send anything
            on_pick(code)

    _component(
        key=key,
        data={
            "sheet": pictures.data_uri(
                (sheet(tiles[torch.tensor(order, dtype=torch.int64)]) * 255).round().to(torch.uint8)
            ),
            "columns": min(COLUMNS, max(1, len(order))),
            "height": tiles.shape[2],
            "width": tiles.shape[3],
            "order": list(order),
            "totals": [totals[code] for code in order],
            "picked": picked,
            "title": title,
            "notes": notes and {"meaning": notes.meaning, "figures": list(notes.figures), "places": notes.places},
        },
        on_code_change=hear,
    )


def sheet(tiles: Tensor) -> Tensor:
    """Tiles (M, C, h, w) side by side, at most COLUMNS a row, as one picture: (C, rows h, columns w)."""
    return pictures.montage(tiles, min(COLUMNS, max(1, len(tiles))))


_component = component(
    "vqvae_gallery",
    html='<div class="gallery" role="group"></div>',
    css=(FOLDER / "gallery.css").read_text(),
    js=module(FOLDER / "gallery.js"),
)
