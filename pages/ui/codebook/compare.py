"""Another model beside this one, on the same digits."""

import math

import streamlit as st

from pages.ui.charts.usage import usage_by_rank
from pages.ui.codebook.tables import ComparedModel
from pages.ui.codebook.view import CodebookView
from pages.ui.shell.chart import chart
from pages.ui.shell.messages import plain
from vqvae.checkpoint import CheckpointError
from vqvae.runs.own_checkpoints import is_own


def draw(view: CodebookView) -> list[ComparedModel]:
    """Another model beside this one, on the same digits; the figures of both."""
    scene = view.scene
    others = [name for name in scene.titles if name != scene.name]
    if scene.visitor is None and is_own(view.state["with"] or ""):
        st.caption("Opening your model …")  # in a moment the browser says whose it is
        return []
    if view.state["with"] not in others:
        if view.state["with"] not in (None, scene.name):
            view.state.warn("The model to compare with is not among yours: another one stands in its place.")
        view.state["with"] = others[0]
    st.selectbox(
        "Compare with",
        others,
        key=view.state.key("with"),
        format_func=lambda name: scene.titles[name],
        persist_state="session",
        width=320,
        help="Another model on the same digits and cells. Your own come from the Train page.",
    )
    try:
        other = view.beside(scene.open(view.state["with"]))
    except CheckpointError as error:
        st.error(f"The model “{scene.titles[view.state['with']]}” cannot be opened. {error} Choose another one.")
        return []
    names = [scene.titles[scene.name], scene.titles[view.state["with"]]]
    chart(
        usage_by_rank(list(zip(names, (view.counts.total, other.counts.total), strict=True))),
        "codebook-curves",
        key="codebook.curves",
        config=view.toolbar,
        alt="Usage of both codebooks by rank",
    )
    models = [one.compared(name) for one, name in zip((view, other), names, strict=True)]
    rows = {
        "Codes": [f"{one.codes}" for one in models],
        "Codebook perplexity, all cells": [f"{one.perplexity:.1f}" for one in models],
        "… ink cells": [f"{one.ink_perplexity:.1f}" for one in models],
        "Entropy, all cells, bits": [f"{one.bits:.2f} of {math.log2(one.codes):.2f}" for one in models],
        "Dead codes": [f"{one.dead}" for one in models],
        "NMSE": [f"{one.nmse:.4f}" for one in models],
    }
    head = " | ".join(plain(name) for name in names)
    st.markdown(
        f"| | {head} |\n|---|---:|---:|\n" + "\n".join(f"| {name} | {' | '.join(row)} |" for name, row in rows.items())
    )
    st.caption(
        "The flatter the curve, the higher the perplexity; it ends at the last code in use. NMSE is the mean squared "
        f"error over the variance stored with each model. Measured on {view.digits.described}; the curves count "
        f"{view.cells}."
    )
    return models
