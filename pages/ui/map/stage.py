"""The map for an audience: as large as the screen, with what it is and how to read it beside it."""

import streamlit as st

from pages.ui.map import layout, plot
from pages.ui.map.layout import Known, Running, Start
from pages.ui.map.view import MapView


def draw(view: MapView, now: Known | Running | Start) -> None:
    picture, words = st.columns([7, 2], gap="medium", vertical_alignment="center")
    marks = plot.from_draw(view, now.positions)
    with words:
        layout.words(view, now)
        plot.legend(view, marks)
        if view.noun != "codes":
            st.caption(f"Measured on {view.digits.described}.")
    with picture:
        plot.picture(view, now.positions, marks)
