"""Which code is picked, and a figure that shows it and can be clicked without changing under the click.

Plotly drops its selection whenever its figure changes. So a figure is drawn with the code that was picked elsewhere
(by number, from a list, in the address) as selected; a click in it then moves plotly's own selection, and the figure
stays as it was until something else changes.

The code itself has one home, the session's `code`, which is the address's as well. What else holds a code does so
because a widget or a figure has a value of its own: plotly's selection here, the list of dead codes (emptied once it
was heard), the pills of codes that tell a selection from the rest, and what a map has shown last, so that it moves only
for another one.
"""

from collections.abc import Hashable
from typing import NamedTuple

import streamlit as st


class _Drawn(NamedTuple):
    settings: Hashable  # what the figure shows
    picked: int | None  # drawn into it as selected
    clicked: int | None  # selected in it since, by a click
    serial: int


class Picking:
    """A clickable figure of codes: give it `key` and `on_select`, and draw it with `picked` as selected."""

    def __init__(self, name: str, code_key: str, settings: Hashable):
        """`name` is the page's own for the figure, `code_key` the session's key of the picked code."""
        self._place, self._code_key = f"{name}.drawn", code_key
        code = st.session_state[code_key]
        drawn = st.session_state.get(self._place)
        if (
            drawn is None
            or drawn.settings != settings
            or code != (drawn.picked if drawn.clicked is None else drawn.clicked)
        ):
            drawn = _Drawn(settings, code, None, drawn.serial + 1 if drawn else 0)
            st.session_state[self._place] = drawn
        self.key = name
        self.picked = drawn.picked
        self.serial = drawn.serial

    def on_select(self) -> None:
        """Take the code of the clicked point, `customdata[0]`; a callback."""
        points = st.session_state[self.key].selection.points
        drawn = st.session_state[self._place]
        if points:
            code = int(points[0]["customdata"][0])
            st.session_state[self._code_key] = code
            st.session_state[self._place] = drawn._replace(clicked=code)
        elif drawn.clicked is not None:  # plotly shows nothing as selected now: draw it again
            st.session_state[self._place] = drawn._replace(settings=None)
