"""From other pages onto Draw's canvas: a picture that has no number there."""

from dataclasses import replace

import streamlit as st
from torch import Tensor

from pages.ui.shell.canvas_state import Source, first_canvas, held_before, hold
from pages.ui.shell.digit_field import DIGIT
from vqvae.checkpoint import Checkpoint


def open_in_draw(checkpoint: Checkpoint, name: str, pixels: Tensor, edits: Tensor | None = None) -> None:
    """Put a picture (C, H, W) uint8 on the canvas, with edited codes (h, w) int64 in [-1, K), and go to Draw."""
    canvas = held_before() or first_canvas(checkpoint.fingerprint)
    digit = st.session_state.get(DIGIT.name, DIGIT.usual)  # the one that Draw has picked: a later pick replaces ours
    canvas = canvas.put(Source(digit, name, pixels))
    hold(replace(canvas, edits=edits, fingerprint=checkpoint.fingerprint))
    for brought in ("drawing", "edits"):  # by a link to Draw, whose time is over
        st.session_state[f"draw.{brought}"] = None
    st.switch_page("pages/draw.py")
