"""A model that has no prior yet."""

import streamlit as st

from pages.ui.shell.frame import Scene


def offer(scene: Scene) -> None:
    """Say so, and how one is trained."""
    st.info("This model has no prior yet, so nothing knows which of its codes go together.")
