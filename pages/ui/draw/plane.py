"""Where the drawing's vectors lie among the codes: the latent plane below the canvas, which follows the pen."""

import streamlit as st

from pages.ui import resources
from pages.ui.components.canvas import CanvasError
from pages.ui.components.plane import plane
from pages.ui.shell.media import bring
from vqvae.checkpoint import Checkpoint


def plane_section(checkpoint: Checkpoint) -> None:
    """Draw the section. A model that cannot run in the browser has none: the canvas says why."""
    try:
        packed = resources.carried_plane(checkpoint)
    except CanvasError:
        return
    flat = checkpoint.model.config.embedding_dim == 2
    st.subheader("The latent plane" if flat else "Latent space, projected", anchor=False)
    with st.container(key="draw-plane"):
        name = f"plane of {checkpoint.fingerprint}"
        plane(name, key="draw.plane")
        bring(name, packed, "draw.plane.carrier")
