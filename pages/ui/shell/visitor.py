"""Who is looking: a random token in the browser's localStorage, so that runs and checkpoints are found again.

The token says nothing about anybody. What the browser sends is a stranger's message, checked here before it is used.
"""

from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from pages.ui.components.shared import module
from vqvae.runs.visitor import Visitor, is_token, new_token

KEY = "visitor.token"  # in the session

_component = component("vqvae_visitor", js=module(Path(__file__).with_suffix(".js")))


def visitor() -> Visitor | None:
    """The visitor of this session; None in the moment before the browser has said who it is."""
    # The place stays when nothing is asked any more: elements are told apart by their order, and without it all that
    # follows would be built anew at the first click, keyboard focus and scrolling lost.
    place = st.container(key="visitor")
    if KEY not in st.session_state:
        fresh = st.session_state.setdefault("visitor.fresh", new_token())
        with place:
            answer = _component(
                key="visitor.component", data={"fresh": fresh}, default={"token": None}, on_token_change=_hear
            )
        if is_token(answer.token):
            st.session_state[KEY] = answer.token
    return Visitor(st.session_state[KEY]) if KEY in st.session_state else None


def _hear() -> None:
    """The answer makes the page run again; that is all."""
