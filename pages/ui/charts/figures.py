"""Arrays in, plotly figures out; no Streamlit here. Text, grid and background colours come from the page's theme."""

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from pages.ui.charts.colors import CLASS_COLORS

ACCENT = "#1f8f9b"  # where colour means nothing: at least 3 : 1 on both themes' backgrounds
OTHER = "#c2571a"  # beside it
FEWER_MORE = [[0, "rgba(194, 87, 26, 1)"], [0.5, "rgba(128, 140, 145, 0.08)"], [1, "rgba(31, 143, 155, 1)"]]
MOST_LIFT = 8  # where colours end, and at its inverse
PICKED = "rgba(128, 140, 145, 0.5)"
CLEAR = "rgba(0, 0, 0, 0)"
MOST_BARS = 256
HEIGHT = 340  # pixels of a figure over all codes
HALF = 0.5  # where bars on a logarithmic axis begin, so that a single use has a height
# The toolbar offers the picture alone: these figures are not for zooming, and a thumb must be able to scroll past.
TOOLBAR = {"displaylogo": False, "modeBarButtons": [["toImage"]], "scrollZoom": False}
PICTURES = ("png", "svg")  # plotly's toolbar saves one of them at a time
# A map is for moving in and selecting from.
MAP_TOOLBAR = {
    "displaylogo": False,
    "displayModeBar": True,
    "scrollZoom": True,
    "modeBarButtons": [["select2d", "lasso2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"], ["toImage"]],
}


def toolbar(picture: str) -> dict[str, object]:
    """The toolbar, saving a format out of PICTURES; a PNG twice as fine as it stands on screen."""
    return TOOLBAR | {"toImageButtonOptions": {"format": picture, "scale": 2 if picture == "png" else 1}}


def bars(order: Tensor) -> list[list[int]]:
    """The codes of each bar of a usage histogram, for codes (K,) in an order: one, or equally many over 256 codes."""
    return [part.tolist() for part in order.split(-(-len(order) // MOST_BARS))]


def usage_histogram(
    by_class: Tensor,
    order: Tensor,
    axis: str,
    first: int,
    *,
    logarithmic: bool,
    split_by_class: bool,
    picked: int | None,
) -> go.Figure:
    """How many cells take each code, from counts (10, K); every column of it can be clicked, an empty one too.

    `order` (K,) are the codes from left to right, `axis` says how they are ordered, counting from `first`. A click
    selects a point of the last trace, whose `customdata` is [code]: of a bar of several codes, the most used. `picked`
    is drawn as selected until a click selects another.
    """
    total = by_class.sum(0)  # (K,)
    groups = bars(order)
    each = len(groups[0])
    heights = torch.stack([by_class[:, codes].sum(1) for codes in groups], 1)  # (10, bars)
    begins = first + torch.arange(len(groups)) * each
    places = (begins + (torch.tensor([len(codes) for codes in groups]) - 1) / 2).tolist()
    ceiling = max(1, int(heights.sum(0).max()))
    top = 1.6 * ceiling if logarithmic else 1.06 * ceiling
    floor = HALF if logarithmic else 0
    figure = go.Figure()
    for label, (low, high) in enumerate(_segments(heights, floor, logarithmic) if split_by_class else ()):
        figure.add_bar(
            x=places,
            base=low.tolist(),
            y=(high - low).tolist(),
            width=0.86 * each,
            name=str(label),
            marker={"color": CLASS_COLORS[label], "line": {"width": 0}},
            hoverinfo="skip",
        )
    if not split_by_class:
        figure.add_bar(
            x=places,
            base=floor,
            y=(heights.sum(0) - floor).clamp_min(0).tolist(),
            width=0.86 * each,
            marker={"color": ACCENT, "line": {"width": 0}},
            showlegend=False,
            hoverinfo="skip",
        )
    figure.add_bar(  # what a pointer meets: whole columns, so that an empty bar can be hit, and a bar of many parts
        x=places,
        base=floor,
        y=[top - floor] * len(groups),
        width=each,
        marker={"color": CLEAR, "line": {"width": 0}},
        selected={"marker": {"color": PICKED}},
        unselected={"marker": {"color": CLEAR}},
        selectedpoints=[at for at, codes in enumerate(groups) if picked in codes],
        customdata=[[max(codes, key=lambda code: int(total[code]))] for codes in groups],
        hovertext=[_say_bar(codes, by_class) for codes in groups],
        hoverinfo="text",
        showlegend=False,
    )
    figure.update_traces(unselected_marker_opacity=1, selector={"hoverinfo": "skip"})
    figure.update_xaxes(title=f"{axis} ({each} a bar)" if each > 1 else axis, showgrid=False, zeroline=False)
    figure.update_yaxes(title="cells", type="log" if logarithmic else "linear", zeroline=False)
    if logarithmic:
        exponents = range(len(str(int(top))))
        figure.update_yaxes(
            range=[_log10(floor), _log10(top)],
            tickvals=[10**exponent for exponent in exponents],
            ticktext=[f"{10**exponent:,}" for exponent in exponents],
        )
    else:
        figure.update_yaxes(range=[0, top], tickformat=",")
    edge = 0.5 * each
    figure.update_xaxes(range=[places[0] - edge, places[-1] + edge])
    legend = {
        "orientation": "h",
        "y": 1.02,
        "yanchor": "bottom",
        "x": 0,
        "title": {"text": "digit", "side": "left"},
        "itemclick": False,
    }
    return _finished(figure, HEIGHT, barmode="overlay", legend={**legend, "itemdoubleclick": False}, bargap=0)


def class_usage(per_image: Tensor) -> go.Figure:
    """How often an image of each class uses a code: means (10,)."""
    figure = go.Figure(
        go.Bar(
            x=[str(label) for label in range(len(per_image))],
            y=per_image.tolist(),
            marker={"color": CLASS_COLORS, "line": {"width": 0}},
            hovertemplate="a %{x} uses it %{y:.2f} times<extra></extra>",
        )
    )
    figure.update_xaxes(title="digit", type="category")
    figure.update_yaxes(title="uses a digit", rangemode="tozero", tickformat="~g", nticks=5)
    if not per_image.any():
        figure.update_yaxes(range=[0, 1])
    return _finished(figure, 220, bargap=0.15)


def position_usage(share: Tensor) -> go.Figure:
    """The share of images that use a code at each position of the grid, in [0, 1]: (h, w)."""
    ceiling = float(share.max()) or 1.0
    return _on_the_grid(
        share,
        ceiling,
        {"tickformat": ".0%" if ceiling >= 0.05 else ".2~%"},
        "row %{y}, column %{x}: %{z:.2%} of the digits<extra></extra>",
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
            z=_listed(values),
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
    return _finished(figure, height, constrain="domain")


def lift_of_classes(lift: Tensor, by_class: Tensor, order: Tensor, picked: int | None) -> go.Figure:
    """How many times as often as overall each class uses each code: lift and counts (10, K), codes in an order.

    Of more than 256 codes, the first 256 in that order.
    """
    codes = order[:MOST_BARS]
    figure = _matrix(
        lift[:, codes],
        by_class[:, codes],
        [str(label) for label in range(len(lift))],
        codes.tolist(),
        "code %{x} in digits %{y}: %{text} cells,<br>%{customdata} times as often as in all digits<extra></extra>",
        HEIGHT,
    )
    figure.update_yaxes(title="digit", dtick=1)
    return _frame(figure, codes, picked, range(len(lift)))


def lift_of_neighbours(lift: Tensor, counts: Tensor, order: Tensor, picked: int | None) -> go.Figure:
    """How many times as often as by chance two codes stand side by side: lift and counts (K, K), codes in an order.

    Of more than 256 codes, the first 256 in that order.
    """
    codes = order[:MOST_BARS]
    names = codes.tolist()
    figure = _matrix(
        lift[codes][:, codes],
        counts[codes][:, codes],
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
            z=_listed(logs),
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
    return _finished(figure, height)


def _frame(figure: go.Figure, codes: Tensor, picked: int | None, rows: range) -> go.Figure:
    """Mark the column of a code, where it is shown."""
    for at in (codes == picked).nonzero().flatten().tolist() if picked is not None else ():
        edges = {"x0": at - 0.5, "x1": at + 0.5, "y0": -0.5, "y1": len(rows) - 0.5}
        figure.add_shape(type="rect", **edges, line={"color": "rgba(128, 140, 145, 1)", "width": 1.5})
    return figure


def damage(nmse: float, without: Tensor, ranking: Tensor, picked: int | None) -> go.Figure:
    """What each code's loss adds to the NMSE, (K,), in the order of its ranking; every column can be clicked.

    A click selects a point of the last trace, whose `customdata` is [code]; `picked` is drawn as selected until then.
    Of more than 256 codes, the first 256.
    """
    codes = ranking[:MOST_BARS].tolist()
    places = list(range(1, len(codes) + 1))
    added = [float(without[code]) - nmse for code in codes]
    floor, top = 1.1 * min(0.0, *added), 1.06 * max(*added, 1e-6)  # a code's loss may even do good
    figure = go.Figure()
    figure.add_bar(
        x=places,
        y=added,
        width=0.86,
        marker={"color": ACCENT, "line": {"width": 0}},
        showlegend=False,
        hoverinfo="skip",
    )
    figure.add_bar(
        x=places,
        base=floor,
        y=[top - floor] * len(codes),
        width=1,
        marker={"color": CLEAR, "line": {"width": 0}},
        selected={"marker": {"color": PICKED}},
        unselected={"marker": {"color": CLEAR}},
        selectedpoints=[at for at, code in enumerate(codes) if code == picked],
        customdata=[[code] for code in codes],
        hovertext=[
            f"<b>code {code}</b><br>NMSE {nmse:.4f} with it, {float(without[code]):.4f} without it" for code in codes
        ],
        hoverinfo="text",
        showlegend=False,
    )
    figure.update_traces(unselected_marker_opacity=1, selector={"hoverinfo": "skip"})
    figure.update_xaxes(
        title="rank, the most damaging first", range=[0.5, len(codes) + 0.5], showgrid=False, zeroline=False
    )
    figure.update_yaxes(title="NMSE added", range=[floor, top], tickformat="~g", zeroline=False)
    return _finished(figure, HEIGHT, barmode="overlay", bargap=0)


def usage_by_rank(curves: Sequence[tuple[str, Tensor]]) -> go.Figure:
    """The share of the cells that each code takes, the most used first, of several codebooks: names and counts (K,)."""
    figure = go.Figure()
    for (name, total), color in zip(curves, (ACCENT, OTHER), strict=True):
        shares = (total.sort(descending=True).values / total.sum().clamp_min(1)).tolist()
        used = [share for share in shares if share > 0]
        figure.add_scatter(
            x=list(range(1, len(used) + 1)),
            y=used,
            mode="lines+markers" if len(used) < 20 else "lines",
            name=name,
            line={"color": color, "width": 2.5},
            hovertemplate="rank %{x}: %{y:.3%} of the cells",
        )
    figure.update_xaxes(title="rank, the most used first", rangemode="tozero", zeroline=False, showgrid=False)
    figure.update_yaxes(title="share of the cells", type="log", dtick=1, tickformat="~%", zeroline=False)
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "itemclick": False, "itemdoubleclick": False}
    return _finished(figure, 300, legend=legend, hovermode="x unified", showlegend=True)


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
    legend = {
        "orientation": "h",
        "y": 0,
        "yanchor": "top",
        "x": 0,
        "title": {"text": "most used by", "side": "left"},
        "itemclick": False,
        "itemdoubleclick": False,
        "itemsizing": "constant",
    }
    figure.update_layout(
        height=600,
        margin={"l": 8, "r": 8, "t": 36, "b": 60},
        dragmode="pan",  # with a lasso in hand, Streamlit hears of no click; it stands ready in the toolbar
        hoverlabel={"align": "left"},
        legend=legend,
    )
    return figure


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
            hovertemplate="%{customdata[0]:,} are a %{x}: %{y:.1%}<extra></extra>",
            showlegend=False,
        )
    )
    figure.add_scatter(
        x=labels,
        y=usual.tolist(),
        mode="markers",
        marker={"symbol": "line-ew-open", "size": 12, "color": "rgba(128, 140, 145, 0.95)", "line": {"width": 2}},
        hovertemplate="of all, %{y:.1%} are a %{x}<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(range=[0, max(0.2, 1.08 * float(share.max()))], tickformat=".0%", nticks=4, zeroline=False)
    return _finished(figure, 170, bargap=0.15)


def _say_code(code: int, by_class: Tensor) -> str:
    counts = by_class[:, code]
    uses = int(counts.sum())
    if not uses:
        return f"<b>code {code}</b><br>dead: no cell takes it"
    most = [label for label in counts.argsort(descending=True).tolist()[:3] if counts[label]]
    classes = ", ".join(f"{label} ({int(counts[label]) / uses:.0%})" for label in most)
    share = uses / max(1, int(by_class.sum()))
    return f"<b>code {code}</b><br>{uses:,} cells, {share:.2%} of all<br>most in digits {classes}"


def _segments(heights: Tensor, floor: float, logarithmic: bool) -> list[tuple[Tensor, Tensor]]:
    """Where each class's part of every bar begins and ends on the axis: (10, bars) -> 10 pairs of (bars,).

    On a logarithmic axis the parts of a stack have no heights of their own: there, the whole has the height of its
    count, and the classes divide it by their shares.
    """
    total = heights.sum(0).double()
    ends = heights.cumsum(0) / total.clamp_min(1)  # (10, bars) shares, the last one 1
    begins = torch.cat((torch.zeros_like(ends[:1]), ends[:-1]))
    if logarithmic:
        growth = (total / floor).clamp_min(1)
        return [(floor * growth**begin, floor * growth**end) for begin, end in zip(begins, ends, strict=True)]
    return [(total * begin, total * end) for begin, end in zip(begins, ends, strict=True)]


def _say_bar(codes: Sequence[int], by_class: Tensor) -> str:
    counts = by_class[:, list(codes)].sum(1)  # (10,)
    uses, everything = int(counts.sum()), max(1, int(by_class.sum()))
    name = f"<b>code{'s' if len(codes) > 1 else ''} {', '.join(map(str, codes))}</b>"
    if not uses:
        return f"{name}<br>taken by none of the cells counted"
    most = [label for label in counts.argsort(descending=True).tolist()[:3] if counts[label]]
    classes = ", ".join(f"{label} ({int(counts[label]) / uses:.0%})" for label in most)
    return f"{name}<br>{uses:,} cells, {uses / everything:.2%} of all<br>most in digits {classes}"


def _finished(figure: go.Figure, height: int, **layout: object) -> go.Figure:
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


def _listed(values: Tensor) -> list[list[float | None]]:
    """Values for JSON, which has no NaN."""
    return [[None if math.isnan(value) else round(value, 4) for value in row] for row in values.tolist()]


def _log10(value: float) -> float:
    return float(torch.tensor(value, dtype=torch.float64).log10())


def _step(cells: int) -> int:
    """How many cells from one label to the next, so that at most about eight fit."""
    return -(-cells // 8)
