"""How typical the drawing is among the embedded digits: the nearest in code space, and how unusual it is, in words."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from pages.ui import resources
from pages.ui.charts import pictures
from pages.ui.components.canvas import Drawing
from pages.ui.shell.words import article, called
from vqvae.analysis.typicality import Reference, Typicality, typicality
from vqvae.checkpoint import Checkpoint
from vqvae.data import EMBEDDED, DataError, Digits

NEAREST = 5
STYLE = Path(__file__).with_name("typicality.css").read_text()


def typicality_section(
    checkpoint: Checkpoint, digits: Digits, drawing: Drawing | None, open_digit: Callable[[int], None]
) -> None:
    """Draw the section; `open_digit` is a callback for the number of an embedded digit that was clicked.

    The 5,000 digits are measured once a process for each model, when a drawing first asks for it: the pen does not
    wait for that, it runs in the browser.
    """
    st.subheader(f"How typical is my {digits.one}?", anchor=False)
    st.html(f"<style>{STYLE}</style>")
    with st.container(key="steady-typicality"):
        if drawing is None:
            st.caption("The canvas is still opening.")
        elif not drawing.pixels.any():
            st.caption(
                f"The canvas is empty. Draw something, and you will see here which {digits.many} are most like it."
            )
        else:
            try:
                with st.container():  # a place for the first time's bar, so that nothing else changes its own
                    crowd = resources.crowd.shown(checkpoint, resources.EMBEDDED)
            except DataError as error:
                st.error(f"There is nothing to compare your {digits.one} with. {error}")
                return
            found = typicality(checkpoint.model, checkpoint.variance, drawing.pixels, drawing.codes, crowd, NEAREST)
            _explain(found, crowd, digits, open_digit)


def _explain(found: Typicality, crowd: Reference, digits: Digits, open_digit: Callable[[int], None]) -> None:
    near, unusual = st.columns(2, gap="large")
    with near:
        st.markdown(
            f"**The nearest {digits.many}**, by the squared distance between quantised latents, the vectors of their "
            "codes. A click opens one."
        )
        backgrounds = [
            f".st-key-draw-near-{rank} button {{ background-image: url({pictures.data_uri(crowd.pixels[index])}) }}"
            for rank, index in enumerate(found.nearest.indices.tolist())
        ]
        st.html(f"<style>{' '.join(backgrounds)}</style>")
        with st.container(horizontal=True, gap="xsmall"):
            for rank, index in enumerate(found.nearest.indices.tolist()):
                name, distance = digits.classes[int(digits.labels[index])], float(found.nearest.distances[rank])
                if st.button(
                    f"{article(name)} **{name}**" if digits.one == "digit" else f"**{name or index}**",
                    key=f"draw.near.{rank}",
                    help=f"Open {called(digits, index)}; squared distance {distance:.3g}",
                    on_click=open_digit,
                    args=(index,),
                    type="tertiary",
                ):
                    st.rerun()  # the pickers above stand outside of this fragment
        if found.itself is not None:
            st.caption(f"This is {digits.one} {found.itself:,} itself, which is left out.")
    with unusual:
        how_far = _quantisation(found) if found.quantisation_error else ""
        st.html(f'<div class="unusual">{_nmse(found, digits)}{how_far}</div>')
        whom = "the" if found.itself is None else f"the {found.others:,} others of the"
        st.caption(
            f"Compared with {whom} {digits.described}"
            + (
                ": the shipped models were trained on them, so these are easier for them than a drawing of yours. "
                if digits.dataset == EMBEDDED
                else ". "
            )
            + "Edited codes are counted as they are."
        )


def _nmse(found: Typicality, digits: Digits) -> str:
    told = _compared(found.nmse_share, "misses less than", "misses as much as", "misses more than")
    return _scale(
        f"<b>{_verdict(found.nmse_share)}</b> Its error, NMSE {found.nmse:.3f}, is larger than that of "
        f"<b>{found.nmse_share:.0%}</b> of the {len(digits):,} {digits.many}: the reconstruction {told} usual.",
        found.nmse_share,
    )


def _quantisation(found: Typicality) -> str:
    told = _compared(
        found.quantisation_share,
        "closer to their codes than",
        "as far from their codes as",
        "farther from their codes than",
    )
    return _scale(
        f"Its mean quantisation error, {found.quantisation_error:.3g}, is larger than that of "
        f"<b>{found.quantisation_share:.0%}</b>: the encoder’s vectors lie {told} usual.",
        found.quantisation_share,
    )


def _compared(share: float, less: str, same: str, more: str) -> str:
    return less if share < 0.4 else same if share <= 0.6 else more


def _verdict(share: float) -> str:
    if share < 0.25:
        return "Easy to reconstruct."
    if share < 0.75:
        return "About as easy to reconstruct as most."
    return "Hard to reconstruct." if share < 0.95 else "Very hard to reconstruct."


def _scale(words: str, share: float) -> str:
    return (
        f'<div><p>{words}</p><div class="scale" role="img" aria-label="{share:.0%}"><i style="left: {share:.1%}"></i>'
        '</div><div class="ends"><span>smallest error</span><span>largest error</span></div></div>'
    )
