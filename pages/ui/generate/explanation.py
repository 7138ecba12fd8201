"""What happens here, in three sentences, and more for whoever asks."""

import math

import streamlit as st

from pages.ui.shell.frame import Scene
from vqvae.data import described
from vqvae.prior_file import TrainedPrior


def explain(scene: Scene, trained: TrainedPrior) -> None:
    """Draw it: the three sentences open, the rest closed."""
    config = scene.checkpoint.model.config
    K, cells, bits = config.num_embeddings, config.cells, config.bits_per_code
    st.markdown(
        f"The decoder draws any {cells} codes, but nothing in it knows which of them make a digit: drawn with equal "
        f"chances, they give noise. The prior has seen the codes of {trained.images:,} training images with some of "
        "them hidden, and has learned to guess those. Asked again and again, it writes a whole picture."
    )
    with st.expander("What happens here?", icon=":material/help:"):
        st.markdown(
            f"""
1. All {cells} cells begin **hidden**. The prior gives every code in every hidden cell a probability.
2. One cell is chosen (the most certain one, unless you say otherwise), and its code is **drawn** at random by these
   probabilities. The **temperature** sharpens them below 1 and flattens them above: $p^{{1/T}}$, normalised.
   **Guidance** above 1 favours the codes that the digit asked for makes likelier (Ho and Salimans 2022).
3. With one more code known, the prior weighs all the others **anew**, until the grid is full.

**Bits** measure surprise: a code of probability $p$ takes $-\\log_2 p$ bits to write down. Without a prior each of the
{K} codes takes {bits} bits. {_figures(trained, cells)}

The seed gives each cell a random number of its own, so the same settings write the same picture, on any machine. The
prior is a convolutional network trained to fill any set of hidden cells (Hoogeboom et al. 2022, *Autoregressive
Diffusion Models*); van den Oord et al. 2017 fit a PixelCNN, which writes row by row alone.
"""
        )


def _figures(trained: TrainedPrior, cells: int) -> str:
    """What the prior achieves, where it was measured."""
    if not trained.measured:
        return ""
    figures = trained.measured[0]
    nats, bits = figures.with_class, figures.with_class * cells / math.log(2)
    return (
        f"This prior needs {nats:.2f} nats, or {nats / math.log(2):.2f} bits, a code where it knows the digit, and "
        f"{figures.without_class:.2f} nats where it does not: {bits:.0f} bits an image, measured on "
        f"{described(figures.dataset, figures.split, figures.images)} (a nat is {1 / math.log(2):.2f} bits)."
    )
