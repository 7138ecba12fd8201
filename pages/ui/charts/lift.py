"""How many times as often as by chance: codes in classes of digits, and codes beside codes."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go
from torch import Tensor

from pages.ui.charts.classes import axis_of
from pages.ui.charts.columns import MOST
from pages.ui.charts.style import HEIGHT, finished, listed

FEWER_MORE = [[0, "rgba(194, 87, 26, 1)"], [0.5, "rgba(128, 140, 145, 0.08)"], [1, "rgba(31, 143, 155, 1)"]]
MOST_LIFT = 8  # where colours end, and at its inverse


def lift_of_classes(
    lift: Tensor, by_class: Tensor, order: Tensor, picked: int | None, classes: Sequence[str], noun: str
) -> go.Figure:
    """How many times as often as overall each class uses each code: lift and counts (classes, K), codes in an order.

    Of more than 256 codes, the first 256 in that order.
    """
    codes = order[:MOST]
    figure = _matrix(
        lift[:, codes],
        by_class[:, codes],
        classes,
        codes.tolist(),
        f"code %{{x}} in {noun}s %{{y}}: %{{text}} cells,<br>%{{customdata}} times as often as in all {noun}s"
        "<extra></extra>",
        HEIGHT,
    )
    figure.update_yaxes(title=axis_of(noun), dtick=1 if len(classes) <= 16 else None)
    return _frame(figure, codes, picked, range(len(lift)))


def lift_of_neighbours(lift: Tensor, counts: Tensor, codes: Tensor, picked: int | None) -> go.Figure:
    """How many times as often as by chance two codes (M,) stand side by side: lift and counts (M, M)."""
    names = codes.tolist()
    figure = _matrix(
        lift,
        counts,
        [str(code) for code in names],
        names,
        "code %{x} beside code %{y}: %{text} times,<br>%{customdata} times as often as by chance<extra></extra>",
        560,
    )
    figure.update_yaxes(title="code")
    return _frame(figure, codes, picked, range(len(names)))


def _matrix(
    lift: Tensor, counts: Tensor, rows: Sequence[str], codes: Sequence[int], hover: str, height: int
) -> go.Figure:
    logs = lift.clamp(1 / MOST_LIFT, MOST_LIFT).log2()  # NaN stays NaN: a gap
    steps = int(math.log2(MOST_LIFT))
    figure = go.Figure(
        go.Heatmap(
            z=listed(logs),
            x=[str(code) for code in codes],
            y=list(rows),
            customdata=[[f"{value:.2g}" for value in row] for row in lift.tolist()],
            text=[[f"{count:,}" for count in row] for row in counts.tolist()],
            zmin=-steps,
            zmax=steps,
            colorscale=FEWER_MORE,
            colorbar={
                "thickness": 8,
                "len": 1,
                "title": {"text": "lift", "side": "top"},
                "tickvals": list(range(-steps, steps + 1)),
                "ticktext": [f"1/{2**-step}" if step < 0 else str(2**step) for step in range(-steps, steps + 1)],
            },
            hovertemplate=hover,
        )
    )
    figure.update_xaxes(title="code", type="category", showgrid=False, zeroline=False, nticks=16, tickangle=0)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False, zeroline=False, nticks=16)
    return finished(figure, height)


def _frame(figure: go.Figure, codes: Tensor, picked: int | None, rows: range) -> go.Figure:
    """Mark the column of a code, where it is shown."""
    for at in (codes == picked).nonzero().flatten().tolist() if picked is not None else ():
        edges = {"x0": at - 0.5, "x1": at + 0.5, "y0": -0.5, "y1": len(rows) - 0.5}
        figure.add_shape(type="rect", **edges, line={"color": "rgba(128, 140, 145, 1)", "width": 1.5})
    return figure
