"""Train for an audience, where nothing is training: codebooks that learn in the plane, or the recorded comparison."""

import streamlit as st

from pages.ui import resources
from pages.ui.components.learning import LEARNING, learning
from pages.ui.components.player import compared, player
from pages.ui.shell.media import bring
from pages.ui.shell.words import counted
from pages.ui.train.side_by_side import FIRST, NAMES
from vqvae.data import TORCHVISION
from vqvae.runs.comparison import verdict


def draw() -> None:
    """One of the two, played; where only one ships, that one. Raises ValueError for a damaged file."""
    in_the_plane = resources.carried_learning()
    if in_the_plane is None:
        return _curves()
    shown = "plane"
    if resources.comparison() is not None:
        shown = st.segmented_control(
            "Slide",
            ["plane", "curves"],
            default="plane",
            key="train.stage",
            format_func={"plane": "In the plane", "curves": "Curves"}.__getitem__,
            required=True,
            persist_state="session",
            label_visibility="collapsed",
        )
    if shown == "curves":
        return _curves()
    learning(LEARNING, key="train.learning.stage", presenting=True)
    bring(LEARNING, in_the_plane, "train.learning.carrier")


def _curves() -> None:
    """The recipes that the lab begins with, a curve each that grows by itself."""
    comparison = resources.comparison()
    if comparison is None:
        st.markdown("Nothing is training. Leave with Esc, start a run, and present it here while it learns.")
        return
    recipes = [name for name in FIRST if name in comparison.recipes] or comparison.recipes[: len(FIRST)]
    verdicts = [verdict(comparison.of(name)) for name in recipes]
    images = TORCHVISION.get(comparison.dataset, "the embedded digits")
    words = "Same network, same images, same order; only the recipe differs. How many codes come to life?"
    player("comparison", words, compared(comparison, recipes, NAMES), 0, presenting=True)
    ended = "; ".join(
        f"{NAMES[one.recipe]}: NMSE {one.nmse.mean:.4f}, {one.codes_used.mean:.0f} codes used" for one in verdicts
    )
    st.caption(
        f"Recorded on {comparison.images:,} training images of {images}, {counted(comparison.epochs, 'epoch')}, mean "
        f"over {counted(verdicts[0].seeds, 'seed')}. At the end, on the test images: {ended}."
    )
