"""The card of one code: how much it is used, by which digits and where, its neighbours, and what breaks without it."""

import secrets
from collections.abc import Callable

import streamlit as st
import torch

from pages.ui import resources
from pages.ui.charts import figures, pictures
from pages.ui.codebook.survey import Survey
from pages.ui.components.gallery import Notes, gallery
from pages.ui.shell.url_state import PageState
from vqvae.analysis.ablation import DAMAGED
from vqvae.analysis.neighbours import nearest_cells, nearest_codes, typical_cells
from vqvae.analysis.receptive_field import patches as patches_of
from vqvae.analysis.receptive_field import receptive_field
from vqvae.analysis.usage import by_use

SHOWN = 24  # patches of a kind
NEAR = 8  # codes of a kind
TILE = 112  # pixels wide on the page
SEED = 0  # of the sample of typical patches
EVERY = 0.5  # seconds between two looks at a measurement on its way


def card(state: PageState, seen: Survey, code: int) -> None:
    """All of it but the patches."""
    st.subheader(f"Code {code}", anchor=False)
    pick(state, seen, code)
    use(seen, code)
    st.markdown("**In which digits**", help="How many times a digit of each class uses the code, on average.")
    with st.container(key="codebook-classes"):
        st.plotly_chart(
            figures.class_usage(seen.counts.by_class[:, code] / seen.usage.images.clamp_min(1)),
            key="codebook.classes",
            config=figures.toolbar(state["picture"]),
            alt=f"Uses of code {code} by digits of each class",
        )
    st.markdown("**Where in the grid**", help="The share of the digits that have this code at each position.")
    with st.container(key="codebook-positions"):
        st.plotly_chart(
            figures.position_usage(seen.counts.by_position[:, :, code] / len(seen.digits)),
            key="codebook.positions",
            width=340,
            config=figures.toolbar(state["picture"]),
            alt=f"Share of digits with code {code} at each position of the grid",
        )
    nearest(state, seen, code)
    beside(state, seen, code)
    missed(seen, code)


def pick(state: PageState, seen: Survey, code: int) -> None:
    """The tile, and two ways to another one."""

    def pick_dead() -> None:
        """Take the code chosen in the list of dead ones, and show the list's title again."""
        state["code"], st.session_state["codebook.dead"] = st.session_state["codebook.dead"], None

    dead = seen.usage.dead.tolist()
    with st.container(horizontal=True, wrap=False, gap="medium"):
        st.html(pictures.tile(resources.tiles(seen.checkpoint)[code], code), width=TILE)
        with st.container():
            st.number_input(
                f"Pick a code by number, 0 to {seen.K - 1}",
                0,
                seen.K - 1,
                None,
                step=1,
                placeholder=f"{code}, the most used",
                key=state.key("code"),
                persist_state="session",
            )
            st.selectbox(
                f"Pick one of the {len(dead)} dead codes" if dead else "No code is dead",
                dead,
                index=None,
                placeholder="Dead codes" if dead else "None to pick",
                key="codebook.dead",
                on_change=pick_dead,
                disabled=not dead,
            )


def use(seen: Survey, code: int) -> None:
    """How much a code is used."""
    counts = seen.counts
    uses, total = int(counts.total[code]), int(counts.total.sum())
    rank = int((counts.total > counts.total[code]).sum()) + 1
    st.markdown(
        f"Taken by **{uses:,} cells**, {uses / max(1, total):.2%} of those counted: number {rank} of {seen.K}."
        if uses
        else "Taken by **no cell** of these digits: a dead code. Its tile is what the decoder would draw."
        if code in seen.usage.dead
        else "Taken by **background cells only**, which are left out now."
    )


def nearest(state: PageState, seen: Survey, code: int) -> None:
    """The codes with the most similar vectors."""
    st.markdown(
        "**Nearest codes**, by squared distance",
        help="The squared Euclidean distance between two vectors of the codebook: the same measure by which a cell "
        "chooses its code.",
    )
    near = nearest_codes(seen.checkpoint.model.vq_layer.codebook, code, NEAR)
    distances = [f"{distance:.2g}" if distance < 100 else f"{distance:,.0f}" for distance in near.distances.tolist()]
    row(state, seen, near.codes.tolist(), "Nearest codes", "squared distance", distances)


def beside(state: PageState, seen: Survey, code: int) -> None:
    """The codes in the cells around it."""
    st.markdown(
        "**Stands beside**, share of its neighbours",
        help="Of the cells directly left, right, above and below cells with this code, the share that has each code. "
        "The section Neighbours compares it with chance.",
    )
    counts = seen.adjacency[code]  # (K,)
    most = [other for other in by_use(counts)[:NEAR].tolist() if counts[other]]
    shares = [f"{float(counts[other] / counts.sum()):.0%}" for other in most]
    row(state, seen, most, "Codes that stand beside it", "share of its neighbours", shares)


def row(state: PageState, seen: Survey, codes: list[int], title: str, meaning: str, said: list[str]) -> None:
    """Tiles that can be picked, each with a figure."""
    gallery(
        resources.tiles(seen.checkpoint),
        codes,
        seen.usage.all_cells.total.tolist(),
        None,
        f"codebook.{title}.{state.restarts}",
        picker(state),
        title,
        Notes(meaning, said, NEAR),
    )


def picker(state: PageState) -> Callable[[int], None]:
    """A callback that takes a code."""

    def take(code: int) -> None:
        state["code"] = code

    return take


def missed(seen: Survey, code: int) -> None:
    """What breaks without the code, and the digits that suffer most."""
    st.markdown(
        "**What breaks without it**",
        help="The code is banned: each cell that took it goes to its next nearest code, and the decoder draws anew. "
        "NMSE is the mean squared error over the variance of the training digits.",
    )
    if seen.K == 1:
        st.markdown("It is the only code: nothing could stand in for it.")
        return
    ablation = seen.ablation
    if ablation is None:
        measure(seen)
        return
    before, after = ablation.nmse, float(ablation.without[code])
    rank = int((ablation.without > ablation.without[code]).sum()) + 1
    st.markdown(
        f"NMSE **{before:.4f}** with it, **{after:.4f}** without, {after / before - 1:+.1%}: number {rank} of {seen.K}."
    )
    indices = tuple(ablation.digits_of(code).tolist())
    redrawn = resources.redrawn(seen.checkpoint, indices, code)
    layers = (redrawn.originals, redrawn.before.pixels, redrawn.after.pixels, redrawn.change)
    st.html(pictures.stacks(layers, DAMAGED, f"The digits damaged most: originals, with code {code}, without it"))
    st.caption(
        "The digits that suffer most: originals, with the code, without it, and how far each pixel moves. Measured on "
        f"{seen.embedded.described}, all cells."
        if indices
        else f"None of the {seen.embedded.described} uses it, so that nothing changes."
    )


def measure(seen: Survey) -> None:
    """Measure what breaks without each code when asked to, and show how far that is; the page follows when it ends."""
    key = resources.ablation_key(seen.checkpoint)
    visitor = st.session_state.setdefault("ablations.visitor", secrets.token_hex(8))
    failed, reason = st.session_state.get("codebook.failed", (None, ""))

    def ask() -> None:
        st.session_state["codebook.asked"] = key
        st.session_state.pop("codebook.failed", None)

    def call_off() -> None:
        st.session_state["codebook.asked"] = None

    def follow() -> None:
        if st.session_state.get("codebook.asked") != key:  # called off, by a click that draws this part alone
            st.rerun()
        run = resources.ablations().start(key, seen.checkpoint, seen.embedded, visitor)
        st.session_state["ablations.run"] = run
        if not run.running:
            st.session_state["codebook.asked"] = None
            if run.error:
                st.session_state["codebook.failed"] = key, run.error
            st.rerun()

        left = run.seconds_left
        st.progress(run.progress, "Banning one code after another" + (f", about {left:.0f} s left" if left else " …"))
        st.button("Cancel", key="codebook.cancel", on_click=call_off, icon=":material/close:")

    asked = st.session_state.get("codebook.asked")
    if asked is None and "ablations.run" in st.session_state:  # it ended, or was called off, by "Start over" as well
        st.session_state.pop("ablations.run").leave(visitor)
    with st.container(key="codebook-measure"):
        if asked == key:
            st.fragment(follow, run_every=EVERY)()
            return
        if failed == key:
            st.error(f"This could not be measured ({reason}). Try again, or choose another model.")
        st.button("Measure", key="codebook.measure", on_click=ask, type="primary")
        st.caption(
            f"Each code is banned in turn, on {seen.embedded.described}: about half a minute, in the background."
        )


def patches(seen: Survey, code: int) -> None:
    """What the code stands for in real digits: the patches nearest to it, and a fair sample."""
    taken = seen.encoded.cells_of(code, seen.with_background)
    kinds = {
        "Nearest": (
            nearest_cells(seen.encoded, taken, SHOWN),
            "The patches that the encoder puts closest to the code: what it means at its clearest.",
        ),
        "Typical": (
            typical_cells(taken, SHOWN, SEED),
            "A random sample of all patches that take it, drawn with a fixed seed: what it means in use.",
        ),
    }
    st.subheader(
        f"Real patches of code {code}",
        anchor=False,
        help="A patch is what a cell sees of its digit; hatching lies beyond the border. Below each stands its digit’s "
        "class.",
    )
    for place, (kind, (cells, meaning)) in zip(st.columns(len(kinds), gap="large"), kinds.items(), strict=True):
        with place:
            st.markdown(f"**{kind}**", help=meaning)
            montage(seen, cells)
    st.caption(
        f"{min(SHOWN, len(taken))} each of {len(taken):,} patches. {seen.measured_on}"
        if len(taken)
        else f"There is no patch to show: no cell counted here takes this code. {seen.measured_on}"
    )


def montage(seen: Survey, cells: torch.Tensor) -> None:
    """The patches of cells (M, 3), each above its digit's class."""
    field = receptive_field(seen.checkpoint.model.encoder)
    windows = patches_of(seen.digits.pixels, cells, field)
    errors = seen.encoded.errors[tuple(cells.unbind(1))].tolist()
    labels = seen.digits.labels[cells[:, 0]].tolist()
    titles = [
        f"digit {image}, a {label}: row {row + 1}, column {column + 1}, quantisation error {error:.3g}"
        for (image, row, column), label, error in zip(cells.tolist(), labels, errors, strict=True)
    ]
    st.html(pictures.montage(windows.pixels, windows.inside, labels, titles, SHOWN))
