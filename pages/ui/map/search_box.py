"""A search among the points: what a text finds is selected, and so are the points that use a code picked elsewhere."""

import re

import streamlit as st

from pages.ui.components.scatter import select, selection
from pages.ui.map.view import MapView
from vqvae.analysis.search import EXAMPLES, SearchError, search


def draw(view: MapView) -> None:
    if view.noun != "codes":
        st.text_input(
            "Find digits",
            key="map.find",
            on_change=_find,
            args=(view,),
            placeholder=f"Find: {EXAMPLES}",
            label_visibility="collapsed",
            icon=":material/search:",
            help="By class, number, code and its place, or error; joined by “and”. The result is selected.",
            width=330,
        )


def follow_code(view: MapView) -> None:
    """Select the points that use the code picked elsewhere, once for each pick."""
    code = view.state["code"]
    if view.noun != "codes" and code != st.session_state.get("map.followed"):
        st.session_state["map.followed"] = code
        if code is not None:
            _say(view, f"Code {code} is picked. " + _seek(view, f"code {code}"))


def said(view: MapView) -> str:
    """What came of the last search, for as long as what it selected is selected."""
    sentence, about = st.session_state.get("map.said", ("", None))
    return sentence if view.noun != "codes" and about is selection(view.canvas) else ""


def _find(view: MapView) -> None:
    """Do as the text says; a callback."""
    request = re.sub(r"[^\w#.,; ]", "", st.session_state["map.find"])[:100].strip()  # shown again, as plain words
    try:
        if request:
            _say(view, _seek(view, request))
        else:
            select(view.canvas, [])
    except SearchError as error:
        _say(view, f"Nothing was searched: {error}.")


def _seek(view: MapView, request: str) -> str:
    """Select what a request finds among the points; what came of it, in a sentence."""
    nmse, codes = view.reconstructions.nmse, view.encoded.codes
    found = search(request, view.digits.labels, codes, nmse, view.config.num_embeddings)
    indices, cells = view.points
    chosen = found.digits[indices] if cells is None else found.cells.flatten(1)[indices, cells]
    select(view.canvas, view.ids[chosen.numpy()])
    return f"“{request}”: {int(chosen.sum()):,} of {view.what} selected."


def _say(view: MapView, sentence: str) -> None:
    st.session_state["map.said"] = sentence, selection(view.canvas)
