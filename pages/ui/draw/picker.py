"""The pickers of a digit above the canvas: by its number or class, or at random."""

import secrets

import streamlit as st
import torch

from pages.ui.shell.choices import take_typed, typed_field
from pages.ui.shell.frame import Scene
from pages.ui.shell.words import article
from vqvae.data import Digits


def pick(scene: Scene, digits: Digits) -> None:
    """Draw the pickers."""
    state, key = scene.state, "draw.class"
    labels, numbers = digits.labels, (0, len(digits) - 1)
    shown, classes = int(labels[state["digit"]]), digits.classes

    def another(candidates: torch.Tensor) -> None:
        """Another digit than the one shown, out of those where `candidates` (N,) holds; a callback."""
        indices = candidates.nonzero().flatten()
        indices = indices[indices != state["digit"]]
        if len(indices):
            state["digit"] = int(indices[secrets.randbelow(len(indices))])

    def another_of_class() -> None:
        label = st.session_state[key]  # None where the class shown was pressed again
        another(labels == (shown if label is None else label))

    st.session_state[key] = shown
    with st.popover(f"Choose {article(digits.one)} {digits.one}", icon=":material/apps:", key="draw.choose"):
        typed_field(
            state,
            "digit",
            f"{digits.one.capitalize()} (0 to {len(digits) - 1:,})",
            *numbers,
            help=f"One of the {digits.described}.",
            on_change=lambda: take_typed(state, {"digit": numbers}),
        )
        if digits.labelled:
            st.pills(
                f"Another {digits.one} of class",
                sorted(labels.unique().tolist()),
                key=key,
                format_func=lambda label: classes[label],
                on_change=another_of_class,
                wrap=True,
            )
    st.button(
        f"Random {digits.one}",
        icon=":material/casino:",
        on_click=another,
        args=(labels >= 0,),
        key="draw.random",
        disabled=len(digits) < 2,
    )
