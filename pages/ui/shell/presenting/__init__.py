"""The stage: what a talk needs around any page. One screen without a menu, and a clicker's keys."""

from pathlib import Path
from typing import NamedTuple

from streamlit.components.v2 import component

FOLDER = Path(__file__).parent
STYLE = (FOLDER / "presenting.css").read_text()

_keys = component("vqvae_stage", js=(FOLDER / "presenting.js").read_text())


class Pressed(NamedTuple):
    """A key that the page itself left alone."""

    meaning: str  # "next", "previous" or "leave"
    leads_on: bool  # marked by a page with steps of its own: this one leads on from their end


def pressed() -> Pressed | None:
    """Listen to the keys; one of them, in the run that hears it."""
    answer = _keys(key="stage.keys", on_pressed_change=lambda: None).pressed
    if not isinstance(answer, dict) or answer.get("meaning") not in ("next", "previous", "leave"):
        return None
    return Pressed(answer["meaning"], answer.get("leads_on") is True)
