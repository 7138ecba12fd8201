"""Bars of codes in clickable columns: whole columns, so that an empty bar can be hit, and a bar of many parts."""

from collections.abc import Sequence

import plotly.graph_objects as go

from pages.ui.charts.style import ACCENT

MOST = 256  # bars in one figure
PICKED = "rgba(128, 140, 145, 0.5)"
CLEAR = "rgba(0, 0, 0, 0)"


def add_bars(figure: go.Figure, places: Sequence[float], base: float, heights: Sequence[float], width: float) -> None:
    """Lay a figure's bars themselves, all of one colour; what a pointer meets over them are columns."""
    figure.add_bar(
        x=places,
        base=base,
        y=heights,
        width=width,
        marker={"color": ACCENT, "line": {"width": 0}},
        showlegend=False,
        hoverinfo="skip",
    )


def add_columns(
    figure: go.Figure,
    places: Sequence[float],
    floor: float,
    top: float,
    width: float,
    *,
    codes: Sequence[int],
    selected: Sequence[int],
    said: Sequence[str],
) -> None:
    """Lay what a pointer meets over a figure of bars, a column from floor to top at each place.

    A click selects a point of this trace, whose `customdata` is [code]; the columns `selected` are drawn so until then.
    """
    figure.add_bar(
        x=places,
        base=floor,
        y=[top - floor] * len(places),
        width=width,
        marker={"color": CLEAR, "line": {"width": 0}},
        selected={"marker": {"color": PICKED}},
        unselected={"marker": {"color": CLEAR}},
        selectedpoints=list(selected),
        customdata=[[code] for code in codes],
        hovertext=list(said),
        hoverinfo="text",
        showlegend=False,
    )
    figure.update_traces(unselected_marker_opacity=1, selector={"hoverinfo": "skip"})
