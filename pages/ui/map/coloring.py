"""What the points of a map are coloured by; no Streamlit here."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from pages.ui.charts.classes import axis_of
from pages.ui.charts.colors import class_colors
from pages.ui.components.scatter import Coloring

DEAD = "#8a9499"
LEGEND = 16  # entries of a legend that is still read
# From quiet to loud, in growing saturation: the eye is to go to the worst.
ERRORS = ("#8fa3ad", "#a29d8b", "#b8956a", "#cc884b", "#da7437", "#e25b30", "#e23c34", "#d4143f")


def by_class(labels: Tensor, classes: Sequence[str], noun: str) -> Coloring:
    """Each class in its colour: (N,) labels. All in one colour where there are no classes."""
    colors, title = class_colors(len(classes)), axis_of(noun).capitalize()
    if len(classes) < 2:
        return Coloring(labels.numpy(), colors, "", ())
    present = sorted(labels.unique().tolist())[:LEGEND]
    return Coloring(labels.numpy(), colors, title, tuple((str(classes[label]), int(label)) for label in present))


def by_most_use(by_class: Tensor, classes: Sequence[str]) -> Coloring:
    """Codes in the colour of the class that uses them most, from counts (classes, K); dead ones are grey."""
    dead = by_class.sum(0) == 0
    most = by_class.argmax(0).where(~dead, len(by_class))
    names = [*(name or "used" for name in classes), "dead"]
    entries = tuple((names[place], place) for place in most.unique().tolist()[-LEGEND:])
    return Coloring(
        most.numpy(), (*class_colors(len(classes)), DEAD), "Most used by" if len(classes) > 1 else "", entries
    )


def by_error(nmse: Tensor, of_points: Tensor) -> Coloring:
    """The NMSE of points, on a logarithmic scale from the best hundredth of all digits' to the worst: both (N,)."""
    logs = nmse.clamp_min(1e-9).log()
    low, high = (float(logs.quantile(share)) for share in (0.01, 0.99))
    steps = len(ERRORS)
    places = (of_points.clamp_min(1e-9).log() - low) / max(high - low, 1e-9) * steps
    ends = f"{np.exp(low):.2g} and less", f"{np.exp(high):.2g} and more"
    return Coloring(places.clamp(0, steps - 1).int().numpy(), ERRORS, "NMSE", ramp=ends)


def by_code(codes: Tensor, colors: Sequence[str]) -> Coloring:
    """The code of points (N,), in the codes' own colours (K,)."""
    return Coloring(codes.numpy(), colors, "Coloured by code: similar codes, similar colours")
