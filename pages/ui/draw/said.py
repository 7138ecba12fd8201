"""What the picture on the canvas is, in one line."""

import streamlit as st
import torch
from torch import Tensor

from pages.ui.components.canvas import Drawing
from pages.ui.shell.canvas_state import Source
from pages.ui.shell.words import called
from vqvae.data import Digits


def say_what_it_is(digits: Digits, source: Source, put: Tensor | None, drawing: Drawing | None) -> None:
    """Say it; `put` is what was put there, (C, H, W) uint8 or nothing, before anything was drawn over it."""
    name = source.name or f"{called(digits, source.digit or 0)}, one of the {digits.described}"
    if drawing is None or (put is not None and torch.equal(drawing.pixels, put)):
        st.caption(f"On the canvas: {name}.")
    elif drawing.pixels.any():
        st.caption("On the canvas: your own drawing.")
    else:
        st.caption("On the canvas: nothing. The model encodes that as well.")
