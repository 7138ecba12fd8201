"""How often codes are used: each one in a bar, and whole codebooks as curves."""

from collections.abc import Sequence

import plotly.graph_objects as go
import torch
from torch import Tensor

from pages.ui.charts.classes import axis_of, most_in
from pages.ui.charts.colors import class_colors
from pages.ui.charts.columns import MOST, add_bars, add_columns
from pages.ui.charts.style import ACCENT, HEIGHT, LEGEND, OTHER, finished

HALF = 0.5  # where bars on a logarithmic axis begin, so that a single use has a height


def usage_histogram(
    by_class: Tensor,
    order: Tensor,
    axis: str,
    first: int,
    classes: Sequence[str],
    noun: str,
    *,
    logarithmic: bool,
    split_by_class: bool,
    picked: int | None,
) -> go.Figure:
    """How many cells take each code, from counts (classes, K); every column of it can be clicked, an empty one too.

    `order` (K,) are the codes from left to right, `axis` says how they are ordered, counting from `first`. A click
    selects a point of the last trace, whose `customdata` is [code]: of a bar of several codes, the most used. `picked`
    is drawn as selected until a click selects another.
    """
    total = by_class.sum(0)  # (K,)
    groups, uses = bars(order), total.tolist()
    each = len(groups[0])
    heights = torch.stack([by_class[:, codes].sum(1) for codes in groups], 1)  # (classes, bars)
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
            name=classes[label],
            marker={"color": class_colors(len(classes))[label], "line": {"width": 0}},
            hoverinfo="skip",
        )
    if not split_by_class:
        add_bars(figure, places, floor, (heights.sum(0) - floor).clamp_min(0).tolist(), 0.86 * each)
    add_columns(
        figure,
        places,
        floor,
        top,
        each,
        codes=[max(codes, key=uses.__getitem__) for codes in groups],
        selected=[at for at, codes in enumerate(groups) if picked in codes],
        said=[_say_bar(codes, by_class, classes, noun) for codes in groups],
    )
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
    legend = LEGEND | {"title": {"text": axis_of(noun), "side": "left"}}
    return finished(figure, HEIGHT, barmode="overlay", legend=legend, bargap=0)


def bars(order: Tensor) -> list[list[int]]:
    """The codes of each bar of a usage histogram, for codes (K,) in an order: one, or equally many over 256 codes."""
    return [part.tolist() for part in order.split(-(-len(order) // MOST))]


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
    return finished(figure, 300, legend=LEGEND, hovermode="x unified", showlegend=True)


def _segments(heights: Tensor, floor: float, logarithmic: bool) -> list[tuple[Tensor, Tensor]]:
    """Where each class's part of every bar begins and ends on the axis: (classes, bars) -> as many pairs of (bars,).

    On a logarithmic axis the parts of a stack have no heights of their own: there, the whole has the height of its
    count, and the classes divide it by their shares.
    """
    total = heights.sum(0).double()
    ends = heights.cumsum(0) / total.clamp_min(1)  # (classes, bars) shares, the last one 1
    begins = torch.cat((torch.zeros_like(ends[:1]), ends[:-1]))
    if logarithmic:
        growth = (total / floor).clamp_min(1)
        return [(floor * growth**begin, floor * growth**end) for begin, end in zip(begins, ends, strict=True)]
    return [(total * begin, total * end) for begin, end in zip(begins, ends, strict=True)]


def _say_bar(codes: Sequence[int], by_class: Tensor, classes: Sequence[str], noun: str) -> str:
    counts = by_class[:, list(codes)].sum(1)  # (classes,)
    uses, everything = int(counts.sum()), max(1, int(by_class.sum()))
    name = f"<b>code{'s' if len(codes) > 1 else ''} {', '.join(map(str, codes))}</b>"
    if not uses:
        return f"{name}<br>taken by none of the cells counted"
    most = most_in(counts, classes, noun)
    return f"{name}<br>{uses:,} cell{'s' * (uses != 1)}, {uses / everything:.2%} of all" + (
        f"<br>{most}" if most else ""
    )


def _log10(value: float) -> float:
    return float(torch.tensor(value, dtype=torch.float64).log10())
