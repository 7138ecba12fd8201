"""The digit that pages speak of: by its number in the address, one of the images that the model is looked at with.

Another model may have other images, and fewer: a page that shows the digit calls `check_digit` before it does.
"""

from dataclasses import replace

import streamlit as st

from pages.ui import resources
from pages.ui.shell.canvas_state import held_before, hold
from pages.ui.shell.url_state import Field, PageState, whole
from vqvae.data import EMBEDDED, EXAMPLE, DataError, Digits


def _number(text: str) -> int:
    try:
        last = len(resources.digits()) - 1
    except DataError:
        raise ValueError("the number of an embedded digit, and those cannot be read") from None
    return whole(0, last)(text)


def _first() -> int:
    """What a first visitor meets."""
    try:
        return EXAMPLE if resources.digits().dataset == EMBEDDED else 0
    except DataError:
        return EXAMPLE


DIGIT = Field("digit", _number, _first, shared=True)


def check_digit(state: PageState, digits: Digits) -> None:
    """Let go of a number that these images do not have, and say so; what was drawn stays on the canvas."""
    number = state["digit"]
    if number < len(digits):
        return
    state.warn(f"There is no {digits.one} {number:,} here: the {digits.many} are numbered 0 to {len(digits) - 1:,}.")
    state["digit"] = DIGIT.usual
    canvas = held_before()
    if canvas is not None and canvas.source.digit == number:
        hold(replace(canvas, source=canvas.source._replace(digit=DIGIT.usual)))


def digit_of(digits: Digits) -> int:
    """The number picked last, where these images have it, else what a first visitor meets."""
    number = st.session_state.get(DIGIT.name, DIGIT.usual)
    return number if number < len(digits) else DIGIT.usual
