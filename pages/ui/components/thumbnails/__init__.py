"""Thumbnails: many images as one picture, each a button: a Streamlit component (Components v2)."""

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st
import torch
from streamlit.components.v2 import component
from torch import Tensor

from pages.ui.charts import pictures

FOLDER = Path(__file__).parent


def sheet(layers: Sequence[Tensor], columns: int) -> str:
    """Stacks of layers (M, C, H, W) uint8, so many a row, as a picture's address."""
    return pictures.data_uri(pictures.montage(torch.cat(tuple(layers), 2), columns))


def thumbnails(
    sheet: str, numbers: Sequence[int], columns: int, title: str, one: str, key: str, on_pick: Callable[[int], None]
) -> None:
    """Draw a sheet, each stack with its number; `one` is what an image is called, such as "digit".

    `on_pick` is a callback, given one of the numbers.
    """

    def hear() -> None:
        number = st.session_state[key].get("number")
        if type(number) is int and number in numbers:  # a browser may send anything
            on_pick(number)

    _component(
        key=key,
        data={
            "sheet": sheet,
            "numbers": list(numbers),
            "columns": columns,
            "title": title,
            "one": one,
        },
        on_number_change=hear,
    )


_component = component(
    "vqvae_thumbnails",
    html='<div class="thumbnails"><img><div class="buttons" role="group"></div></div>',
    css=(FOLDER / "thumbnails.css").read_text(),
    js=(FOLDER / "thumbnails.js").read_text(),
)
