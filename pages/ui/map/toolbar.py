"""The row above the map: the search, the settings, and the button that computes a map."""

import streamlit as st

from pages.ui.map import layout, search_box, settings
from pages.ui.map.layout import Known, Running, Start
from pages.ui.map.view import MapView


def draw(view: MapView, now: Known | Running | Start) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        search_box.draw(view)
        settings.draw(view)
        layout.button(view, now)
