"""The codebook for an audience: all tiles, and what one of them stands for, on one screen."""

import streamlit as st

from pages.ui import resources
from pages.ui.codebook import card, patches
from pages.ui.codebook.view import CodebookView
from pages.ui.components.gallery import gallery
from vqvae.analysis.usage import by_use
from vqvae.evaluation import perplexity


def draw(view: CodebookView) -> None:
    everything, one = st.columns([7, 4], gap="large")
    code = view.code
    with everything:
        dead, uses = len(view.usage.dead), view.counts.total
        st.markdown(
            f"**{view.K} codes: the model’s whole alphabet**, the most used first. {dead or 'No'} "
            f"{'code is' if dead < 2 else 'codes are'} dead; codebook perplexity "
            f"{perplexity(view.usage.all_cells.total):.1f} over all cells, "
            f"{perplexity(view.usage.ink_cells.total):.1f} over cells with ink."
        )
        used = view.usage.all_cells.total.tolist()  # by background too: a tile is framed where no cell takes it
        key = f"codebook.stage.{view.state.restarts}"
        gallery(resources.tiles(view.checkpoint), by_use(uses).tolist(), used, code, key, view.pick)
    with one:
        st.subheader(f"Code {code}", anchor=False)
        card.use(view, code)
        some = bool(view.counts.total[code])
        if some:
            patches.nearest(view)
        st.caption("These are the patches nearest to it. " * some + view.measured_on)
