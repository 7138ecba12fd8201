"""The codebook as a map."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from pages.ui.charts.classes import most_in
from pages.ui.charts.colors import CLASS_COLORS
from pages.ui.charts.style import LEGEND


def map_of_codes(positions: np.ndarray, by_class: Tensor, picked: Sequence[int]) -> go.Figure:
    """The codebook's vectors as points (K, 2): size by usage, colour by the class that uses most, dead ones hollow.

    Usage are counts (10, K). Its one clickable trace has [code] as `customdata`; `picked` codes are drawn selected.
    """
    total = by_class.sum(0)  # (K,)
    dead = (total == 0).tolist()
    leading = by_class.argmax(0).tolist()
    share = total.double() / total.max().clamp_min(1)
    quiet = "rgba(128, 140, 145, 0.9)"
    colors = [quiet if none else CLASS_COLORS[label] for none, label in zip(dead, leading, strict=True)]
    figure = go.Figure(
        go.Scatter(
            x=positions[:, 0].tolist(),
            y=positions[:, 1].tolist(),
            mode="markers",
            marker={
                "size": (9 + 21 * share.sqrt()).tolist(),
                "color": colors,
                "symbol": ["circle-open" if none else "circle" for none in dead],
                "line": {"width": [2 if none else 0 for none in dead]},
                "opacity": 0.92,
            },
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 0.3}},
            selectedpoints=list(picked) or None,
            customdata=[[code] for code in range(len(total))],
            hovertext=[_say_code(code, by_class) for code in range(len(total))],
            hoverinfo="text",
            showlegend=False,
        )
    )
    for label, color in enumerate(CLASS_COLORS):
        figure.add_scatter(x=[None], y=[None], mode="markers", marker={"color": color, "size": 11}, name=str(label))
    if any(dead):
        hollow = {"color": quiet, "size": 11, "symbol": "circle-open", "line": {"width": 2}}
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=hollow, name="dead")
    axes = {"showgrid": False, "zeroline": False, "showticklabels": False, "title": None}
    figure.update_xaxes(**axes)
    figure.update_yaxes(**axes, scaleanchor="x")
    below = {"y": 0, "yanchor": "top", "title": {"text": "most used by", "side": "left"}, "itemsizing": "constant"}
    figure.update_layout(
        height=600,
        margin={"l": 8, "r": 8, "t": 36, "b": 60},
        dragmode="pan",  # with a lasso in hand, Streamlit hears of no click; it stands ready in the toolbar
        hoverlabel={"align": "left"},
        legend=LEGEND | below,
    )
    return figure


def _say_code(code: int, by_class: Tensor) -> str:
    counts = by_class[:, code]
    uses = int(counts.sum())
    if not uses:
        return f"<b>code {code}</b><br>dead: no cell takes it"
    share = uses / max(1, int(by_class.sum()))
    return f"<b>code {code}</b><br>{uses:,} cells, {share:.2%} of all<br>{most_in(counts)}"
