"""The row above the map: what is shown, the search, the settings, and the button that computes a map."""

import streamlit as st

from pages.ui.map import choices, layout, search_box, settings
from pages.ui.map.layout import Known, Running, Start
from pages.ui.map.view import MapView


def draw(view: MapView, now: Known | Running | Start) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="map-row"):
        choices.draw(view.scene, view.digits)
        search_box.draw(view)
        settings.draw(view)
        layout.button(view, now)
