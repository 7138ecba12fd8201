"""Map: the codebook's vectors and the digits, laid out so that neighbours stay neighbours."""

import streamlit as st

from pages.ui.map import address, choices, layout, panel, plot, search_box, stage, toolbar
from pages.ui.map.view import MapView
from pages.ui.shell.frame import page

LEAD = "Neighbours are alike to the model. Point at one, or draw around some to select them."

with page("Map", LEAD, choices.FIELDS, not_in_link=address.not_in_link) as scene:
    choices.check(scene)
    view, shown = MapView.chosen(scene), choices.shown(scene.state)
    search_box.follow_code(view)
    pace = layout.pace(view)

    def explore() -> None:
        """The map with its panel: runs alone after a selection, and every moment while a map is being computed."""
        if choices.shown(scene.state) != shown or choices.gone(scene):
            st.rerun()
        now = layout.of(view, pace)
        address.follow(view, now)
        if scene.presenting:
            stage.draw(view, now)
            return
        toolbar.draw(view, now)
        layout.status(view, now)
        left, right = st.columns([5, 3], gap="large")
        with left:
            selected = plot.draw(view, now.positions)
        with right:
            panel.draw(view, selected)

    scene.fragment(explore, run_every=pace)
    plot.send_pictures(view)
