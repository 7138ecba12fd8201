"""What the Codebook page's address holds, and the choices above all figures."""

import streamlit as st

from pages.ui.charts.toolbar import PICTURES
from pages.ui.shell import ladder
from pages.ui.shell.choices import DIGITS, called_images, check_code, check_images, choose, images_out_of
from pages.ui.shell.frame import Scene, name_of_model
from pages.ui.shell.messages import plain
from pages.ui.shell.own_images import available_images
from pages.ui.shell.url_state import Field, one_of, whole

ORDERS = {"use": "Use", "index": "Index", "class": "Class", "similarity": "Similarity"}
CELLS = {"all": "All cells", "ink": "Without background"}
SECTIONS = {
    "usage": "Usage",
    "digits": "Classes",
    "positions": "Positions",
    "neighbours": "Neighbours",
    "damage": "Damage",
    "compare": "Compare",
}
SCALES = {"linear": "Linear", "log": "Log"}
COLOURS = {"none": "None", "class": "By class"}

FIELDS = (
    Field("code", whole(0, 10**6), None, shared=True),
    Field("digits", images_out_of(*DIGITS), "embedded"),
    Field("section", one_of(*SECTIONS), "usage"),
    Field("order", one_of(*ORDERS), "use"),
    Field("scale", one_of(*SCALES), "linear"),
    Field("by", one_of(*COLOURS), "none"),
    Field("cells", one_of(*CELLS), "all"),
    Field("with", name_of_model(), None),
    Field("picture", one_of(*PICTURES), "png"),
    *ladder.FIELDS,
)


def check(scene: Scene) -> None:
    """Let go of what there is not here; before any widget is drawn."""
    check_code(scene.state, scene.checkpoint.model.config.num_embeddings)
    check_images(scene.state, available_images(scene.visitor), scene.visitor)


def draw(scene: Scene) -> None:
    """What is counted, and in which order codes come."""
    state, me = scene.state, scene.visitor
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        if len(available := available_images(me)) > 1:
            called = called_images(available, scene.checkpoint, me)
            offered = {name: plain(words) for name, words in called.items()}
            choose(state, "Images", "digits", offered, "What the usage is measured on.")
        choose(
            state,
            "Cells",
            "cells",
            CELLS,
            "A background cell is one whose patch, all the pixels that the encoder sees for it, holds no ink at all. "
            "There are many of them, they share a few codes, and these hide the rest.",
        )
        choose(
            state,
            "Order",
            "order",
            ORDERS,
            "Use: the most used first, so that the curve shows how evenly codes are used. Class: grouped by the class "
            "that uses a code most. Similarity: neighbours have similar vectors.",
        )
