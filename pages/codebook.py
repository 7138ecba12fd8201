"""Codebook: how often each code is used, and what one of them stands for."""

import streamlit as st
import torch

from pages.ui import figures, pictures, resources
from pages.ui.address import Field, one_of, whole
from pages.ui.frame import frame
from pages.ui.gallery import gallery
from pages.ui.picking import Picking
from vqvae import codebook
from vqvae.data import DataError
from vqvae.evaluation import perplexity

SHOWN = 24  # patches at once
TILE = 112  # pixels wide on the page
SEED = 0  # of the sample of typical patches

DIGITS = {"embedded": "5,000 embedded", "mnist-test": "MNIST test", "mnist-train": "MNIST training"}
ORDERS = {"use": "Use", "index": "Index", "class": "Digit", "similarity": "Similarity"}
AXES = {  # and the number of the first code along it
    "use": ("rank, the most used first", 1),
    "index": ("code", 0),
    "class": ("codes by the digit that uses them most", 1),
    "similarity": ("codes, similar ones side by side", 1),
}
SCALES = {"linear": "Linear", "log": "Log"}
COLOURS = {"none": "None", "class": "By digit"}
CELLS = {"all": "All cells", "ink": "Without background"}
ORDERS_HELP = (
    "Use: the most used first, so that the curve shows how evenly codes are used. Digit: grouped by the digit that "
    "uses a code most. Similarity: neighbours have similar vectors."
)
PATCHES = {"nearest": "Nearest", "typical": "Typical"}

scene = frame(
    "Codebook",
    "The codebook is the model’s alphabet: each code is a vector that the decoder draws as a small pattern, its tile. "
    "Pick a code to see where it is used.",
    (
        Field("code", whole(0, 10**6), None, shared=True),
        Field("digits", one_of(*DIGITS), "embedded"),
        Field("order", one_of(*ORDERS), "use"),
        Field("scale", one_of(*SCALES), "linear"),
        Field("by", one_of("none", "class"), "none"),
        Field("cells", one_of(*CELLS), "all"),
        Field("patches", one_of(*PATCHES), "nearest"),
    ),
)
state, checkpoint = scene.state, scene.checkpoint
config = checkpoint.model.config
K = config.num_embeddings


def choose(label: str, name: str, options: dict[str, str], explanation: str) -> str:
    """A row of buttons for a field of the address."""
    return st.segmented_control(
        label,
        list(options),
        key=state.key(name),
        format_func=lambda option: options[option],
        required=True,
        persist_state="session",
        help=explanation,
    )


def pick(code: int) -> None:
    """Take a code; a callback."""
    state["code"] = code


def pick_dead() -> None:
    """Take the code chosen in the list of dead ones, and show the list's title again."""
    state["code"], st.session_state["codebook.dead"] = st.session_state["codebook.dead"], None


if state["code"] is not None and state["code"] >= K:
    st.warning(f"There is no code {state['code']} here: this model’s {K} codes have the numbers 0 to {K - 1}.")
    state["code"] = None

available = resources.available_digits()
if state["digits"] not in available:
    st.warning("Full MNIST is not on this machine, so you see the embedded digits. README.md says how to get it.")
    state["digits"] = "embedded"

with st.container(horizontal=True, gap="medium"):
    if len(available) > 1:
        choose("Digits", "digits", {name: DIGITS[name] for name in available}, "What the usage is measured on.")
    choose(
        "Cells",
        "cells",
        CELLS,
        "A background cell is one whose patch, all the pixels that the encoder sees for it, holds no ink at all. "
        "There are many of them, they share a few codes, and these bars hide the rest.",
    )
    choose("Order", "order", ORDERS, ORDERS_HELP)

try:
    source = available[state["digits"]]
    digits = resources.fitted_digits(checkpoint, *source)
    encoded = resources.encoded(checkpoint, *source)
    usage = resources.usage(checkpoint, *source)
except DataError as error:
    st.error(f"These digits cannot be opened. {error}")
    state.publish()
    st.stop()

with_background = state["cells"] == "all"
counts = usage.all_cells if with_background else usage.ink_cells
cells, background = encoded.codes.numel(), int(encoded.background.sum())
dead = usage.dead.tolist()

orders = {
    "use": lambda: codebook.by_use(counts.total),
    "index": lambda: torch.arange(K),
    "class": lambda: codebook.by_class(usage, counts),
    "similarity": lambda: resources.similar_codes(checkpoint),
}
order = orders[state["order"]]()
overview, card = st.columns([3, 2], gap="large")

with overview:
    st.subheader("How often each code is used", anchor=False)
    with st.container(horizontal=True, gap="medium"):
        choose("Scale", "scale", SCALES, "Logarithmic: each step up is ten times as often, so that rare codes show.")
        choose("Colours", "by", COLOURS, "Divide each bar in the classes of the digits that the cells belong to.")
    picking = Picking(
        "codebook.bars",
        state.key("code"),
        (checkpoint.fingerprint, source, state["order"], state["scale"], state["by"], state["cells"], state.restarts),
    )
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
            config=figures.TOOLBAR,
            alt=f"Usage of the {K} codes on {digits.described}",
        )
    notes = [
        f"Measured on {digits.described}.",
        f"{cells:,} cells, {config.cells} a digit, {background / cells:.0%} of them background."
        if with_background
        else f"{cells - background:,} cells; the {background:,} background cells are left out.",
        "Click a column to pick its code.",
    ]
    if state["scale"] == "log" and state["by"] == "class":
        notes.append("On the logarithmic scale a bar’s height is its count, and the colours divide it by their shares.")
    if K > figures.MOST_BARS:
        notes.append("These are more codes than fit: a bar is several, and a click picks the most used of them.")
    st.caption(" ".join(notes))
    counted = "all their cells" if with_background else "their cells with ink"
    effective = perplexity(counts.total)
    st.markdown(
        f"**Codebook perplexity {effective:.1f} of {K}.** Over {counted}, these digits use the codebook as variedly as "
        f"if {effective:.1f} codes were all used equally often."
    )
    st.markdown(
        f"**{len(dead)} of {K} codes are dead.** No cell of the {digits.described} takes them, background or not."
        if dead
        else f"**No code is dead.** Each of the {K} is taken by at least one cell of the {digits.described}."
    )

    st.subheader("All codes", anchor=False)
    gallery(
        resources.tiles(checkpoint),
        order.tolist(),
        usage.all_cells.total.tolist(),
        state["code"],
        f"codebook.gallery.{state.restarts}",
        pick,
    )
    st.caption("Every code’s tile with its number, in the order chosen above. A dead code has a dashed frame.")

with card:
    most_used = int(counts.total.argmax())
    code = most_used if state["code"] is None else state["code"]
    st.subheader(f"Code {code}", anchor=False)
    with st.container(horizontal=True, wrap=False, gap="medium"):
        st.html(pictures.tile(resources.tiles(checkpoint)[code], code), width=TILE)
        with st.container():
            st.number_input(
                f"Pick a code by number, 0 to {K - 1}",
                0,
                K - 1,
                None,
                step=1,
                placeholder=f"{code}, the most used",
                key=state.key("code"),
                persist_state="session",
            )
            st.selectbox(
                f"Pick one of the {len(dead)} dead codes",
                dead,
                index=None,
                placeholder="Dead codes" if dead else "There is none",
                key="codebook.dead",
                on_change=pick_dead,
                disabled=not dead,
            )
    uses, total = int(counts.total[code]), int(counts.total.sum())
    rank = int((counts.total > counts.total[code]).sum()) + 1
    st.markdown(
        f"Taken by **{uses:,} cells**, {uses / max(1, total):.2%} of those counted: number {rank} of {K}."
        if uses
        else "Taken by **no cell** of these digits: a dead code. Its tile is what the decoder would draw."
        if code in dead
        else "Taken by **background cells only**, which are left out now."
    )
    st.markdown("**In which digits**", help="How many times a digit of each class uses the code, on average.")
    with st.container(key="codebook-classes"):
        st.plotly_chart(
            figures.class_usage(counts.by_class[:, code] / usage.images.clamp_min(1)),
            config=figures.TOOLBAR,
            alt=f"Uses of code {code} by digits of each class",
        )
    st.markdown("**Where in the grid**", help="The share of the digits that have this code at each position.")
    with st.container(key="codebook-positions"):
        st.plotly_chart(
            figures.position_usage(counts.by_position[:, :, code] / len(digits)),
            width=340,
            config=figures.TOOLBAR,
            alt=f"Share of digits with code {code} at each position of the grid",
        )
    choose(
        "Real patches",
        "patches",
        PATCHES,
        "A patch is what a cell sees of its digit; hatching lies beyond the border. Nearest: the patches that the "
        "encoder puts closest to the code. Typical: a random sample of all that take it.",
    )
    taken = encoded.cells_of(code, with_background)
    shown = (
        codebook.nearest_cells(encoded, taken, SHOWN)
        if state["patches"] == "nearest"
        else codebook.typical_cells(taken, SHOWN, SEED)
    )
    seen = codebook.patches(digits.pixels, shown, codebook.receptive_field(checkpoint.model.encoder))
    errors = encoded.errors[tuple(shown.unbind(1))].tolist()
    labels = digits.labels[shown[:, 0]].tolist()
    titles = [
        f"digit {image}, a {label}: row {row + 1}, column {column + 1}, quantisation error {error:.3g}"
        for (image, row, column), label, error in zip(shown.tolist(), labels, errors, strict=True)
    ]
    st.html(pictures.montage(seen.pixels, seen.inside, labels, titles, SHOWN))
    st.caption(
        f"{len(shown)} of {len(taken):,} patches, each above its digit’s class. Patches are "
        f"{seen.pixels.shape[2]} x {seen.pixels.shape[3]} pixels."
        if len(shown)
        else "There is no patch to show: no cell counted here takes this code."
    )

state.publish()
