"""Classes of digits, each in its colour: how much they use a code, and what a selection is made of."""

import plotly.graph_objects as go
from torch import Tensor

from pages.ui.charts.colors import CLASS_COLORS
from pages.ui.charts.style import finished


def class_usage(per_image: Tensor) -> go.Figure:
    """How often an image of each class uses a code: means (10,)."""
    figure = go.Figure(
        go.Bar(
            x=[str(label) for label in range(len(per_image))],
            y=per_image.tolist(),
            marker={"color": CLASS_COLORS, "line": {"width": 0}},
            hovertemplate="digit %{x}: used %{y:.2f} times per digit<extra></extra>",
        )
    )
    figure.update_xaxes(title="digit", type="category")
    figure.update_yaxes(title="uses per digit", rangemode="tozero", tickformat="~g", nticks=5)
    if not per_image.any():
        figure.update_yaxes(range=[0, 1])
    return finished(figure, 220, bargap=0.15)


def class_mix(selected: Tensor, all_of_them: Tensor) -> go.Figure:
    """The shares of the classes among those selected, from counts (10,); a tick marks each class's share of all."""
    labels = [str(label) for label in range(len(selected))]
    share = selected / selected.sum().clamp_min(1)
    usual = all_of_them / all_of_them.sum().clamp_min(1)
    figure = go.Figure(
        go.Bar(
            x=labels,
            y=share.tolist(),
            marker={"color": CLASS_COLORS, "line": {"width": 0}},
            customdata=[[count] for count in selected.tolist()],
            hovertemplate="digit %{x}: %{customdata[0]:,}, %{y:.1%}<extra></extra>",
            showlegend=False,
        )
    )
    figure.add_scatter(
        x=labels,
        y=usual.tolist(),
        mode="markers",
        marker={"symbol": "line-ew-open", "size": 12, "color": "rgba(128, 140, 145, 0.95)", "line": {"width": 2}},
        hovertemplate="digit %{x}: %{y:.1%} of all<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(range=[0, max(0.2, 1.08 * float(share.max()))], tickformat=".0%", nticks=4, zeroline=False)
    return finished(figure, 170, bargap=0.15)


def most_in(counts: Tensor) -> str:
    """Such as "most in digits 3 (40%), 5 (12%)", of counts (10,) that are not all zero."""
    most = [label for label in counts.argsort(descending=True).tolist()[:3] if counts[label]]
    return "most in digits " + ", ".join(f"{label} ({int(counts[label]) / int(counts.sum()):.0%})" for label in most)
