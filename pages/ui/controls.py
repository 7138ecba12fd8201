"""Controls that several pages have."""

import streamlit as st

from pages.ui.address import PageState


def choose(state: PageState, label: str, name: str, options: dict[str, str], explanation: str) -> str:
    """A row of buttons for a field of the address; the option chosen."""
    return st.segmented_control(
        label,
        list(options),
        key=state.key(name),
        format_func=lambda option: options[option],
        required=True,
        persist_state="session",
        help=explanation,
        wrap=True,
    )


def check_code(state: PageState, num_embeddings: int) -> None:
    """Let go of a picked code that this model does not have, and say so; before any of its widgets is drawn."""
    if state["code"] is not None and state["code"] >= num_embeddings:
        state.warn(
            f"There is no code {state['code']} here: this model’s {num_embeddings} codes have the numbers 0 to "
            f"{num_embeddings - 1}."
        )
        state["code"] = None
