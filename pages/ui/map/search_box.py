"""A search among the points: what a text finds is selected, and so are the points that use a code picked elsewhere."""

import re

import numpy as np
import streamlit as st

from pages.ui.components.scatter import Selected, select, selection
from pages.ui.map.choices import LONGEST
from pages.ui.map.view import MapView
from vqvae.analysis.search import EXAMPLES, SearchError, search
from vqvae.data import DataError


def draw(view: MapView) -> None:
    if view.noun != "codes":
        st.text_input(
            f"Find {view.digits.many}",
            key=view.state.key("find"),
            on_change=find,
            args=(view,),
            placeholder=f"Find: {EXAMPLES}",
            label_visibility="collapsed",
            icon=":material/search:",
            persist_state="session",
            help="By class, number, code and its place, or error; joined by “and”. The result is selected.",
            width=330,
        )


def follow_code(view: MapView) -> None:
    """Select the points that use the code picked elsewhere, or on the map of codes that code, once for each pick."""
    code = view.state["code"]
    if code == st.session_state.get(followed(view)):
        return
    st.session_state[followed(view)] = code
    if code is None:
        return
    if view.noun == "codes":
        if selection(view.canvas).ids.tolist() != [code]:
            select(view.canvas, [code])
    else:
        _say(view, f"Code {code} is picked. " + _seek(view, f"code {code}"), None)


def followed(view: MapView) -> str:
    """The session's key of the code that this map, of codes or of what uses them, has shown last."""
    return "map.followed.codes" if view.noun == "codes" else "map.followed"


def said(view: MapView) -> str:
    """What came of the last search, for as long as what it selected is selected."""
    sentence, about, _ = st.session_state.get("map.said", ("", None, ""))
    return sentence if view.noun != "codes" and about is selection(view.canvas) else ""


def words_of(view: MapView, chosen: Selected) -> str | None:
    """A request that finds just what is selected; "" where none is known, None where the picked code says it."""
    _, about, request = st.session_state.get("map.said", ("", None, ""))
    if about is chosen:
        return request
    if view.noun == "codes" or not len(chosen.ids):
        return ""
    labels = view.digits.labels[view.points.indices].numpy()
    here = labels[np.isin(view.ids, chosen.ids)]
    whole = len(here) == len(chosen.ids) and (here == here[0]).all() and len(here) == (labels == here[0]).sum()
    return f"class {view.digits.classes[here[0]] or here[0]}" if whole else ""


def show(view: MapView, request: str) -> None:
    """Have the box hold the request; one that was not understood stays there to be mended. Before it is drawn."""
    there = view.state["find"]
    if there != request and (request or there != st.session_state.get("map.unclear")):
        view.state["find"] = request


def find(view: MapView) -> None:
    """Do as the text says; a callback."""
    request = re.sub(r"[^\w#.,;()+ -]", "", view.state["find"])[:LONGEST].strip()  # shown again, as plain words
    st.session_state.pop("map.unclear", None)
    try:
        if request:
            _say(view, _seek(view, request), request)
        else:
            select(view.canvas, [])
    except SearchError as error:
        st.session_state["map.unclear"] = view.state["find"]
        _say(view, f"This search was not understood: {error}.", "")
    except DataError as error:
        _say(view, f"Nothing can be found. {error}", "")


def _seek(view: MapView, request: str) -> str:
    """Select what a request finds among the points; what came of it, in a sentence."""
    nmse, codes = view.reconstructions.nmse, view.encoded.codes
    found = search(request, view.digits.labels, codes, nmse, view.config.num_embeddings, view.digits.classes)
    indices, cells = view.points
    chosen = found.digits[indices] if cells is None else found.cells.flatten(1)[indices, cells]
    select(view.canvas, view.ids[chosen.numpy()])
    return f"“{request}”: {int(chosen.sum()):,} of {view.what} selected."


def _say(view: MapView, sentence: str, request: str | None) -> None:
    st.session_state["map.said"] = sentence, selection(view.canvas), request
