"""Draw: a pen, the codes it makes the model write, and what the decoder draws from them, live."""

import streamlit as st

from pages.ui import resources
from pages.ui.draw import interpolation
from pages.ui.draw.arrival import put_picture, put_there
from pages.ui.draw.drawing import drawing_section
from pages.ui.draw.explanation import explain
from pages.ui.draw.link import FIELDS, link_fields
from pages.ui.draw.photo import bring
from pages.ui.draw.picker import pick
from pages.ui.draw.plane import plane_section
from pages.ui.shell import ladder
from pages.ui.shell.choices import check_code
from pages.ui.shell.digit_field import check_digit
from pages.ui.shell.frame import page
from vqvae.data import DataError

LEAD = "The model encodes your drawing as a grid of codes, and reconstructs it from those codes alone."

with page("Draw", LEAD, FIELDS, link_fields=link_fields, has_tour=True) as scene:
    state, config = scene.state, scene.checkpoint.model.config
    check_code(state, config.num_embeddings)
    try:
        digits = resources.digits(scene.checkpoint)
        check_digit(state, digits)
    except DataError as error:
        digits = None
        st.error(f"There is no digit to start from, but you can draw one. {error}")
    asked, in_browser = False, not resources.not_in_browser(scene.checkpoint)
    if not scene.presenting:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="draw-beside"):
            if digits:
                pick(scene, digits)
            asked = st.button("Bring your own", icon=":material/photo_camera:", key="draw.own.ask")
            if digits and in_browser:
                interpolation.switch(state, digits)
            st.page_link("pages/map.py", label="See it on the map", icon=":material/scatter_plot:", width="content")
        with st.container(key="draw-between-place"):  # what follows it keeps its place, and so what it holds
            if digits and in_browser and state["between"]:
                interpolation.section(scene.checkpoint, digits, state["digit"])
    put = put_there(scene, digits)
    if asked:
        bring(scene.checkpoint, put_picture(state))

    drawing_section(scene, digits, put)
    if not scene.presenting:

        def compare() -> None:
            ladder.section(scene)

        def show_plane() -> None:
            plane_section(scene.checkpoint)

        scene.further_down(compare)
        scene.further_down(show_plane)
        explain(scene)
