"""Who is looking: a random token in the browser's localStorage, so that runs and checkpoints are found again.

The token says nothing about anybody. What the browser sends is a stranger's message, checked here before it is used.
"""

import streamlit as st

from pages.ui.components.shared import FOLDER as SHARED
from vqvae.runs.visitor import Visitor, is_token, new_token

RESTING = (SHARED / "idle.js").read_text()
KEY = "visitor.token"  # in the session

# Where the browser keeps nothing, the token lasts as long as the page.
SCRIPT = """
export default function ({ data, parentElement, setStateValue }) {
  const name = "vqvae-visitor";
  let token = null;
  try {
    token = localStorage.getItem(name);
    if (!/^[0-9a-f]{32}$/.test(token)) localStorage.setItem(name, (token = data.fresh));
  } catch {
    token = data.fresh;
  }
  const timer = setInterval(() => {
    const shown = parentElement.isConnected;
    if (shown && !resting()) return;
    clearInterval(timer);
    if (shown) setStateValue("token", token);
  }, 20);
  return () => clearInterval(timer);
}
"""

_component = st.components.v2.component("vqvae_visitor", js=RESTING + SCRIPT)


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
