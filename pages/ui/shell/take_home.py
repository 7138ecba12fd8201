"""The page to take home, offered beside the link: the model and the drawing of the moment in one HTML file."""

from typing import NamedTuple

import streamlit as st
import torch

from pages.ui import resources
from pages.ui.shell.canvas_state import held_before
from pages.ui.shell.digit_field import digit_of
from vqvae.checkpoint import Checkpoint
from vqvae.data import DataError, Digits
from vqvae.prior_file import TrainedPrior


class Taken(NamedTuple):
    """What is taken home."""

    title: str  # of the model
    checkpoint: Checkpoint
    trained: TrainedPrior | None


def offer(taken: Taken) -> None:
    """Draw the button, and what it gives; or why this model has none."""
    from pages.ui.takeaway import Start, page, parts_of  # it brings every component: nobody waits for that before

    if problem := resources.not_in_browser(taken.checkpoint):
        st.caption(f"There is no page to take home with this model. {problem}")
        return
    try:
        digits = resources.digits(taken.checkpoint)
    except DataError as error:
        st.caption(f"There is no page to take home: it begins with digits. {error}")
        return
    start = Start(*_drawn(taken.checkpoint, digits))
    st.download_button(
        "Take it home",
        lambda: page(taken.title, parts_of(*taken, digits, start)).encode(),  # once it is asked for
        "vqvae.html",
        "text/html",
        on_click="ignore",  # the dialog stays open
        icon=":material/download:",
        key="share.take",
    )
    views = "Home, Draw and Generate" if taken.trained else "Home and Draw"
    what = "the chosen digit" if start.example else "your drawing"
    st.caption(
        f"One HTML file with this model and {what}: {views}, as far as they need no server, in any browser. `?embed=1` "
        "at the end of its address shows the canvas alone, for a frame in a blog or on a slide."
    )


def _drawn(checkpoint: Checkpoint, digits: Digits) -> tuple[torch.Tensor, torch.Tensor | None, bool]:
    """What is on the canvas: pixels, edits of this model's codes, and whether it is nobody's drawing."""
    canvas = held_before()
    if canvas is None:
        return digits.pixels[digit_of(digits)], None, True
    pixels, edits, fingerprint = canvas.source.pixels, canvas.edits, canvas.fingerprint
    example = pixels is None
    if pixels is None:
        pixels = digits.pixels[digit_of(digits)]
    if now := canvas.spoken:
        example = example and torch.equal(now.drawing.pixels, pixels)
        pixels, edits, fingerprint = now.drawing.pixels, now.drawing.edits, now.fingerprint
    return pixels, edits if fingerprint == checkpoint.fingerprint else None, example
