"""Where the drawing's vectors lie among the codes: the latent plane below the canvas, which follows the pen."""

import streamlit as st

from pages.ui import resources
from pages.ui.components.canvas import CanvasError
from pages.ui.components.plane import plane
from vqvae.checkpoint import Checkpoint


def plane_section(checkpoint: Checkpoint) -> None:
    """Draw the section. A model that cannot run in the browser has none: the canvas says why."""
    try:
        data = resources.plane(checkpoint)
    except CanvasError:
        return
    flat = data["kind"] == "plane"
    st.subheader("The latent plane" if flat else "Latent space, projected", anchor=False)
    with st.container(key="draw-plane"):
        plane(data, key="draw.plane")
