"""A value for each position of the grid of cells."""

import math

import plotly.graph_objects as go
import torch
from torch import Tensor

from pages.ui.charts.style import HEIGHT, finished, listed


def position_usage(share: Tensor, noun: str) -> go.Figure:
    """The share of images, such a noun, that use a code at each position of the grid, in [0, 1]: (h, w)."""
    ceiling = float(share.max()) or 1.0
    return _on_the_grid(
        share,
        ceiling,
        {"tickformat": ".0%" if ceiling >= 0.05 else ".2~%"},
        f"row %{{y}}, column %{{x}}: %{{z:.2%}} of the {noun}s<extra></extra>",
        290,
    )


def position_entropy(bits: Tensor, counts: Tensor, num_embeddings: int) -> go.Figure:
    """The entropy of the codes at each position of the grid, from 0 to log2 K bits: (h, w), and cells counted there."""
    figure = _on_the_grid(
        bits.where(counts > 0, torch.nan),
        math.log2(num_embeddings) or 1.0,
        {"title": {"text": "bits", "side": "top"}},
        "row %{y}, column %{x}: %{z:.2f} bits, %{text} cells<extra></extra>",
        HEIGHT,
    )
    return figure.update_traces(text=[[f"{count:,}" for count in row] for row in counts.tolist()])


def _on_the_grid(values: Tensor, ceiling: float, colorbar: dict[str, object], hover: str, height: int) -> go.Figure:
    """A value for each position of the grid, from 0 to a ceiling: (h, w), NaN where there is none."""
    h, w = values.shape
    figure = go.Figure(
        go.Heatmap(
            z=listed(values),
            x=list(range(1, w + 1)),
            y=list(range(1, h + 1)),
            zmin=0,
            zmax=ceiling,
            colorscale=[[0, "rgba(31, 143, 155, 0.07)"], [1, "rgba(31, 143, 155, 1)"]],
            colorbar={"thickness": 8, "len": 1, "nticks": 4, **colorbar},
            xgap=2,
            ygap=2,
            hovertemplate=hover,
        )
    )
    figure.update_xaxes(title="column", showgrid=False, zeroline=False, dtick=_step(w), tick0=1)
    figure.update_yaxes(
        title="row", autorange="reversed", showgrid=False, zeroline=False, dtick=_step(h), tick0=1, scaleanchor="x"
    )
    return finished(figure, height, constrain="domain")


def _step(cells: int) -> int:
    """How many cells from one label to the next, so that at most about eight fit."""
    return -(-cells // 8)
