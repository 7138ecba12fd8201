"""The Codebook page's figures over all codes: one section is drawn at a time, since each costs something."""

import math
import re

import streamlit as st
from torch import Tensor

from pages.ui.charts import figures
from pages.ui.codebook import tables
from pages.ui.codebook.survey import Survey, survey
from pages.ui.codebook.tables import Standing
from pages.ui.shell.choices import choose
from pages.ui.shell.code_selection import Picking
from pages.ui.shell.frame import Scene
from pages.ui.shell.messages import plain
from pages.ui.shell.url_state import PageState
from vqvae.analysis.usage import entropy_bits
from vqvae.analysis.usage import lift as lift_of
from vqvae.checkpoint import CheckpointError
from vqvae.evaluation import perplexity
from vqvae.runs.own_checkpoints import is_own

AXES = {  # of an order of codes, and the number of the first code along it
    "use": ("rank, the most used first", 1),
    "index": ("code", 0),
    "class": ("codes by the digit that uses them most", 1),
    "similarity": ("codes, similar ones side by side", 1),
}
SCALES = {"linear": "Linear", "log": "Log"}
COLOURS = {"none": "None", "class": "By digit"}
LIFT = (
    "Lift is a share over the share that chance would give: 2 is twice as often, ½ half as often, 1 says that the two "
    "have nothing to do with each other."
)


def usage(state: PageState, seen: Survey, order: Tensor) -> None:
    """How often each code is used, and in a few figures how evenly."""
    K, counts = seen.K, seen.counts
    with st.container(horizontal=True, gap="medium"):
        choose(
            state, "Scale", "scale", SCALES, "Logarithmic: each step up is ten times as often, so that rare codes show."
        )
        choose(
            state, "Colours", "by", COLOURS, "Divide each bar in the classes of the digits that the cells belong to."
        )
    shown = (seen.checkpoint.fingerprint, seen.source, seen.with_background)
    looks = tuple(state[name] for name in ("order", "scale", "by", "picture"))
    picking = Picking("codebook.bars", state.key("code"), (shown, looks, state.restarts))
    with st.container(key="codebook-usage"):
        st.plotly_chart(
            figures.usage_histogram(
                counts.by_class,
                order,
                *AXES[state["order"]],
                logarithmic=state["scale"] == "log",
                split_by_class=state["by"] == "class",
                picked=picking.picked,
            ).update_layout(meta=picking.serial),
            key=picking.key,
            on_select=picking.on_select,
            selection_mode="points",
            config=figures.toolbar(state["picture"]),
            alt=f"Usage of the {K} codes on {seen.digits.described}",
        )
    cells, background = seen.encoded.codes.numel(), int(seen.encoded.background.sum())
    notes = [
        f"Measured on {seen.digits.described}.",
        f"{cells:,} cells, {seen.checkpoint.model.config.cells} a digit, {background / cells:.0%} of them background."
        if seen.with_background
        else f"{cells - background:,} cells; the {background:,} background cells are left out.",
        "Click a column to pick its code.",
    ]
    if state["scale"] == "log" and state["by"] == "class":
        notes.append("On the logarithmic scale a bar’s height is its count, and the colours divide it by their shares.")
    if K > figures.MOST_BARS:
        notes.append("These are more codes than fit: a bar is several, and a click picks the most used of them.")
    st.caption(" ".join(notes))
    counted = "all their cells" if seen.with_background else "their cells with ink"
    effective, bits = perplexity(counts.total), float(entropy_bits(counts.total))
    st.markdown(
        f"**Codebook perplexity {effective:.1f} of {K}.** Over {counted}, these digits use the codebook as variedly as "
        f"if {effective:.1f} codes were all used equally often.",
        help="2 to the power of the entropy of code usage, over the whole data set and not as a mean over batches.",
    )
    st.markdown(
        f"**Entropy {bits:.2f} of {math.log2(K):.2f} bits.** An ideal code would spend {bits:.2f} bits a cell; a plain "
        f"number from 0 to {K - 1} takes {math.log2(K):.2f}.",
        help="Shannon’s entropy of code usage: it counts how often codes occur, not what stands beside them, so a "
        "model of whole grids could spend fewer bits.",
    )
    dead = len(seen.usage.dead)
    st.markdown(
        f"**{dead} of {K} codes are dead.** No cell of the {seen.digits.described} takes them, background or not."
        if dead
        else f"**No code is dead.** Each of the {K} is taken by at least one cell of the {seen.digits.described}.",
        help="A dead code is nearest to no latent of these digits. On more digits, some may turn out to be only rare.",
    )


def classes(state: PageState, seen: Survey, order: Tensor) -> None:
    """Which codes tell digits apart: digits x codes, as lift."""
    lift = lift_of(seen.counts.by_class)
    with st.container(key="codebook-classes-lift"):
        st.plotly_chart(
            figures.lift_of_classes(lift, seen.counts.by_class, order, state["code"]),
            key="codebook.classes-lift",
            config=figures.toolbar(state["picture"]),
            alt=f"Lift of {seen.K} codes in each class of digits",
        )
    st.caption(
        f"Each row is a digit, each column a code: how much more often cells of that digit take the code than cells of "
        f"all digits do. {LIFT} Colours end at {figures.MOST_LIFT} and 1/{figures.MOST_LIFT}; a dead code leaves a gap."
        f"{_cut(seen)} {seen.measured_on}"
    )


def positions(state: PageState, seen: Survey) -> None:
    """How much is open at each place of the grid."""
    by_position = seen.counts.by_position
    bits, cells = entropy_bits(by_position), by_position.sum(2)
    with st.container(key="codebook-entropy"):
        st.plotly_chart(
            figures.position_entropy(bits, cells, seen.K),
            key="codebook.entropy",
            width=420,
            config=figures.toolbar(state["picture"]),
            alt="Entropy in bits at each position of the grid",
        )
    h, w = bits.shape
    most = divmod(int(bits.argmax()), w)
    mean = float((bits * cells).sum() / cells.sum().clamp_min(1))
    st.markdown(
        f"**{float(bits.max()):.2f} bits at row {most[0] + 1}, column {most[1] + 1}**, the most open place; "
        f"**{mean:.2f} bits** over all {h * w} places, each counted by its cells.",
        help="Below the entropy of the whole codebook: knowing where a cell lies tells something of its code. The gap "
        "is the mutual information between position and code.",
    )
    st.caption(
        f"The entropy of the codes that digits have at a position: 0 bits where all take the same one, "
        f"{math.log2(seen.K):.2f} where all {seen.K} are equally likely. A position without "
        f"any counted cell stays empty. {seen.measured_on}"
    )


def neighbours(state: PageState, seen: Survey, order: Tensor) -> None:
    """Which codes stand side by side: codes x codes, as lift."""
    counts = seen.adjacency
    with st.container(key="codebook-neighbours"):
        st.plotly_chart(
            figures.lift_of_neighbours(lift_of(counts), counts, order, state["code"]),
            key="codebook.neighbours",
            config=figures.toolbar(state["picture"]),
            alt=f"Lift of each two of the {seen.K} codes as neighbours in the grid",
        )
    pairs = "two cells" if seen.with_background else "two cells with ink"
    st.caption(
        f"How much more often two codes stand side by side, or one above the other, than if codes were shuffled over "
        f"the neighbouring cells. {LIFT} Colours end at {figures.MOST_LIFT} and 1/{figures.MOST_LIFT}. A bright "
        f"diagonal: codes that continue themselves.{_cut(seen)} Counted: pairs of {pairs} of {seen.digits.described}."
    )


def _cut(seen: Survey) -> str:
    most = figures.MOST_BARS
    return f" Of {seen.K} codes, the first {most} in the order chosen are shown." if seen.K > most else ""


def damage(state: PageState, seen: Survey) -> None:
    """What breaks without each code, as a ranking."""
    ablation = seen.ablation
    if ablation is None:
        with st.container(key="codebook-damage"):
            st.info(
                "With one code alone, there is nothing that could stand in for it."
                if seen.K == 1
                else "Not measured yet for this model: press “Measure” in the card, under “What breaks without it”."
            )
        return
    picking = Picking(
        "codebook.damage",
        state.key("code"),
        (seen.checkpoint.fingerprint, seen.checkpoint.variance, state["picture"], state.restarts),
    )
    with st.container(key="codebook-damage"):
        st.plotly_chart(
            figures.damage(ablation.nmse, ablation.without, ablation.ranking, picking.picked).update_layout(
                meta=picking.serial
            ),
            key=picking.key,
            on_select=picking.on_select,
            selection_mode="points",
            config=figures.toolbar(state["picture"]),
            alt=f"What each of the {seen.K} codes adds to the NMSE when it is banned",
        )
    worst = int(ablation.ranking[0])
    nothing = int((ablation.without <= ablation.nmse).sum())
    st.markdown(
        f"**Code {worst} is missed most:** NMSE {ablation.nmse:.4f} with it, {float(ablation.without[worst]):.4f} "
        f"without. **{nothing} of {seen.K}** codes are not missed at all.",
        help="NMSE is the mean squared error over the variance of the training digits: 0 is perfect, 1 as bad as one "
        "grey for all pixels.",
    )
    st.caption(
        "One code at a time is banned: each cell that took it goes to its next nearest code, and the decoder draws "
        "anew; nothing is trained again. Bars are what that adds to the NMSE. A code can be used much and missed "
        "little, where another is nearly its equal. Click a column to pick its code. "
        f"Measured on {seen.embedded.described}, all cells, whatever is chosen above."
    )


def compare(state: PageState, seen: Survey, scene: Scene) -> list[Standing]:
    """Another model beside this one, on the same digits; the figures of both."""
    others = [name for name in scene.titles if name != scene.name]
    if scene.visitor is None and is_own(state["with"] or ""):
        st.caption("Opening your model …")  # in a moment the browser says whose it is
        return []
    if state["with"] not in others:
        if state["with"] not in (None, scene.name):
            state.warn("The model to compare with is not among yours: another one stands in its place.")
        state["with"] = others[0]
    st.selectbox(
        "Compare with",
        others,
        key=state.key("with"),
        format_func=lambda name: scene.titles[name],
        persist_state="session",
        width=320,
        help="Another model on the same digits and cells. Your own come from the Train page.",
    )
    try:
        other = survey(scene.open(state["with"]), seen.source, seen.with_background)
    except CheckpointError as error:
        st.error(f"The model “{scene.titles[state['with']]}” cannot be opened. {error} Choose another one.")
        return []
    names = [scene.titles[scene.name], scene.titles[state["with"]]]
    with st.container(key="codebook-curves"):
        st.plotly_chart(
            figures.usage_by_rank(list(zip(names, (seen.counts.total, other.counts.total), strict=True))),
            key="codebook.curves",
            config=figures.toolbar(state["picture"]),
            alt="Usage of both codebooks by rank",
        )
    standings = [one.standing(name) for one, name in zip((seen, other), names, strict=True)]
    rows = {
        "Codes": [f"{one.codes}" for one in standings],
        "Codebook perplexity": [f"{one.perplexity:.1f}" for one in standings],
        "Entropy, bits": [f"{one.bits:.2f} of {math.log2(one.codes):.2f}" for one in standings],
        "Dead codes": [f"{one.dead}" for one in standings],
        "NMSE": [f"{one.nmse:.4f}" for one in standings],
    }
    head = " | ".join(plain(name) for name in names)
    st.markdown(
        f"| | {head} |\n|---|---:|---:|\n" + "\n".join(f"| {name} | {' | '.join(row)} |" for name, row in rows.items())
    )
    st.caption(
        "An even curve, which ends at the last code in use, makes for a high perplexity; NMSE says what comes of it: "
        f"the mean squared error over the variance stored with each model, over all cells. {seen.measured_on}"
    )
    return standings


def take_away(state: PageState, seen: Survey, standings: list[Standing]) -> None:
    """Every table as CSV, made when it is asked for, and the format of the pictures that a chart's toolbar saves."""
    ablation = seen.ablation
    files = {
        "Codes": lambda: tables.codes(seen.usage, seen.counts, ablation),
        "Digits x codes": lambda: tables.classes(seen.counts),
        "Positions": lambda: tables.positions(seen.counts),
        "Neighbours": lambda: tables.neighbours(seen.adjacency),
    }
    if ablation is not None:
        files["Damage"] = lambda: tables.damage(ablation)
    if standings:
        files["Comparison"] = lambda: tables.comparison(standings)
    st.markdown("**Tables as CSV**")
    for name, make in files.items():
        st.download_button(
            name,
            make,
            f"{re.sub(r'[^a-z]+', '-', name.lower())}-{seen.checkpoint.fingerprint}.csv",
            "text/csv",
            key=f"codebook.csv.{name}",
            on_click="ignore",
            icon=":material/table:",
            width="stretch",
        )
    choose(
        state,
        "Charts as",
        "picture",
        {name: name.upper() for name in figures.PICTURES},
        "What the camera saves that appears at the upper right corner of a chart: SVG stays sharp in print, PNG opens "
        "everywhere.",
    )
