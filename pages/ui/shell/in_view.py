"""What lies further down a page is built once the visitor comes near it: most never scroll there."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from pages.ui.components.shared import module
from pages.ui.shell.url_state import PageState

ROOM = 400  # pixels that a part takes until it is there, so that there is something to scroll to


def in_view(state: PageState, part: str) -> bool:
    """Whether the visitor has come near this part of the page since their arrival; holds its place until then.

    Draw the part in the same container. What is closed, such as an expander, is come near to when it is opened. Two
    parts may be come near to at once, which the browser says in one message: ask for no part of a page in a fragment
    and for another outside of it, or the fragment alone would run again.
    """
    seen = f"in-view.{state.page}.{part}"  # not one of the page's own: Start over leaves the visitor where they are

    def come() -> None:
        st.session_state[seen] = state.arrival

    if st.session_state.get(seen) != state.arrival:
        _component(key=f"{seen}.component", height=ROOM, on_near_change=come)
    return st.session_state.get(seen) == state.arrival


_component = component("vqvae_in_view", html="", js=module(Path(__file__).with_suffix(".js")))
