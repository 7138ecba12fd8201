"""Home: what a VQ-VAE is, in one screen."""

import random

import streamlit as st

from pages.ui import resources
from pages.ui.home import journey
from pages.ui.shell.digit_field import DIGIT
from pages.ui.shell.frame import MENU, frame
from vqvae.analysis.activations import activations
from vqvae.data import DataError, fitted
from vqvae.training import TUTORIAL

scene = frame(
    "Home",
    "A **vector-quantised autoencoder** (VQ-VAE) writes a picture down as a few entries of a learned **codebook**, "
    "and draws it again from those entries alone. Nothing else gets through.",
    fields=(DIGIT,),
    heading="Inside a VQ-VAE",
)
try:
    digits = resources.digits()
except DataError as error:
    st.error(f"There is no digit to show. {error}")
    scene.state.publish()
    st.stop()

index, checkpoint = scene.state["digit"], scene.checkpoint
config = checkpoint.model.config
shown = fitted(digits.take(slice(index, index + 1)), config)
way = activations(checkpoint.model, shown.images[0], checkpoint.variance)

st.html(journey.journey(way, resources.tiles(checkpoint), config, float(way.losses.reconstruction)))
if scene.presenting:
    scene.state.publish()
    st.stop()


def another_digit() -> None:
    scene.state["digit"] = random.randrange(len(digits))


note, button = st.columns([4, 1], vertical_alignment="center")
note.caption(
    f"Digit {index}, a “{int(digits.labels[index])}” out of {digits.described}. Every picture is a tensor of the model "
    f"“{scene.name}”, computed just now. Training makes the sum of three numbers small; here they are for this digit:"
)
button.button("Another digit", icon=":material/shuffle:", on_click=another_digit, width="stretch")

cost = (checkpoint.recipe or TUTORIAL).commitment_cost  # β
TERMS = (
    (
        "Reconstruction loss",
        r"\lVert x - \hat x \rVert^2 / \sigma^2",
        way.losses.reconstruction,
        "How far the drawing is from the digit, measured in the variance of all digits.",
    ),
    (
        "Codebook loss",
        r"\lVert \mathrm{sg}[z_e] - e \rVert^2",
        way.losses.codebook,
        "Pulls the chosen codes to the encoder’s vectors, or a moving average (EMA) does.",
    ),
    (
        "Commitment loss",
        r"\beta\, \lVert z_e - \mathrm{sg}[e] \rVert^2",
        cost * way.losses.commitment,
        "Keeps the encoder’s vectors near their codes; sg[·] means that no gradient passes.",
    ),
)
for column, (name, formula, value, words) in zip(st.columns(3), TERMS, strict=True):
    column.markdown(f"**{name}** `{float(value):.4f}`  \n${formula}$  \n{words}")

DOORS = {
    "Draw": "Codes and reconstruction follow while the pen still moves.",
    "Codebook": "Which codes are used, where and for what; which are dead.",
    "Map": "t-SNE maps of all codes and of thousands of digits.",
    "Train": "Train a model of your own and watch its codebook fill.",
}
for column, (path, label, icon) in zip(st.columns(len(DOORS), border=True), MENU[1:], strict=True):
    column.page_link(path, label=f"**{label}**", icon=icon)
    column.caption(DOORS[label])

scene.state.publish()
