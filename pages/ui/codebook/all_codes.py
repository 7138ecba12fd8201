"""Every code's tile, to pick one; of a large codebook a page at a time."""

import streamlit as st

from pages.ui import resources
from pages.ui.codebook.view import CodebookView
from pages.ui.components.gallery import gallery

PAGE = 512  # tiles that a browser lays out at once


def draw(view: CodebookView) -> None:
    st.subheader("All codes", anchor=False)
    order = view.order.tolist()
    if len(order) > PAGE:
        order = _page(view, order)
    gallery(
        resources.tiles(view.checkpoint),
        order,
        view.usage.all_cells.total.tolist(),
        view.state["code"],
        f"codebook.gallery.{view.state.restarts}",
        view.pick,
    )
    st.caption("Every code’s tile with its number, in the order chosen above. A dead code has a dashed frame.")


def _page(view: CodebookView, order: list[int]) -> list[int]:
    """A part of the codes, in their order: the one with the code picked, until another is chosen."""
    begins = range(0, len(order), PAGE)
    key = f"codebook.gallery.page.{view.state.restarts}"
    shown = (view.state["code"], view.state["order"])
    if st.session_state.get(f"{key}.of") != shown:  # picked elsewhere, or in another order now
        st.session_state[f"{key}.of"] = shown
        if view.state["code"] is not None:
            st.session_state[key] = order.index(view.state["code"]) // PAGE * PAGE
    begin = st.selectbox(
        "Which of them",
        begins,
        key=key,
        format_func=lambda begin: f"{begin + 1:,} to {min(begin + PAGE, len(order)):,} of {len(order):,}",
        width=260,
        help="In the order chosen above. To see one code, pick it by its number beside.",
    )
    return order[begin : begin + PAGE]
