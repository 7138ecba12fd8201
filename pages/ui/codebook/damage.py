"""What breaks without each code: measured when it is asked for, as a ranking of all and in the card of one."""

import streamlit as st

from pages.ui import resources
from pages.ui.caches import content
from pages.ui.charts import pictures
from pages.ui.charts.damage import damage
from pages.ui.charts.style import HEIGHT
from pages.ui.codebook.view import CodebookView
from pages.ui.shell.chart import chart, place
from pages.ui.shell.code_selection import Picking
from pages.ui.shell.job import Work
from pages.ui.shell.words import are
from vqvae.analysis.ablation import DAMAGED


def ranking(view: CodebookView) -> None:
    """What breaks without each code, as a ranking."""
    ablation = view.ablation
    if ablation is None:
        with place("codebook-damage", HEIGHT):
            st.info(
                "With one code alone, there is nothing that could stand in for it."
                if view.K == 1
                else "Not measured yet for this model: press “Measure” in the card, under “What breaks without it”."
            )
        return
    picking = Picking(
        "codebook.damage",
        view.state.key("code"),
        (view.checkpoint.fingerprint, view.checkpoint.variance, view.state["picture"], view.state.restarts),
    )
    chart(
        resources.figure(
            lambda: damage(ablation.nmse, ablation.without, ablation.ranking, picking.picked).update_layout(
                meta=picking.serial
            ),
            *("damage", view.ablation_key, picking.picked, picking.serial),
        ),
        "codebook-damage",
        key=picking.key,
        on_select=picking.on_select,
        selection_mode="points",
        config=view.toolbar,
        alt=f"What each of the {view.K} codes adds to the NMSE when it is banned",
    )
    worst = int(ablation.ranking[0])
    other = ", whatever is chosen above" if view.ablated != view.source else ""
    nothing = int((ablation.without <= ablation.nmse).sum())
    st.markdown(
        f"**Code {worst} is missed most:** NMSE {ablation.nmse:.4f} with it, {float(ablation.without[worst]):.4f} "
        f"without. "
        + (
            f"**{nothing} of {view.K}** codes {are(nothing)} not missed at all." if nothing else "Every code is missed."
        ),
        help="NMSE is the mean squared error over the variance of the training images: 0 is perfect, 1 as bad as one "
        "grey for all pixels.",
    )
    st.caption(
        "One code at a time is banned: each cell that took it goes to its next nearest code, and the decoder draws "
        "again; nothing is retrained. Bars are what that adds to the NMSE. A code can be used often and missed "
        "little where another is nearly its equal. Click a column to pick its code. "
        f"Measured on {view.ablated_digits.described}, all cells{other}."
    )


def missed(view: CodebookView, code: int) -> None:
    """What breaks without the code, and the digits that suffer most."""
    st.markdown(
        "**What breaks without it**",
        help="The code is banned: each cell that took it goes to its next nearest code, and the decoder draws again. "
        "NMSE is the mean squared error over the variance of the training images.",
    )
    if view.K == 1:
        st.markdown("It is the only code: nothing could stand in for it.")
        return
    ablation = view.ablation
    if ablation is None:
        measure(view)
        return
    before, after = ablation.nmse, float(ablation.without[code])
    rank = int((ablation.without > ablation.without[code]).sum()) + 1
    st.markdown(
        f"NMSE **{before:.4f}** with it, **{after:.4f}** without, {after / before - 1:+.1%}: rank {rank} of {view.K}."
    )
    indices = tuple(ablation.digits_of(code).tolist())
    many = view.ablated_digits.many

    def stacks() -> str:
        redrawn = resources.redrawn(view.checkpoint, view.ablated, indices, code)
        layers = (redrawn.originals, redrawn.before.pixels, redrawn.after.pixels, redrawn.change)
        return pictures.stacks(layers, DAMAGED, f"The {many} damaged most: originals, with code {code}, without it")

    st.html(resources.built(stacks, "damaged most", content(view.checkpoint), view.ablated, indices, code))
    st.caption(
        f"The {many} that suffer most: originals, with the code, without it, and how far each pixel moves. "
        f"Measured on {view.ablated_digits.described}, all cells."
        if indices
        else f"None of the {view.ablated_digits.described} uses it, so nothing changes."
    )


def measure(view: CodebookView) -> None:
    """Measure what breaks without each code when asked to, and show how far that is; the page follows when it ends."""
    key = view.ablation_key
    me = view.scene.visitor
    work = Work(
        "codebook",
        key,
        lambda visitor: resources.ablations().start(key, view.checkpoint, view.ablated_digits, visitor),
        me.folder.name if me else None,
    )
    work.rejoin(resources.ablations().of)
    pace = work.pace

    def follow() -> None:
        work.keep(pace)
        work.progress(
            lambda job: (
                "Banning one code after another"
                + (f", about {job.seconds_left:.0f} s left" if job.seconds_left else " …")
            )
        )
        work.button("Measure")

    with st.container(key="codebook-measure"):
        if pace:
            view.scene.fragment(follow, run_every=pace)
            return
        if work.error:
            st.error(f"This could not be measured ({work.error}). Try again, or choose another model.")
        work.button("Measure", primary=True)
        st.caption(
            f"Each code is banned in turn, on {view.ablated_digits.described}: about half a minute, in the background."
        )
