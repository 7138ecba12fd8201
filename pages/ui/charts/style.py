"""What all figures share. Text, grid and background colours come from the page’s theme."""

import math
from typing import Any

import plotly.graph_objects as go
from torch import Tensor

ACCENT = "#1f8f9b"  # where colour means nothing: at least 3 : 1 on both themes' backgrounds
OTHER = "#c2571a"  # beside it
HEIGHT = 340  # pixels of a figure over all codes
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "itemclick": False, "itemdoubleclick": False}


class Unchanging(go.Figure):
    """A figure that nobody changes any more, so that what a page sends of it is written out once for all visitors."""

    def __init__(self, figure: go.Figure) -> None:
        super().__init__(figure)
        self._written = super().to_dict()

    def to_dict(self) -> dict[str, Any]:
        return {**self._written}  # who copies a figure adds to what it gets


def finished(figure: go.Figure, height: int, **layout: object) -> go.Figure:
    """The margins and manners that all figures share."""
    constrain = layout.pop("constrain", None)
    if constrain:
        figure.update_xaxes(constrain=constrain)
        figure.update_yaxes(constrain=constrain)
    figure.update_xaxes(fixedrange=True)
    figure.update_yaxes(fixedrange=True)
    figure.update_layout(
        height=height, margin={"l": 8, "r": 8, "t": 8, "b": 8}, dragmode=False, hoverlabel={"align": "left"}, **layout
    )
    return figure


def listed(values: Tensor) -> list[list[float | None]]:
    """Values for JSON, which has no NaN."""
    return [[None if math.isnan(value) else round(value, 4) for value in row] for row in values.tolist()]
