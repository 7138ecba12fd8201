"""A run's figures: its history and recording in, plotly figures out; no Streamlit here."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from vqvae.comparison import Comparison
from vqvae.recording import Moment

POINTS = 300  # of a curve: more cannot be told apart
PATHS = 30  # frames along a code's path, fewer for a large codebook
CORNERS = 6_000  # of all paths together
CURVES = ("#1f8f9b", "#c2571a", "#7a6fd0", "#6a8f2f")  # 3 : 1 at least on both themes' backgrounds
QUIET = "rgba(128, 140, 145, 0.55)"
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "itemclick": False, "itemdoubleclick": False}
# An axis of errors. Left to itself, plotly writes 2 for 0.2.
LOGARITHMIC = {"type": "log", "tickvals": [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]}


def loss_curves(history: Sequence[Moment], commitment_cost: float, steps: int, now: int | None = None) -> go.Figure:
    """The loss and its parts over the steps, on a logarithmic axis; and held-out NMSE, where it was measured."""
    shown = _thinned(history)
    at = [moment.step for moment in shown]
    figure = go.Figure()
    parts = (
        ("loss", [moment.loss for moment in shown]),
        ("reconstruction (NMSE)", [moment.reconstruction_loss for moment in shown]),
        ("codebook", [moment.codebook_loss or None for moment in shown]),
        ("commitment × cost", [commitment_cost * moment.commitment_loss or None for moment in shown]),
    )
    for (name, values), color in zip(parts, CURVES, strict=True):
        if any(values):
            figure.add_scatter(x=at, y=values, mode="lines", name=name, line={"color": color, "width": 2})
    held_out = _thinned([moment for moment in history if moment.held_out_nmse is not None])
    figure.add_scatter(
        x=[moment.step for moment in held_out],
        y=[moment.held_out_nmse for moment in held_out],
        mode="lines+markers",
        name="held-out NMSE",
        line={"color": "#d4143f", "width": 1},
        marker={"size": 4},
    )
    figure.update_traces(hovertemplate="%{y:.4g}")
    figure.update_yaxes(type="log", title=None, dtick=1, exponentformat="power")
    return _finished(figure, 300, steps, now, hovermode="x unified")


def usage_curves(history: Sequence[Moment], num_embeddings: int, steps: int, now: int | None = None) -> go.Figure:
    """Codebook perplexity and codes used over the steps, both out of K."""
    shown = _thinned(history)
    at = [moment.step for moment in shown]
    figure = go.Figure()
    for name, values, color in (
        ("codes used", [moment.codes_used for moment in shown], CURVES[1]),
        ("codebook perplexity", [moment.perplexity for moment in shown], CURVES[0]),
    ):
        figure.add_scatter(x=at, y=values, mode="lines", name=name, line={"color": color, "width": 2})
    figure.update_traces(hovertemplate="%{y:.4g}")
    figure.update_yaxes(range=[0, 1.04 * num_embeddings], title=None)
    return _finished(figure, 300, steps, now, hovermode="x unified")


def usage_bars(usage: Tensor) -> go.Figure:
    """The share of cells that took each code, from counts (K,), on an axis of multiples of an even usage."""
    K = len(usage)
    even = float(usage.sum()) / K or 1.0
    figure = go.Figure(
        go.Bar(
            x=list(range(K)),
            y=(usage / even).tolist(),
            marker={"color": CURVES[0], "line": {"width": 0}},
            hovertemplate="code %{x}: %{y:.2f} times an even usage<extra></extra>",
        )
    )
    figure.add_hline(y=1, line={"color": QUIET, "width": 1, "dash": "dot"})
    figure.update_xaxes(title="code", range=[-0.5, K - 0.5], showgrid=False, fixedrange=True)
    figure.update_yaxes(type="log", range=[-2, 2], tickvals=[0.01, 0.1, 1, 10, 100], fixedrange=True, title=None)
    return _finished(figure, 300, bargap=0)


def paths(plane: Tensor, usage: Tensor, height: int = 440) -> go.Figure:
    """The codes' ways (F, K, 2) as lines, and where they are now; a hollow one was not used lately, by counts (K,)."""
    F, K, _ = plane.shape
    corners = max(2, min(PATHS, CORNERS // K))
    chosen = sorted({round(at * (F - 1) / (corners - 1)) for at in range(corners)})
    ways = plane[chosen].permute(1, 0, 2)  # (K, chosen, 2)
    xs, ys = [], []
    for way in ways.tolist():
        xs += [point[0] for point in way] + [None]
        ys += [point[1] for point in way] + [None]
    used = (usage > 0).tolist()
    here = plane[-1].tolist()
    figure = go.Figure(go.Scatter(x=xs, y=ys, mode="lines", line={"color": QUIET, "width": 1}, hoverinfo="skip"))
    figure.add_scatter(
        x=[point[0] for point in here],
        y=[point[1] for point in here],
        mode="markers",
        marker={
            "color": CURVES[0],
            "size": 8,
            "symbol": ["circle" if one else "circle-open" for one in used],
            "line": {"width": [0 if one else 1.5 for one in used]},
        },
        hovertext=[f"code {code}" + ("" if one else ", not used lately") for code, one in enumerate(used)],
        hoverinfo="text",
    )
    axes = {"showgrid": False, "zeroline": False, "showticklabels": False, "title": None, "fixedrange": True}
    figure.update_xaxes(**axes)
    figure.update_yaxes(**axes)
    return _finished(figure, height, showlegend=False)


def recipe_curves(comparison: Comparison, recipes: Sequence[str], names: dict[str, str], value: str) -> go.Figure:
    """One figure of `Point` over the steps: for each recipe the mean over its seeds, in the range of them all."""
    figure = go.Figure()
    last = 0
    for name, color in zip(recipes, CURVES, strict=False):
        curves = [result.curve for result in comparison.of(name)]
        steps = [point.step for point in curves[0]]
        values = np.array([[getattr(point, value) for point in curve] for curve in curves])  # (seeds, points)
        last = max(last, steps[-1])
        figure.add_scatter(
            x=[*steps, *reversed(steps)],
            y=[*values.max(0).tolist(), *values.min(0)[::-1].tolist()],
            fill="toself",
            fillcolor=f"rgba{(*(int(color[at : at + 2], 16) for at in (1, 3, 5)), 0.18)}",
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=steps,
            y=values.mean(0).tolist(),
            mode="lines",
            name=names[name],
            line={"color": color, "width": 2},
            hovertemplate="%{y:.4g}",
        )
    figure.update_yaxes(title=None, **(LOGARITHMIC if value == "nmse" else {"rangemode": "tozero"}))
    return _finished(figure, 320, last, hovermode="x unified")


def run_curves(histories: dict[str, Sequence[Moment]], value: str, steps: int) -> go.Figure:
    """One figure of `Moment` over the steps, a line for each run; held-out ones have dots, as they are rarer."""
    figure = go.Figure()
    for (name, history), color in zip(histories.items(), CURVES, strict=False):
        shown = _thinned([moment for moment in history if getattr(moment, value) is not None])
        figure.add_scatter(
            x=[moment.step for moment in shown],
            y=[getattr(moment, value) for moment in shown],
            mode="lines+markers" if value.startswith("held_out") else "lines",
            name=name,
            line={"color": color, "width": 2},
            marker={"size": 4},
            hovertemplate="%{y:.4g}",
        )
    if value == "held_out_nmse":
        figure.update_yaxes(title=None, **LOGARITHMIC)
    else:
        figure.update_yaxes(rangemode="tozero", title=None)
    return _finished(figure, 320, steps, hovermode="x unified", showlegend=True)


def _thinned(history: Sequence[Moment]) -> Sequence[Moment]:
    """Few enough moments for a curve, the last among them."""
    every = -(-len(history) // POINTS) or 1
    return history[::-1][::every][::-1]


def _finished(figure: go.Figure, height: int, steps: int = 0, now: int | None = None, **layout: object) -> go.Figure:
    """The margins and manners that all share: where there are steps, one axis of them from start to end."""
    if steps:
        figure.update_xaxes(title="step", range=[0, steps], fixedrange=True, showgrid=False)
        figure.update_yaxes(fixedrange=True)
    if now is not None:
        figure.add_vline(x=now, line={"color": QUIET, "width": 2})
    figure.update_layout(
        height=height, margin={"l": 8, "r": 8, "t": 8, "b": 8}, dragmode=False, legend=LEGEND, uirevision=1, **layout
    )
    return figure
