"""Between two digits: an interpolation in the latent space, decoded in the browser (Components v2).

z_t = (1 - t) z_A + t z_B, decoded as it is, and beside it with every vector swapped for its nearest code.
"""

from pathlib import Path
from typing import NamedTuple

from streamlit.components.v2 import component
from torch import Tensor

from pages.ui.components.canvas import describe
from pages.ui.components.shared import module
from vqvae.checkpoint import Checkpoint
from vqvae.data import fitted_pixels

FOLDER = Path(__file__).parent


class End(NamedTuple):
    """One of the two ends of an interpolation."""

    name: str
    pixels: Tensor  # (C, H, W) uint8


def interpolation(checkpoint: Checkpoint, a: End, b: End, key: str) -> None:
    """Draw the component. Raises CanvasError for a model that cannot run in the browser."""
    ends = [{"name": end.name, "pixels": _channels_last(checkpoint, end.pixels)} for end in (a, b)]
    _component(key=key, data={"model": describe(checkpoint), "ends": ends})


def _channels_last(checkpoint: Checkpoint, pixels: Tensor) -> list[int]:
    """A picture in the model's size, as the browser reads it."""
    return fitted_pixels(pixels, checkpoint.model.config).permute(1, 2, 0).flatten().tolist()


_component = component(
    "vqvae_between",
    html=(FOLDER / "interpolation.html").read_text(),
    css=(FOLDER / "interpolation.css").read_text(),
    js=module(FOLDER / "interpolation.js"),
)
