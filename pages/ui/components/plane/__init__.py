"""The latent plane: codes, and the vectors of a drawing that snap to them; a Streamlit component (Components v2).

A model of D = 2 is drawn as it is. Of others one sees the two leading components of latents (PCA), a projection. It
follows the drawing on the page in the browser, and answers nothing.
"""

import base64
from pathlib import Path
from typing import Any

from streamlit.components.v2 import component

from pages.ui.components.canvas import describe
from pages.ui.components.shared import module
from vqvae.analysis.plane import Projection, place
from vqvae.checkpoint import Checkpoint
from vqvae.data import Digits

FOLDER = Path(__file__).parent
HTML = (FOLDER / "plane.html").read_text()
CSS = (FOLDER / "plane.css").read_text()


def plane_data(checkpoint: Checkpoint, digits: Digits | None = None) -> dict[str, Any]:
    """What `Plane.update` takes; of `digits`, images of the model's size, it shows where their latents lie.

    Raises CanvasError for a model that cannot run in the browser.
    """
    model = describe(checkpoint)
    seen = place(checkpoint.model, digits)
    return {
        "model": model,
        "kind": "plane" if checkpoint.model.config.embedding_dim == 2 else "projection",
        "projection": _projection(seen.projection),
        "background": digits
        and {
            "points": base64.b64encode(seen.points.astype("<f2").tobytes()).decode(),
            "said": f"{len(seen.points):,} cells with ink, out of {digits.described}",
        },
    }


def _projection(projection: Projection) -> dict[str, Any]:
    return {
        "matrix": projection.matrix.tolist(),
        "mean": projection.mean.tolist(),
        "explained": projection.explained,
    }


def plane(name: str, key: str) -> None:
    """Draw the component; `name` is what the carrier brings `plane_data` by."""
    _component(key=key, data={"name": name})


_component = component("vqvae_plane", html=HTML, css=CSS, js=module(FOLDER / "plane.js"))
