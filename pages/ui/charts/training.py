"""A run's figures: its history and recording in, plotly figures out; no Streamlit here."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import plotly.graph_objects as go

from pages.ui.charts.style import LEGEND, finished
from vqvae.runs.comparison import Comparison
from vqvae.runs.recording import Metrics, PriorMetrics

Moment = TypeVar("Moment", Metrics, PriorMetrics)
POINTS = 300  # of a curve: more cannot be told apart
CURVES = ("#1f8f9b", "#c2571a", "#7a6fd0", "#6a8f2f")  # 3 : 1 at least on both themes' backgrounds
HEIGHT = 320  # pixels
# An axis of errors. Left to itself, plotly writes 2 for 0.2. A run that breaks may leap to thousands for a moment.
LOGARITHMIC = {
    "type": "log",
    "tickvals": [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
    "autorangeoptions": {"clipmax": 10},
}


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
    return _over_steps(figure, last, hovermode="x unified")


def run_curves(
    histories: Mapping[str, Sequence[Metrics]], value: str, steps: int, dotted: tuple[str, str] | None = None
) -> go.Figure:
    """One figure of `Metrics` over the steps, a line for each run; held-out ones have dots, as they are rarer.

    `dotted` names a second figure and the cells that it is over: a dotted line, where a run has recorded it.
    """
    figure = go.Figure()
    for (name, history), color in zip(histories.items(), CURVES, strict=False):
        shown = thinned([moment for moment in history if getattr(moment, value) is not None])
        figure.add_scatter(
            x=[moment.step for moment in shown],
            y=[getattr(moment, value) for moment in shown],
            mode="lines+markers" if value.startswith("held_out") else "lines",
            name=name,
            line={"color": color, "width": 2},
            marker={"size": 4},
            hovertemplate="%{y:.4g}",
        )
        if dotted is None:
            continue
        second, cells = dotted
        beside = [moment for moment in shown if getattr(moment, second) is not None]
        if beside:
            figure.add_scatter(
                x=[moment.step for moment in beside],
                y=[getattr(moment, second) for moment in beside],
                mode="lines",
                name=f"{name}, {cells}",
                line={"color": color, "width": 2, "dash": "dot"},
                showlegend=False,
                hovertemplate="%{y:.4g}",
            )
    if value == "held_out_nmse":
        figure.update_yaxes(title=None, **LOGARITHMIC)
    else:
        figure.update_yaxes(rangemode="tozero", title=None)
    return _over_steps(figure, steps, hovermode="x unified", showlegend=True)


def prior_curves(history: Sequence[PriorMetrics], steps: int) -> go.Figure:
    """Nats a code over the steps of a prior's training: of its batches, and now and then of held-out images."""
    figure = go.Figure()
    lines = {"training batches": ("nats", "lines"), "held out": ("held_out_nats", "lines+markers")}
    for (name, (value, mode)), color in zip(lines.items(), CURVES, strict=False):
        shown = thinned([moment for moment in history if getattr(moment, value) is not None])
        figure.add_scatter(
            x=[moment.step for moment in shown],
            y=[getattr(moment, value) for moment in shown],
            mode=mode,
            name=name,
            line={"color": color, "width": 2},
            marker={"size": 5},
            hovertemplate="%{y:.3f}",
        )
    figure.update_yaxes(rangemode="tozero", title="nats a code")
    return _over_steps(figure, steps, hovermode="x unified", showlegend=True)


def thinned(history: Sequence[Moment]) -> Sequence[Moment]:
    """Few enough moments for a curve, the last among them."""
    every = -(-len(history) // POINTS) or 1
    return history[::-1][::every][::-1]


def _over_steps(figure: go.Figure, steps: int, **layout: object) -> go.Figure:
    """With one axis of steps from start to end."""
    figure.update_xaxes(title="step", range=[0, steps], showgrid=False)
    return finished(figure, HEIGHT, legend=LEGEND, uirevision=1, **layout)
