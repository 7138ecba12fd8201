"""Codebook: how often each code is used, and what one of them stands for."""

import streamlit as st

from pages.ui.codebook import all_codes, card, choices, downloads, sections, stage
from pages.ui.codebook.view import CodebookView
from pages.ui.shell import ladder
from pages.ui.shell.frame import page
from pages.ui.shell.in_view import in_view

LEAD = "The model’s alphabet: each code is a vector that the decoder draws as a small pattern, its tile."

with page("Codebook", LEAD, choices.FIELDS) as scene:
    choices.check(scene)
    view = CodebookView.chosen(scene)
    if scene.presenting:
        stage.draw(view)
    else:
        overview, one = st.columns([3, 2], gap="large")
        with one:
            card.draw(view)
            with st.container():
                further_down = in_view(scene.state, "further-down")
                if further_down:
                    card.more(view)
        with overview:
            choices.draw(scene)
            download = sections.heading(scene)
            compared = sections.draw(view)
            with st.container():
                if further_down:
                    all_codes.draw(view)
        with download:
            if in_view(scene.state, "downloads"):
                downloads.draw(view, compared)

        def compare() -> None:
            ladder.section(scene, ladder.drawing_at_hand(scene))

        scene.further_down(compare)
