"""The card of one code: how much it is used, by which digits and where, its neighbours, and what breaks without it."""

from pathlib import Path

import streamlit as st

from pages.ui import resources
from pages.ui.charts import pictures
from pages.ui.charts.classes import class_usage
from pages.ui.charts.positions import position_usage
from pages.ui.codebook import damage, patches
from pages.ui.codebook.view import CodebookView
from pages.ui.components.gallery import Notes, gallery
from pages.ui.shell.chart import chart
from pages.ui.shell.choices import take_typed, typed_field
from pages.ui.shell.words import article, counted
from vqvae.analysis.neighbours import nearest_codes
from vqvae.analysis.usage import by_use

STYLE = Path(__file__).with_name("codebook.css").read_text()
NEAR = 8  # codes of a kind
LISTED = 500  # dead codes that a list still offers
TILE = 112  # pixels wide on the page


def draw(view: CodebookView) -> None:
    """Its beginning: tile and patches are in the first screen, and first of all on a phone."""
    code = view.code
    with st.container(key="codebook-card"):
        st.html(f"<style>{STYLE}</style>")
        st.subheader(f"Code {code}", anchor=False)
        pick(view, code)
        use(view, code)
        patches.draw(view)
        background(view)
    digits = view.digits
    if digits.labelled:
        st.markdown(
            f"**In which {digits.many if digits.one == 'digit' else 'classes'}**",
            help=f"How many times {article(digits.one)} {digits.one} of each class uses the code, on average.",
        )
        chart(
            resources.figure(
                lambda: class_usage(view.counts.by_class[:, code] / view.usage.images.clamp_min(1), *view.named),
                *("classes of a code", view.of, code),
            ),
            "codebook-classes",
            key="codebook.classes",
            config=view.toolbar,
            alt=f"Uses of code {code} by {digits.many} of each class",
        )


def more(view: CodebookView) -> None:
    """The rest of it."""
    code, digits = view.code, view.digits
    st.markdown("**Where in the grid**", help=f"The share of the {digits.many} that have this code at each position.")
    chart(
        resources.figure(
            lambda: position_usage(view.counts.by_position[:, :, code] / len(digits), digits.one),
            *("positions of a code", view.of, code),
        ),
        "codebook-positions",
        key="codebook.positions",
        width=340,
        config=view.toolbar,
        alt=f"Share of {digits.many} with code {code} at each position of the grid",
    )
    nearest(view, code)
    beside(view, code)
    damage.missed(view, code)


def pick(view: CodebookView, code: int) -> None:
    """The tile, and two ways to another one."""

    def pick_dead() -> None:
        """Take the code chosen in the list of dead ones, and show the list's title again."""
        view.state["code"], st.session_state["codebook.dead"] = st.session_state["codebook.dead"], None

    dead, numbers = view.usage.dead.tolist(), (0, view.K - 1)
    with st.container(horizontal=True, wrap=False, gap="medium"):
        st.html(pictures.tile(resources.tiles(view.checkpoint)[code], code), width=TILE)
        with st.container():
            typed_field(
                view.state,
                "code",
                f"Pick a code by number, 0 to {view.K - 1}",
                *numbers,
                placeholder=f"{code}, to begin with",
                on_change=lambda: take_typed(view.state, {"code": numbers}),
            )
            st.selectbox(
                f"Pick one of the {len(dead):,} dead codes"
                if dead[1:]
                else "Pick the dead code"
                if dead
                else "No code is dead",
                dead[:LISTED],
                index=None,
                placeholder="Dead codes" if dead else "None to pick",
                key="codebook.dead",
                on_change=pick_dead,
                disabled=not dead,
            )


def use(view: CodebookView, code: int) -> None:
    """How much a code is used."""
    counts = view.counts
    uses, total = int(counts.total[code]), int(counts.total.sum())
    rank = int((counts.total > counts.total[code]).sum()) + 1
    st.markdown(
        f"Taken by **{counted(uses, 'cell')}**, {uses / max(1, total):.2%} of those counted: rank {rank} of {view.K}."
        if uses
        else "Taken by **no cell** of these images: a dead code. Its tile is what the decoder would draw."
        if code in view.usage.dead
        else "Taken by **background cells only**, which are left out now."
    )


def background(view: CodebookView) -> None:
    """The codes of the paper: they are used most, and say least."""
    codes, total = view.background, view.usage.all_cells.total
    if codes:
        share = float(total[codes].sum() / total.sum())
        named = ", ".join(map(str, codes[:4])) + (" and others" if len(codes) > 4 else "")
        st.caption(
            f"The background has codes of its own: {named} draw{'s' * (len(codes) == 1)} little but paper, and "
            f"take{'s' * (len(codes) == 1)} {share:.0%} of all cells."
        )


def nearest(view: CodebookView, code: int) -> None:
    """The codes with the most similar vectors."""
    st.markdown(
        "**Nearest codes**, by squared distance",
        help="The squared Euclidean distance between two vectors of the codebook: the same measure by which a cell "
        "chooses its code.",
    )
    near = nearest_codes(view.checkpoint.model.codebook, code, NEAR)
    distances = [f"{distance:.2g}" if distance < 100 else f"{distance:,.0f}" for distance in near.distances.tolist()]
    row(view, near.codes.tolist(), "Nearest codes", "squared distance", distances)


def beside(view: CodebookView, code: int) -> None:
    """The codes in the cells around it."""
    st.markdown(
        "**Stands beside**, share of its neighbours",
        help="Of the cells directly left, right, above and below cells with this code, the share that has each code. "
        "The section Neighbours compares it with chance.",
    )
    counts = view.beside_code  # (K,)
    most = [other for other in by_use(counts)[:NEAR].tolist() if counts[other]]
    shares = [f"{float(counts[other] / counts.sum()):.0%}" for other in most]
    row(view, most, "Codes that stand beside it", "share of its neighbours", shares)


def row(view: CodebookView, codes: list[int], title: str, meaning: str, said: list[str]) -> None:
    """Tiles that can be picked, each with a figure."""
    gallery(
        resources.tiles(view.checkpoint),
        codes,
        view.usage.all_cells.total.tolist(),
        None,
        f"codebook.{title}.{view.state.restarts}",
        view.pick,
        title,
        Notes(meaning, said, NEAR),
    )
