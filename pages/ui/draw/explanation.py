"""What happens here: how it works, for whoever asks."""

import streamlit as st

from pages.ui import resources
from pages.ui.shell.frame import Scene


def explain(scene: Scene) -> None:
    """Draw it, closed; it leads into the tour."""
    config = scene.checkpoint.model.config
    (rows, columns), K, D = config.grid, config.num_embeddings, config.embedding_dim
    title = f"the model “{scene.titles[scene.name]}”"
    why = resources.not_in_browser(scene.checkpoint)
    where = (
        f"The server runs {title}, since a browser cannot: {why}"
        if why
        else f"All of this runs in your browser while the pen moves, with the weights of {title}."
    )
    with st.expander("What happens here?", icon=":material/help:"):
        st.markdown(
            f"""
Draw with a mouse, a finger or a pen; by keyboard, arrow keys move the pen and the space bar draws. The first stroke
over an example begins a drawing of your own; undo brings the example back, to draw over.

1. The **encoder** turns your {config.height} × {config.width} pixels into {rows} × {columns} vectors of {D} numbers.
2. Each vector is replaced by the **nearest of {K} codes** in the codebook:
   $k = \\arg\\min_j \\lVert z_e - e_j \\rVert^2$. A code's tile is what the decoder draws for
   it where its neighbours have the same code.
3. The **decoder** sees only the {config.cells} codes, {config.bits_per_code} bits each, and reconstructs the picture.

{where}
MSE is the mean squared error of the pixels, which go from 0 to 1; NMSE divides it by the variance of the training
images' pixels, {scene.checkpoint.variance:.4f}; PSNR is $-10 \\log_{{10}}$ MSE.
"""
        )
        if why:
            return
        st.button(
            "Walk through it in seven steps", key="draw.tour.take", on_click=scene.state.__setitem__, args=("step", 1)
        )
