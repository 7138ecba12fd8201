"""Every code's tile, to pick one."""

import streamlit as st

from pages.ui import resources
from pages.ui.codebook.view import CodebookView
from pages.ui.components.gallery import gallery


def draw(view: CodebookView) -> None:
    st.subheader("All codes", anchor=False)
    gallery(
        resources.tiles(view.checkpoint),
        view.order.tolist(),
        view.usage.all_cells.total.tolist(),
        view.state["code"],
        f"codebook.gallery.{view.state.restarts}",
        view.pick,
    )
    st.caption("Every code’s tile with its number, in the order chosen above. A dead code has a dashed frame.")
