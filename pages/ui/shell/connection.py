"""A lost connection is no end: a quiet mark says so, and what runs in the browser goes on.

Streamlit opens a dialog over the whole page then, which takes every pointer and key away from the pen. It is closed as
it opens; the mark is shown for as long as the connection is gone.
"""

from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

STYLE = Path(__file__).with_suffix(".css").read_text()
_component = component("vqvae_lifeline", js=Path(__file__).with_suffix(".js").read_text())


def lifeline() -> None:
    """Draw the mark, unseen while all is well."""
    with st.container(key="lifeline"):
        st.html(f"<style>{STYLE}</style>")
        st.html('<p role="status">No connection to the server. Drawing and editing go on; the rest waits.</p>')
        _component(key="lifeline.component")
