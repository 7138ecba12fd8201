"""Between two digits: the pickers of the two ends, and the interpolation between them."""

import streamlit as st

from pages.ui.components.canvas import CanvasError
from pages.ui.components.interpolation import End, interpolation
from pages.ui.shell.canvas_state import drawn
from pages.ui.shell.choices import number_field
from pages.ui.shell.url_state import PageState
from pages.ui.shell.words import called
from vqvae.checkpoint import Checkpoint
from vqvae.data import Digits


def switch(state: PageState, digits: Digits) -> None:
    """Whether the section is there: in the address, so that a reload keeps it."""
    st.toggle(f"Between two {digits.many}", key=state.key("between"), persist_state="session")


@st.fragment
def section(checkpoint: Checkpoint, digits: Digits, digit: int) -> None:
    """Draw the section; it begins at an embedded digit, given by its number."""
    with st.container(border=True, key="draw-between"):
        columns = st.columns(2)
        ends = []
        for column, side, start in zip(columns, "AB", (digit, (digit + len(digits) // 2) % len(digits)), strict=True):
            with column:
                ends.append(_end(side, start, digits))
        try:
            interpolation(checkpoint, *ends, key="draw.interpolation")
        except CanvasError as error:
            st.error(f"{error} Pick another model in the sidebar.")


def _end(side: str, start: int, digits: Digits) -> End:
    """The pickers of one end, and what was picked: an embedded digit, or what was on the canvas when it was taken."""
    key, taken, last = (f"draw.interpolation.{what}{side}" for what in ("", "taken.", "last."))
    st.session_state.setdefault(key, start)

    def take_canvas() -> None:
        if (pixels := drawn()) is not None:
            st.session_state[taken] = pixels  # it stays when the drawing goes on

    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        with st.container(width=190):
            number = number_field(
                f"{side}: {digits.one} (0 to {len(digits) - 1:,})",
                0,
                len(digits) - 1,
                key,
                on_change=lambda: st.session_state.pop(taken, None),
                help=f"One of the {digits.described}.",
            )
        st.button(f"Use the canvas as {side}", key=f"draw.interpolation.take.{side}", on_click=take_canvas)
    if taken in st.session_state:
        return End("from the canvas", st.session_state[taken])
    if number is None:  # the field holds one that none of these images has, nor need they have the last one
        shown = st.session_state.get(last, start)
        number = shown if shown < len(digits) else start
    st.session_state[last] = number = int(number)
    return End(called(digits, number), digits.pixels[number])
