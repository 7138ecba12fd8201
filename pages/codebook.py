"""Codebook: how often each code is used, and what one of them stands for."""

import streamlit as st
import torch

from pages.ui import resources
from pages.ui.charts import figures
from pages.ui.codebook import sections
from pages.ui.codebook.card import SHOWN as PATCHES
from pages.ui.codebook.card import card, montage, patches, picker, use
from pages.ui.codebook.survey import Survey, survey
from pages.ui.components.gallery import gallery
from pages.ui.shell.choices import DIGITS, check_code, check_digits, choose
from pages.ui.shell.frame import frame, name_of_model
from pages.ui.shell.url_state import Field, PageState, one_of, whole
from vqvae.analysis.neighbours import nearest_cells
from vqvae.analysis.usage import by_class, by_use
from vqvae.data import DataError
from vqvae.evaluation import perplexity

ORDERS = {"use": "Use", "index": "Index", "class": "Digit", "similarity": "Similarity"}
CELLS = {"all": "All cells", "ink": "Without background"}
SECTIONS = {
    "usage": "Usage",
    "digits": "Digits",
    "positions": "Positions",
    "neighbours": "Neighbours",
    "damage": "Damage",
    "compare": "Compare",
}
ORDERS_HELP = (
    "Use: the most used first, so that the curve shows how evenly codes are used. Digit: grouped by the digit that "
    "uses a code most. Similarity: neighbours have similar vectors."
)


def telling(seen: Survey) -> int:
    """The most used of the codes whose tile is a stroke rather than paper."""
    strokes = resources.tiles(seen.checkpoint).flatten(1).mean(1) > 0.4
    return int((seen.counts.total * strokes).argmax())


def on_stage(state: PageState, seen: Survey, code: int) -> None:
    """All tiles, and what one of them stands for, on one screen."""
    everything, one = st.columns([7, 4], gap="large")
    with everything:
        dead, tiles, uses = len(seen.usage.dead), resources.tiles(checkpoint), seen.counts.total
        st.markdown(
            f"**{seen.K} codes: the model’s whole alphabet**, the most used first. {dead or 'No'} "
            f"{'code is' if dead < 2 else 'codes are'} dead; codebook perplexity {perplexity(uses):.1f}."
        )
        order = by_use(uses).tolist()
        used = seen.usage.all_cells.total.tolist()  # by background too: a tile is framed where no cell takes it
        gallery(tiles, order, used, code, f"codebook.stage.{state.restarts}", picker(state))
    with one:
        st.subheader(f"Code {code}", anchor=False)
        use(seen, code)
        cells = seen.encoded.cells_of(code, seen.with_background)
        montage(seen, nearest_cells(seen.encoded, cells, PATCHES))
        st.caption(("These are the patches nearest to it. " if len(cells) else "") + seen.measured_on)


scene = frame(
    "Codebook",
    "The codebook is the model’s alphabet: each code is a vector that the decoder draws as a small pattern, its tile. "
    "Pick a code to see where it is used.",
    (
        Field("code", whole(0, 10**6), None, shared=True),
        Field("digits", one_of(*DIGITS), "embedded"),
        Field("section", one_of(*SECTIONS), "usage"),
        Field("order", one_of(*ORDERS), "use"),
        Field("scale", one_of(*sections.SCALES), "linear"),
        Field("by", one_of(*sections.COLOURS), "none"),
        Field("cells", one_of(*CELLS), "all"),
        Field("with", name_of_model(), None),
        Field("picture", one_of(*figures.PICTURES), "png"),
    ),
)
state, checkpoint = scene.state, scene.checkpoint
check_code(state, checkpoint.model.config.num_embeddings)
available = resources.available_digits()
check_digits(state, available)

if not scene.presenting:
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        if len(available) > 1:
            offered = {name: DIGITS[name] for name in available}
            choose(state, "Digits", "digits", offered, "What the usage is measured on.")
        choose(
            state,
            "Cells",
            "cells",
            CELLS,
            "A background cell is one whose patch, all the pixels that the encoder sees for it, holds no ink at all. "
            "There are many of them, they share a few codes, and these hide the rest.",
        )
        choose(state, "Order", "order", ORDERS, ORDERS_HELP)
        download = st.popover("Download", icon=":material/download:")

try:
    seen = survey(checkpoint, available[state["digits"]], state["cells"] == "all")
except DataError as error:
    st.error(f"These digits cannot be opened. {error}")
    state.publish()
    st.stop()

if scene.presenting:
    on_stage(state, seen, telling(seen) if state["code"] is None else state["code"])
    state.publish()
    st.stop()

orders = {
    "use": lambda: by_use(seen.counts.total),
    "index": lambda: torch.arange(seen.K),
    "class": lambda: by_class(seen.usage, seen.counts),
    "similarity": lambda: resources.similar_codes(checkpoint),
}
order = orders[state["order"]]()
code = int(seen.counts.total.argmax()) if state["code"] is None else state["code"]
standings = []

overview, one = st.columns([3, 2], gap="large")
with overview:
    st.subheader("How codes are used", anchor=False)
    choose(
        state,
        "Show",
        "section",
        SECTIONS,
        "Usage: how often. Digits: by which. Positions: where. Neighbours: "
        "beside which others. Damage: what breaks without them. Compare: against another model.",
    )
    match state["section"]:
        case "usage":
            sections.usage(state, seen, order)
        case "digits":
            sections.classes(state, seen, order)
        case "positions":
            sections.positions(state, seen)
        case "neighbours":
            sections.neighbours(state, seen, order)
        case "damage":
            sections.damage(state, seen)
        case "compare":
            standings = sections.compare(state, seen, scene)

    st.subheader("All codes", anchor=False)
    gallery(
        resources.tiles(checkpoint),
        order.tolist(),
        seen.usage.all_cells.total.tolist(),
        state["code"],
        f"codebook.gallery.{state.restarts}",
        picker(state),
    )
    st.caption("Every code’s tile with its number, in the order chosen above. A dead code has a dashed frame.")

with one:
    card(state, seen, code)
patches(seen, code)
with download:
    sections.take_away(state, seen, standings)

state.publish()
