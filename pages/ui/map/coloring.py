"""What the points of a map are coloured by; no Streamlit here."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from pages.ui.charts.colors import CLASS_COLORS
from pages.ui.components.scatter import Coloring

DEAD = "#8a9499"
# From quiet to loud, in growing saturation: the eye is to go to the worst.
ERRORS = ("#8fa3ad", "#a29d8b", "#b8956a", "#cc884b", "#da7437", "#e25b30", "#e23c34", "#d4143f")


def by_class(labels: Tensor) -> Coloring:
    """Each class in its colour: (N,) in [0, 10)."""
    present = sorted(labels.unique().tolist())
    return Coloring(labels.numpy(), CLASS_COLORS, "Digit", tuple((str(label), label) for label in present))


def by_most_use(by_class: Tensor) -> Coloring:
    """Codes in the colour of the class that uses them most, from counts (10, K); dead ones are grey."""
    dead = by_class.sum(0) == 0
    most = by_class.argmax(0).where(~dead, len(by_class))
    names = [*(str(label) for label in range(len(by_class))), "dead"]
    entries = tuple((names[place], place) for place in most.unique().tolist())
    return Coloring(most.numpy(), (*CLASS_COLORS, DEAD), "Most used by", entries)


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
