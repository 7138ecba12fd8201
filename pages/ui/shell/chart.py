"""A plotly figure on a page, in a place of the figure's own height."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from streamlit.elements.plotly_chart import PlotlyState


def chart(figure: go.Figure, name: str, **settings: Any) -> PlotlyState:
    """Draw a figure as `st.plotly_chart` does with these settings; `name` is its place's, such as "map-classes"."""
    with place(name, figure.layout.height):
        return st.plotly_chart(figure, **settings)


@contextmanager
def place(name: str, height: int) -> Iterator[None]:
    """The place of a chart of this height, also while there is none.

    A chart drawn anew stands a moment above its old self: no more than one has room, so that nothing below it moves.
    """
    with st.container(key=f"chart-{name}", height=height, border=False):
        yield
