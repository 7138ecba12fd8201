"""Which digit this is, and for this digit alone the losses whose sum training makes small."""

import random

import streamlit as st

from pages.ui.home.view import HomeView
from pages.ui.shell.words import article
from vqvae.training import TUTORIAL

# What moves the codes of a quantiser whose codebook term is not in the sum.
MOVED_BY = {
    "ema": "Not in the sum: a moving average (EMA) pulls this model’s codes to the encoder’s vectors.",
    "diveq": "Not in the sum: the reconstruction loss itself moves this model’s codes.",
    "fsq": "Not in the sum: this model’s codes are a fixed grid.",
}
FREE = "Not in the sum: nothing pulls this model’s vectors to their codes."


def draw(view: HomeView) -> None:
    checkpoint, losses = view.scene.checkpoint, view.activations.losses
    recipe = checkpoint.recipe or TUTORIAL
    commitment_cost = 0.0 if recipe.quantizer == "fsq" else recipe.commitment_cost  # β
    pulled = MOVED_BY.get(recipe.quantizer, "Pulls the chosen codes to the encoder’s vectors.")
    near = "Keeps the encoder’s vectors near their codes; sg[·] means that no gradient passes."
    _digit(view)
    terms = (
        (
            "Reconstruction loss",
            r"\lVert x - \hat x \rVert^2 / \sigma^2",
            losses.reconstruction,
            "How far the reconstruction is from the digit, in units of the digits’ variance.",
        ),
        ("Codebook loss", r"\lVert \mathrm{sg}[z_e] - e \rVert^2", losses.codebook, pulled),
        (
            "Commitment loss",
            r"\beta\, \lVert z_e - \mathrm{sg}[e] \rVert^2",
            commitment_cost * losses.commitment,
            near if commitment_cost else FREE,
        ),
    )
    for column, (name, formula, value, words) in zip(st.columns(3), terms, strict=True):
        column.markdown(f"**{name}** `{float(value):.4f}`  \n${formula}$  \n{words}")


def _digit(view: HomeView) -> None:
    """Which digit it is, and a button for another."""
    scene = view.scene

    def another() -> None:
        scene.state["digit"] = random.randrange(len(view.digits))

    label = int(view.digits.labels[view.index])
    note, button = st.columns([4, 1], vertical_alignment="center")
    note.caption(
        f"Digit {view.index}, {article(label)} “{label}”, one of the {view.digits.described}. Every picture "
        f"is a tensor of the model “{scene.titles[scene.name]}”, computed just now. Training minimises a sum of "
        "losses; for this digit they are:"
    )
    button.button("Another digit", icon=":material/shuffle:", on_click=another, width="stretch")
