"""The stage: what a talk needs around any page. One screen without a menu, and a clicker's keys."""

from pathlib import Path

import streamlit as st

FOLDER = Path(__file__).parent
STYLE = (FOLDER / "stage.css").read_text()

_keys = st.components.v2.component("vqvae_stage", js=(FOLDER / "stage.js").read_text())


def pressed() -> str | None:
    """Listen to the keys that the page itself leaves alone: "next", "previous" or "leave", in the run that hears it."""
    answer = _keys(key="stage.keys", on_pressed_change=lambda: None)
    return answer.pressed if answer.pressed in ("next", "previous", "leave") else None
