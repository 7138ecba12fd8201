"""Which digit this is, and the three losses that training makes small, for this digit alone."""

import random

import streamlit as st

from pages.ui.home.view import HomeView
from vqvae.training import TUTORIAL


def draw(view: HomeView) -> None:
    _digit(view)
    checkpoint, losses = view.scene.checkpoint, view.activations.losses
    commitment_cost = (checkpoint.recipe or TUTORIAL).commitment_cost  # β
    terms = (
        (
            "Reconstruction loss",
            r"\lVert x - \hat x \rVert^2 / \sigma^2",
            losses.reconstruction,
            "How far the drawing is from the digit, measured in the variance of all digits.",
        ),
        (
            "Codebook loss",
            r"\lVert \mathrm{sg}[z_e] - e \rVert^2",
            losses.codebook,
            "Pulls the chosen codes to the encoder’s vectors, or a moving average (EMA) does.",
        ),
        (
            "Commitment loss",
            r"\beta\, \lVert z_e - \mathrm{sg}[e] \rVert^2",
            commitment_cost * losses.commitment,
            "Keeps the encoder’s vectors near their codes; sg[·] means that no gradient passes.",
        ),
    )
    for column, (name, formula, value, words) in zip(st.columns(3), terms, strict=True):
        column.markdown(f"**{name}** `{float(value):.4f}`  \n${formula}$  \n{words}")


def _digit(view: HomeView) -> None:
    """Which digit it is, and a button for another."""
    scene = view.scene

    def another() -> None:
        scene.state["digit"] = random.randrange(len(view.digits))

    note, button = st.columns([4, 1], vertical_alignment="center")
    note.caption(
        f"Digit {view.index}, a “{int(view.digits.labels[view.index])}” out of {view.digits.described}. Every picture "
        f"is a tensor of the model “{scene.titles[scene.name]}”, computed just now. Training makes the sum of three "
        "numbers small; here they are for this digit:"
    )
    button.button("Another digit", icon=":material/shuffle:", on_click=another, width="stretch")
