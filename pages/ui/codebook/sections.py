"""The figures over all codes: one section is drawn at a time, since each costs something."""

import math

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui import resources
from pages.ui.charts.classes import axis_of
from pages.ui.charts.columns import MOST
from pages.ui.charts.lift import MOST_LIFT, lift_of_classes, lift_of_neighbours
from pages.ui.charts.positions import position_entropy
from pages.ui.charts.usage import usage_histogram
from pages.ui.codebook import compare, damage
from pages.ui.codebook.choices import COLOURS, SCALES, SECTIONS
from pages.ui.codebook.tables import ComparedModel
from pages.ui.codebook.view import CodebookView
from pages.ui.shell.chart import chart
from pages.ui.shell.choices import choose
from pages.ui.shell.code_selection import Picking
from pages.ui.shell.frame import Scene
from pages.ui.shell.own_images import ask
from pages.ui.shell.words import are, article
from vqvae.analysis.usage import adjacency, entropy_bits
from vqvae.analysis.usage import lift as lift_of
from vqvae.evaluation import perplexity

AXES = {  # of an order of codes, and the number of the first code along it
    "use": ("rank, the most used first", 1),
    "index": ("code", 0),
    "class": ("codes by the class that uses them most", 1),
    "similarity": ("codes, similar ones side by side", 1),
}
LIFT = (
    "Lift is a share over the share that chance would give: 2 is twice as often, ½ half as often, 1 says that the two "
    "have nothing to do with each other."
)


def heading(scene: Scene) -> DeltaGenerator:
    """The heading; beside it what takes images in, and the place for what can be taken away."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader("How codes are used", anchor=False, width="content")
        with st.container(horizontal=True, width="content", gap="small"):
            ask(scene.state, "digits", scene.visitor)
            return st.popover("Download", icon=":material/download:")


def draw(view: CodebookView) -> list[ComparedModel]:
    """The section chosen; the figures of the models that it compares, if it does."""
    choose(
        view.state,
        "Show",
        "section",
        SECTIONS,
        "Usage: how often. Classes: by which. Positions: where. Neighbours: "
        "beside which others. Damage: what breaks without them. Compare: against another model.",
    )
    match view.state["section"]:
        case "usage":
            usage(view)
        case "digits":
            classes(view)
        case "positions":
            positions(view)
        case "neighbours":
            neighbours(view)
        case "damage":
            damage.ranking(view)
        case "compare":
            return compare.draw(view)
    return []


def usage(view: CodebookView) -> None:
    """How often each code is used, and in a few figures how evenly."""
    K, counts = view.K, view.counts
    with st.container(horizontal=True, gap="medium"):
        choose(
            view.state,
            "Scale",
            "scale",
            SCALES,
            "Logarithmic: each step up is ten times as often, so that rare codes show.",
        )
        choose(
            view.state,
            "Colours",
            "by",
            COLOURS,
            f"Divide each bar by the classes of the {view.digits.many} that its cells come from.",
        )
    shown = (view.checkpoint.fingerprint, view.source, view.with_background)
    looks = tuple(view.state[name] for name in ("order", "scale", "by", "picture"))
    picking = Picking("codebook.bars", view.state.key("code"), (shown, looks, view.state.restarts))
    chart(
        resources.figure(
            lambda: usage_histogram(
                counts.by_class,
                view.order,
                *AXES[view.state["order"]],
                *view.named,
                logarithmic=view.state["scale"] == "log",
                split_by_class=view.state["by"] == "class",
                picked=picking.picked,
            ).update_layout(meta=picking.serial),
            *("usage", view.of, looks, picking.picked, picking.serial),
        ),
        "codebook-usage",
        key=picking.key,
        on_select=picking.on_select,
        selection_mode="points",
        config=view.toolbar,
        alt=f"Usage of the {K} codes on {view.digits.described}",
    )
    one, many = view.digits.one, view.digits.many
    cells, with_ink = (int(counted.total.sum()) for counted in (view.usage.all_cells, view.usage.ink_cells))
    background = cells - with_ink
    notes = [
        f"Measured on {view.digits.described}.",
        f"{cells:,} cells, {view.checkpoint.model.config.cells} {article(one)} {one}, {background / cells:.0%} of them "
        "background."
        if view.with_background
        else f"{cells - background:,} cells; the {background:,} background cells are left out.",
        "Click a column to pick its code.",
    ]
    if view.state["scale"] == "log" and view.state["by"] == "class":
        notes.append("On the logarithmic scale a bar’s height is its count, and the colours divide it by their shares.")
    if K > MOST:
        notes.append("More codes than fit: each bar stands for several, and a click picks the most used of them.")
    st.caption(" ".join(notes))
    counted = "all their cells" if view.with_background else "their cells with ink"
    effective, bits = perplexity(counts.total), float(entropy_bits(counts.total))
    others = view.usage.ink_cells if view.with_background else view.usage.all_cells
    beside = "those with ink alone" if view.with_background else "all cells, blank paper included,"
    st.markdown(
        f"**Codebook perplexity {effective:.1f} of {K}.** Over {counted}, these {many} use the codebook as variedly as "
        f"if {effective:.1f} codes were all used equally often; over {beside} it is {perplexity(others.total):.1f}.",
        help="2 to the power of the entropy of code usage, over the whole data set and not as a mean over batches.",
    )
    st.markdown(
        f"**Entropy {bits:.2f} of {math.log2(K):.2f} bits.** An ideal code would spend {bits:.2f} bits a cell; a plain "
        f"number from 0 to {K - 1} takes {math.log2(K):.2f}.",
        help="Shannon’s entropy of code usage: it counts how often codes occur, not what stands beside them, so a "
        "model of whole grids could spend fewer bits.",
    )
    dead = len(view.usage.dead)
    st.markdown(
        f"**{dead} of {K} codes {are(dead)} dead.** No cell of the {view.digits.described} takes "
        f"{'it' if dead == 1 else 'them'}, background or not."
        if dead
        else f"**No code is dead.** Each of the {K} is taken by at least one cell of the {view.digits.described}.",
        help=f"A dead code is nearest to no latent of these {many}. On more of them, some may turn out to be "
        "only rare.",
    )


def classes(view: CodebookView) -> None:
    """Which codes tell classes apart: classes x codes, as lift."""
    if not view.digits.labelled:
        st.info(
            f"These {view.digits.many} have no classes to tell apart. A folder of folders, one a class, would have."
        )
        return
    table, code = view.counts.by_class, view.state["code"]
    chart(
        resources.figure(
            lambda: lift_of_classes(lift_of(table), table, view.order, code, *view.named),
            *("lift of classes", view.of, view.state["order"], code),
        ),
        "codebook-classes-lift",
        key="codebook.classes-lift",
        config=view.toolbar,
        alt=f"Lift of {view.K} codes in each class of {view.digits.many}",
    )
    st.caption(
        f"Each row is a {axis_of(view.digits.one)}, each column a code: how much more often its cells take the code "
        f"than those of all {view.digits.many} do. {LIFT} Colours end at {MOST_LIFT} and 1/{MOST_LIFT}; a dead code "
        "leaves a gap."
        f"{_cut(view)} {view.measured_on}"
    )


def positions(view: CodebookView) -> None:
    """How much is open at each place of the grid."""
    by_position = view.counts.by_position
    bits, cells = entropy_bits(by_position), by_position.sum(2)
    chart(
        resources.figure(lambda: position_entropy(bits, cells, view.K), "entropy", view.of),
        "codebook-entropy",
        key="codebook.entropy",
        width=420,
        config=view.toolbar,
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
        f"The entropy of the codes that {view.digits.many} have at a position: 0 bits where all take the same one, "
        f"{math.log2(view.K):.2f} where all {view.K} are equally likely. A position without "
        f"any counted cell stays empty. {view.measured_on}"
    )


def neighbours(view: CodebookView) -> None:
    """Which codes stand side by side: codes x codes, as lift."""
    code = view.state["code"]

    def lift() -> go.Figure:
        codes = view.order[:MOST]
        counts = adjacency(view.encoded, view.with_background, codes, view.K)
        return lift_of_neighbours(lift_of(counts)[:-1, :-1], counts[:-1, :-1], codes, code)

    chart(
        resources.figure(lift, "lift of neighbours", view.of, view.state["order"], code),
        "codebook-neighbours",
        key="codebook.neighbours",
        config=view.toolbar,
        alt=f"Lift of each two of the {view.K} codes as neighbours in the grid",
    )
    pairs = "two cells" if view.with_background else "two cells with ink"
    st.caption(
        f"How much more often two codes stand side by side, or one above the other, than if codes were shuffled over "
        f"the neighbouring cells. {LIFT} Colours end at {MOST_LIFT} and 1/{MOST_LIFT}. A bright "
        f"diagonal: codes that continue themselves.{_cut(view)} Counted: pairs of {pairs} of {view.digits.described}."
    )


def _cut(view: CodebookView) -> str:
    most = MOST
    return f" Of {view.K} codes, the first {most} in the order chosen are shown." if view.K > most else ""
