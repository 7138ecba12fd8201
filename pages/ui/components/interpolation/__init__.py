"""Between two digits: a walk through the latent space in the browser, one Streamlit component (Components v2).

z_t = (1 - t) z_A + t z_B, decoded as it is, and beside it with every vector swapped for its nearest code.
"""

from pathlib import Path
from typing import NamedTuple

import streamlit as st
import torch
from torch import Tensor

from pages.ui.components.canvas import WorkbenchError, describe
from pages.ui.components.shared import module
from vqvae.checkpoint import Checkpoint
from vqvae.data import EMBEDDED, Digits, fitted

FOLDER = Path(__file__).parent


class End(NamedTuple):
    """One of the two ends of a walk."""

    name: str
    pixels: Tensor  # (C, H, W) uint8


@st.fragment
def between_section(checkpoint: Checkpoint, digits: Digits, digit: int) -> None:
    """Draw the section, closed at first; the walk begins at an embedded digit, given by its number."""
    section = st.expander("Between two digits", icon=":material/linear_scale:", key="draw.between", on_change="rerun")
    if not section.open:
        return
    with section:
        columns = st.columns(2)
        ends = []
        for column, side, start in zip(columns, "AB", (digit, (digit + len(digits) // 2) % len(digits)), strict=True):
            with column:
                ends.append(_end(side, start, digits))
        try:
            walk(checkpoint, *ends, key="draw.way")
        except WorkbenchError as error:
            st.error(f"{error} Pick another model in the sidebar.")


def _end(side: str, start: int, digits: Digits) -> End:
    """The pickers of one end, and what was picked: an embedded digit, or what was on the canvas when it was taken."""
    key, own = f"draw.way.{side}", f"draw.way.own.{side}"
    st.session_state.setdefault(key, start)

    def take_canvas() -> None:
        if "drawing" in st.session_state:
            st.session_state[own] = st.session_state["drawing"]

    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        number = st.number_input(
            f"{side}: digit (0 to {len(digits) - 1:,})",
            0,
            len(digits) - 1,
            key=key,
            persist_state="session",
            width=150,
            on_change=lambda: st.session_state.pop(own, None),
            help=f"One of the {digits.described}.",
        )
        st.button(f"Take the canvas as {side}", key=f"draw.way.take.{side}", on_click=take_canvas)
    if own in st.session_state:
        return End("from the canvas", st.session_state[own])
    return End(f"digit {number:,}, a {int(digits.labels[number])}", digits.pixels[number])


def walk(checkpoint: Checkpoint, a: End, b: End, key: str) -> None:
    """Draw the component. Raises WorkbenchError for a model that cannot run in the browser."""
    ends = [{"name": end.name, "pixels": _channels_last(checkpoint, end.pixels)} for end in (a, b)]
    _component(key=key, data={"model": describe(checkpoint), "ends": ends})


def _channels_last(checkpoint: Checkpoint, pixels: Tensor) -> list[int]:
    """A picture in the model's size, as the browser reads it."""
    one = Digits(pixels.unsqueeze(0), torch.zeros(1, dtype=torch.int64), EMBEDDED, "all")
    return fitted(one, checkpoint.model.config).pixels[0].permute(1, 2, 0).flatten().tolist()


_component = st.components.v2.component(
    "vqvae_between",
    html=(FOLDER / "interpolation.html").read_text(),
    css=(FOLDER / "interpolation.css").read_text(),
    js=module(FOLDER / "interpolation.js"),
)
