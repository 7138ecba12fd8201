"""The frame around every page: title, menu, the picker of checkpoints, "Start over", one heading and its lead."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from pages.ui import resources
from pages.ui.address import Field, PageState, one_of
from vqvae.checkpoint import SHIPPED, Checkpoint, CheckpointError

STYLE = Path(__file__).with_name("frame.css").read_text()
ICON = Path(__file__).with_name("icon.svg")  # a named icon would be fetched from elsewhere

MENU = (
    ("app.py", "Home", ":material/home:"),
    ("pages/draw.py", "Draw", ":material/draw:"),
    ("pages/codebook.py", "Codebook", ":material/grid_view:"),
    ("pages/map.py", "Map", ":material/scatter_plot:"),
)
PICKER = {"default": "Default (EMA)", "tutorial": "Tutorial (gradient)"}


class Scene(NamedTuple):
    """What every page works on."""

    name: str  # of the checkpoint, as in the address
    checkpoint: Checkpoint
    state: PageState


def frame(title: str, lead: str, fields: Sequence[Field] = (), heading: str | None = None) -> Scene:
    """Draw the frame and open the chosen checkpoint; the page follows below. Stops the run where no model opens.

    `title` names the page in the menu, the browser's tab and the session; `heading` stands on it in its place.
    """
    st.set_page_config(
        page_title=f"{title} · VQ-VAE Explorer", page_icon=str(ICON), layout="wide", initial_sidebar_state=250
    )
    st.html(f"<style>{STYLE}</style>")
    state = PageState(title.lower(), (Field("model", one_of(*SHIPPED), "default", shared=True), *fields))
    with st.sidebar:
        st.markdown("**VQ-VAE Explorer**")
        for path, label, icon in MENU:
            st.page_link(path, label=label, icon=icon, width="stretch")
        st.selectbox(
            "Model",
            list(SHIPPED),
            key=state.key("model"),
            format_func=lambda name: PICKER[name],
            persist_state="session",
            help="Both saw MNIST's 60,000 training digits: the same network, two ways to learn the codes.",
        )
        st.button("Start over", icon=":material/restart_alt:", on_click=state.restart, width="stretch", key="restart")
    st.title(heading or title, anchor=False)
    st.markdown(lead)
    if state.complaints:
        st.warning(f"Part of this address was not understood and is left out: {'; '.join(state.complaints)}.")
    name, checkpoint = _open(state["model"])
    return Scene(name, checkpoint, state)


def _open(chosen: str) -> tuple[str, Checkpoint]:
    """The chosen checkpoint, or, where its file is damaged, another that opens; says so in a sentence."""
    for name in (chosen, *(other for other in SHIPPED if other != chosen)):
        try:
            checkpoint = resources.checkpoint(name)
        except CheckpointError as error:
            st.error(f"The model “{name}” cannot be opened. {error} Reinstall the explorer to get it back.")
            continue
        if name != chosen:
            st.info(f"You see the model “{name}” instead.")
        return name, checkpoint
    st.stop()
