"""What is rarely changed about a map, in one form: the map follows when it is sent."""

import streamlit as st

from pages.ui.map.choices import NEIGHBOURHOODS, POINTS, SEEDS, arrangement, available
from pages.ui.map.view import MapView
from pages.ui.shell.choices import DIGITS


def draw(view: MapView) -> None:
    """How points are arranged, which a click changes, and in a form what makes a map that takes its time."""
    state = view.state
    place = f"map.settings.{state.restarts}"

    def send() -> None:
        st.session_state["map.sent"] = True
        st.session_state[place] = False  # closed: the map is what is to be looked at now

    with st.popover("Settings", icon=":material/tune:", key=place, on_change="rerun"):
        arrangement(state)
        with st.form(f"map.form.{state.restarts}", border=False):
            _form(view)
            if st.form_submit_button("Show this map", type="primary", width="stretch", on_click=send):
                st.rerun()


def _form(view: MapView) -> None:
    state, offered = view.state, available()
    if len(offered) > 1:
        st.selectbox(
            "Digits from",
            list(offered),
            key=state.key("digits"),
            format_func=lambda name: DIGITS[name],
            persist_state="session",
        )
    if view.noun != "codes":
        st.number_input(
            "Points",
            *POINTS,
            step=500,
            key=state.key("points"),
            persist_state="session",
            help="At most; a smaller map’s points are all in a larger one.",
        )
    st.number_input(
        "t-SNE neighbourhood size (perplexity)",
        *NEIGHBOURHOODS,
        key=state.key("neighbours"),
        persist_state="session",
        help="About how many neighbours each point tries to keep close. Small: many little islands.",
    )
    st.number_input(
        "Seed of t-SNE",
        *SEEDS,
        key=state.key("seed"),
        persist_state="session",
        help="Shakes the start. What stays the same over several seeds is in the data.",
    )
