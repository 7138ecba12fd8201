"""Classes of digits, each in its colour: how much they use a code, and what a selection is made of."""

from collections.abc import Sequence

import plotly.graph_objects as go
from torch import Tensor

from pages.ui.charts.colors import class_colors
from pages.ui.charts.style import finished


def class_usage(per_image: Tensor, classes: Sequence[str], noun: str) -> go.Figure:
    """How often an image of each class uses a code: means (classes,), such a noun for an image."""
    figure = go.Figure(
        go.Bar(
            x=list(classes),
            y=per_image.tolist(),
            marker={"color": class_colors(len(classes)), "line": {"width": 0}},
            hovertemplate=f"{noun} %{{x}}: used %{{y:.2f}} times per {noun}<extra></extra>",
        )
    )
    figure.update_xaxes(title=axis_of(noun), type="category")
    figure.update_yaxes(title=f"uses per {noun}", rangemode="tozero", tickformat="~g", nticks=5)
    if not per_image.any():
        figure.update_yaxes(range=[0, 1])
    return finished(figure, 220, bargap=0.15)


def class_mix(selected: Tensor, all_of_them: Tensor, classes: Sequence[str], noun: str) -> go.Figure:
    """The classes' shares among those selected, from counts (classes,); a tick marks each class's share of all."""
    labels = list(classes)
    share = selected / selected.sum().clamp_min(1)
    usual = all_of_them / all_of_them.sum().clamp_min(1)
    figure = go.Figure(
        go.Bar(
            x=labels,
            y=share.tolist(),
            marker={"color": class_colors(len(classes)), "line": {"width": 0}},
            customdata=[[count] for count in selected.tolist()],
            hovertemplate=f"{noun} %{{x}}: %{{customdata[0]:,}}, %{{y:.1%}}<extra></extra>",
            showlegend=False,
        )
    )
    figure.add_scatter(
        x=labels,
        y=usual.tolist(),
        mode="markers",
        marker={"symbol": "line-ew-open", "size": 12, "color": "rgba(128, 140, 145, 0.95)", "line": {"width": 2}},
        hovertemplate=f"{noun} %{{x}}: %{{y:.1%}} of all<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(range=[0, max(0.2, 1.08 * float(share.max()))], tickformat=".0%", nticks=4, zeroline=False)
    return finished(figure, 170, bargap=0.15)


def most_in(counts: Tensor, classes: Sequence[str], noun: str) -> str:
    """Such as "most in digits 3 (40%), 5 (12%)", of counts (classes,) that are not all zero; "" for one class."""
    if len(classes) < 2:
        return ""
    most = [label for label in counts.argsort(descending=True).tolist()[:3] if counts[label]]
    shares = ", ".join(f"{classes[label]} ({int(counts[label]) / int(counts.sum()):.0%})" for label in most)
    return f"most in {axis_of(noun)}{'s' if noun == 'digit' else ''} {shares}"


def axis_of(noun: str) -> str:
    """What an axis of classes is called: a digit is its own class."""
    return noun if noun == "digit" else "class"
