"""What is rarely changed about a map, in one form: the map follows when it is sent."""

import streamlit as st

from pages.ui.map.choices import NEIGHBOURHOODS, POINTS, SEEDS, arrangement, mapped_images
from pages.ui.map.view import MapView
from pages.ui.shell.choices import called_images, take_typed, typed_field
from pages.ui.shell.in_view import in_view
from pages.ui.shell.own_images import bring

BOUNDS = {"points": POINTS, "neighbours": NEIGHBOURHOODS, "seed": SEEDS}


def draw(view: MapView) -> None:
    """How points are arranged, which a click changes, and in a form what makes a map that takes its time."""
    state = view.state
    place = f"map.settings.{state.restarts}"

    def send() -> None:
        if take_typed(state, BOUNDS):
            st.session_state["map.sent"] = True
            st.session_state[place] = False  # closed: the map is what is to be looked at now

    with st.popover("Settings", icon=":material/tune:", key=place, on_change="rerun"):
        if not in_view(state, "settings"):
            return
        arrangement(state)
        with st.form(f"map.form.{state.restarts}", border=False):
            _form(view)
            if st.form_submit_button("Show this map", type="primary", width="stretch", on_click=send):
                st.rerun()
        bring(state, "digits", view.scene.visitor)


def _form(view: MapView) -> None:
    state, me = view.state, view.scene.visitor
    offered = mapped_images(me)
    called = called_images(offered, view.checkpoint, me)
    if len(offered) > 1:
        st.selectbox(
            "Images from",
            list(offered),
            key=state.key("digits"),
            format_func=called.__getitem__,
            persist_state="session",
        )
    if view.noun != "codes":
        typed_field(
            state,
            "points",
            "Points",
            *POINTS,
            step=500,
            help="At most this many. The points of a smaller map are all in a larger one.",
        )
    typed_field(
        state,
        "neighbours",
        "t-SNE neighbourhood size (perplexity)",
        *NEIGHBOURHOODS,
        help="About how many neighbours each point tries to keep close. Small: many little islands.",
    )
    typed_field(
        state,
        "seed",
        "Seed of t-SNE",
        *SEEDS,
        help="Changes the random start. What stays the same over several seeds is in the data.",
    )
