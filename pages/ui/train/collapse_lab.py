"""The collapse lab: recipes side by side, in recorded comparisons and in the visitor's own, and what they came to."""

from pathlib import Path

import streamlit as st

from pages.ui import resources
from pages.ui.charts import training
from pages.ui.charts.toolbar import TOOLBAR
from pages.ui.shell.frame import Scene
from pages.ui.shell.messages import attempt
from pages.ui.shell.words import counted
from pages.ui.train.checkpoints import PLACE, take_in
from pages.ui.train.side_by_side import CPU_SECONDS, FIRST, MOST, NAMES, side_by_side
from vqvae import checkpoint as checkpoints
from vqvae.data import TORCHVISION
from vqvae.runs.comparison import LONGER, SHIPPED, Comparison, failed, model_file, verdict
from vqvae.runs.own_checkpoints import OwnCheckpoints
from vqvae.training import Hyperparameters

OWN = "Your own"


def lab(scene: Scene, own: OwnCheckpoints | None, settings: Hyperparameters | None) -> None:
    """The whole section; `settings` is the recipe that the page shows, None for one that cannot be."""
    st.subheader("Collapse lab", anchor=False)
    st.markdown(
        "Why do codes die? A code that no vector is nearest to gets no gradient, so it stays where it is. The recipes "
        "differ in where codes start, in what moves them, and some in the gradient that reaches the encoder. Images, "
        "their order and the network are the same, but for FSQ, whose cells have three numbers."
    )
    recorded = {
        counted(found.epochs, "epoch"): (folder, found)
        for folder in (SHIPPED, LONGER)
        if (found := resources.comparison(folder)) is not None
    }
    which = OWN
    if recorded:
        which = st.segmented_control(
            "Comparison",
            [*recorded, OWN],
            default=next(iter(recorded)),
            key="train.lab.which",
            required=True,
            persist_state="session",
            label_visibility="collapsed",
        )
    if which in recorded:
        look_back(*recorded[which], own)
    else:
        side_by_side(scene, own, settings)


def look_back(folder: Path, comparison: Comparison, own: OwnCheckpoints | None) -> None:
    """A recorded comparison: its curves, its verdict, and its models to keep."""
    place = f"train.lab.{folder.name}"
    few = len(comparison.recipes) <= MOST
    seeds = sorted({result.seed for result in comparison.results})
    over = f"mean and range over {len(seeds)} seeds" if len(seeds) > 1 else f"one run each, with seed {seeds[0]}"
    steps = max(point.step for result in comparison.results for point in result.curve)
    images = TORCHVISION.get(comparison.dataset, "the embedded digits")
    chosen = st.multiselect(
        "Recipes, two to four",
        comparison.recipes,
        [name for name in comparison.recipes if few or name in FIRST],
        format_func=NAMES.__getitem__,
        max_selections=MOST,
        key=place,
        persist_state="session",
    )
    left, right = st.columns(2, gap="large")
    for column, value, words in (
        (left, "nmse", "NMSE of the training batches"),
        (right, "codes_used", "Codes used in the latest batches"),
    ):
        column.markdown(f"**{words}**, {over}")
        column.plotly_chart(
            resources.figure(
                lambda value=value: training.recipe_curves(comparison, chosen, NAMES, value),
                *("recipe curves", folder.name, tuple(chosen), value),
            ),
            key=f"{place}.{value}",
            config=TOOLBAR,
            alt=words,
        )
    broken = [
        f"{NAMES[one.recipe]} with seed {one.seed} (NMSE {one.test.nmse:.4f})"
        for name in chosen
        for one in failed(comparison.of(name))
    ]
    st.caption(
        f"Recorded on {comparison.images:,} training images of {images}, {counted(comparison.epochs, 'epoch')}: "
        f"{steps:,} steps. Each recipe has the best of three learning rates, chosen by short runs on held-out training "
        "images." + (f" Failed: {'; '.join(broken)}." if broken else "")
    )
    table(comparison, chosen, f"{place}.table")
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        name = st.selectbox("Model", comparison.recipes, format_func=NAMES.__getitem__, key=f"{place}.one", width=260)
        st.button(
            "Save to your checkpoints",
            icon=":material/save:",
            disabled=own is None,
            on_click=attempt,
            args=(PLACE, lambda: take_in(own, checkpoints.load(model_file(folder, name)), NAMES[name], renames=True))
            if own
            else None,
            help="The model of the first seed, with its effective codebook: it then opens on every page.",
        )


def table(comparison: Comparison, chosen: list[str], key: str) -> None:
    """The verdict on the test images."""
    verdicts = [verdict(comparison.of(name)) for name in chosen]
    st.dataframe(
        [
            {
                "Recipe": NAMES[one.recipe],
                "Test NMSE": f"{one.nmse:.4f}",
                "Perplexity, all cells": f"{one.perplexity:.1f}",
                "Perplexity, ink cells": f"{one.ink_perplexity:.1f}" if one.ink_perplexity else "–",
                "Codes used": f"{one.codes_used:.1f}",
                "Learning rate": f"{one.lr:g}",
                "CPU seconds": f"{one.cpu_seconds:.0f}",
                "Seeds": one.seeds,
            }
            for one in verdicts
        ],
        hide_index=True,
        key=key,
        column_config={"CPU seconds": st.column_config.Column(help=CPU_SECONDS)},
    )
