"""What is selected, as a few words of the address: what was searched for, a lasso's corners, or a few points by number.

So a selection outlives F5, and a shared link shows it. What fits none of the three is said where the link is given.
"""

import numpy as np
import streamlit as st

from pages.ui.components.scatter import Selected, inside, select, selection
from pages.ui.map import search_box
from pages.ui.map.layout import Known, Running, Start
from pages.ui.map.linked import MOST, read
from pages.ui.map.view import MapView
from pages.ui.shell.url_state import by_history

TOLD = "map.told"  # in the session: whether the address follows the selection already
DRAWN = "map.drawn"  # the last outline's selection, and the layout that it was drawn on
LOST = "map.lost"  # whether the address cannot hold the selection


def follow(view: MapView, now: Known | Running | Start) -> None:
    """Select what an address asks for on arrival; from then on the address says what is selected."""
    asked = view.state["lasso"]
    if (TOLD not in st.session_state or by_history()) and not _arrive(view, now, asked):
        return
    st.session_state[TOLD] = True
    chosen = selection(view.canvas)
    if view.noun == "codes":  # one alone is picked, for all pages
        view.state["code"] = int(chosen.ids[0]) if len(chosen.ids) == 1 else None
        st.session_state[search_box.followed(view)] = view.state["code"]
    words = search_box.words_of(view, chosen)
    search_box.show(view, words or "")
    view.state["lasso"] = view.state["picked"] = None
    if not len(chosen.ids) or words != "" or (view.noun == "codes" and len(chosen.ids) == 1):
        st.session_state[LOST] = False
    elif drawn_here(view, chosen):
        view.state["lasso"] = "_".join(f"{x}.{y}" for x, y in chosen.outline)
        st.session_state[LOST] = False
    elif len(chosen.ids) <= MOST:
        view.state["picked"] = ".".join(map(str, chosen.ids.tolist()))
        st.session_state[LOST] = False
    else:
        st.session_state[LOST] = True


def _arrive(view: MapView, now: Known | Running | Start, lasso: str | None) -> bool:
    """Select what the address says; False while a lasso waits for the map that it was drawn on."""
    if lasso:
        if not isinstance(now, Known):
            return False
        outline = read(lasso)
        select(view.canvas, view.ids[inside(now.positions, outline)], outline)
        st.session_state[DRAWN] = selection(view.canvas), _layout(view)
    elif view.state["picked"]:
        select(view.canvas, np.intersect1d(list(map(int, view.state["picked"].split("."))), view.ids))
    elif view.state["find"]:
        search_box.find(view)
    elif by_history() and view.state["code"] is None:
        select(view.canvas, [])
    return True


def drawn_here(view: MapView, chosen: Selected) -> bool:
    """Whether the selection's outline means the same points on the map as it lies now."""
    if not chosen.outline:
        return False
    drawn, layout = st.session_state.get(DRAWN, (None, ""))
    if drawn is not chosen:
        st.session_state[DRAWN] = chosen, (layout := _layout(view))
    return layout == _layout(view)


def not_in_link() -> str:
    """What a link to the map leaves out, in a sentence; "" for nothing."""
    if not st.session_state.get(LOST):
        return ""
    return (
        f"The selection is not in the link: it holds what was searched for, one box or lasso, or {MOST} points that "
        "were picked one by one."
    )


def _layout(view: MapView) -> str:
    return f"{view.key} {view.settings.method}"
