"""Controls that several pages have."""

from collections.abc import Container, Mapping
from typing import Any

import streamlit as st

from pages.ui import resources
from pages.ui.shell.url_state import PageState
from vqvae.checkpoint import Checkpoint
from vqvae.data import DATASETS, EMBEDDED

# The digits that a page may be measured on, by their names in an address; `resources` knows which of them are here.
DIGITS = {"embedded": "5,000 embedded", "mnist-test": "MNIST test", "mnist-train": "MNIST training"}


def choose(state: PageState, label: str, name: str, options: dict[str, str], explanation: str) -> str:
    """A row of buttons for a field of the address; the option chosen."""
    st.segmented_control(
        label,
        list(options),
        key=state.key(name),
        format_func=lambda option: options[option],
        required=True,
        persist_state="session",
        help=explanation,
        wrap=True,
    )
    return state[name]


def name_of_digits(name: str, checkpoint: Checkpoint | None = None) -> str:
    """What the digits of a name in an address are called; a model, or whoever started the server, may have others."""
    brought = resources.digits(checkpoint) if name == "embedded" else None
    if brought is None or brought.dataset == EMBEDDED:
        return DIGITS[name]
    return f"{len(brought):,} " + (brought.many if brought.dataset in DATASETS else f"of {brought.dataset}")


def check_digits(state: PageState, available: Container[str]) -> None:
    """Turn to the embedded digits where the chosen ones are not here, and say so; before any widget is drawn."""
    if state["digits"] not in available:
        state.warn("Full MNIST is not on this machine, so you see the images that are. README.md says how to get it.")
        state["digits"] = "embedded"


def check_code(state: PageState, num_embeddings: int) -> None:
    """Let go of a picked code that this model does not have, and say so; before any of its widgets is drawn."""
    if state["code"] is not None and state["code"] >= num_embeddings:
        state.warn(
            f"There is no code {state['code']} here: this model’s {num_embeddings} codes are numbered 0 to "
            f"{num_embeddings - 1}."
        )
        state["code"] = None


def outside(value: float | None, low: float, high: float) -> str:
    """Why a number is none that can be taken, in a sentence; "" for one that can, or for none at all."""
    return "" if value is None or low <= value <= high else f"{value:,g} is out of range: {low:,g} to {high:,g}."


def number_field(
    label: str, low: float, high: float, key: str, effect: str = "", *, step: float = 1, **settings: Any
) -> float | None:
    """A field that takes any number, and says below it why one is out of range; the number, None for such a one.

    Given the range, Streamlit would turn the field red and go on with the number before, as if that were meant.
    """
    value = st.number_input(label, step=step, key=key, persist_state="session", **settings)
    why = outside(value, low, high)
    if why:
        st.error(why)
    elif effect:
        st.caption(effect)
    return None if why else value


def typed_field(state: PageState, name: str, label: str, low: float, high: float, **settings: Any) -> float | None:
    """A `number_field` for a field of the address, which keeps its value until `take_typed` finds another in range.

    Left empty, it means the field's default.
    """
    key = _typed(state, name)
    if state.arriving or st.session_state.get(f"{key}.of", key) != state[name]:  # set elsewhere meanwhile
        st.session_state[key] = st.session_state[f"{key}.of"] = state[name]
    return number_field(label, low, high, key, value=None, **settings)


def take_typed(state: PageState, bounds: Mapping[str, tuple[float, float]]) -> bool:
    """Take over what was typed for these fields, unless one is out of range; whether all are in. A callback's part."""
    typed = {name: st.session_state[_typed(state, name)] for name in bounds if _typed(state, name) in st.session_state}
    if any(outside(value, *bounds[name]) for name, value in typed.items()):
        return False
    for name, value in typed.items():
        state[name] = state.fields[name].usual if value is None else value
    return True


def _typed(state: PageState, name: str) -> str:
    return f"{state.page}.typed.{name}"
