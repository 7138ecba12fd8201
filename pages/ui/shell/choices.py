"""Controls that several pages have."""

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

import streamlit as st

from pages.ui import resources
from pages.ui.shell.own_images import adopt, titles_of
from pages.ui.shell.url_state import PageState, one_of
from vqvae.checkpoint import Checkpoint
from vqvae.data import DATASETS, EMBEDDED
from vqvae.runs.run import is_own_images
from vqvae.runs.visitor import Visitor

GONE = "Your images"  # which have been deleted just now
# What everybody may measure on, by names in an address; `available_images` has those that are here, and one's own.
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


def images_out_of(*names: str) -> Callable[[str], str]:
    """A parser of a field that names images: one of these, or a visitor's own."""
    known = one_of(*names)
    return lambda text: text if is_own_images(text) else known(text)


def called_images(available: Iterable[str], checkpoint: Checkpoint, me: Visitor | None) -> dict[str, str]:
    """What the images of these names in an address are called, by the names."""
    own = titles_of(me)
    return {name: own[name] if name in own else _called(name, checkpoint) for name in available}


def _called(name: str, checkpoint: Checkpoint) -> str:
    """Of what every visitor is offered; a model, or whoever started the server, may have other images."""
    brought = resources.digits(checkpoint) if name == "embedded" else None
    if brought is None or brought.dataset == EMBEDDED:
        return DIGITS.get(name, GONE)
    return f"{len(brought):,} " + (brought.many if brought.dataset in DATASETS else f"of {brought.dataset}")


def check_images(state: PageState, available: Container[str], me: Visitor | None) -> None:
    """Turn to the embedded digits where the chosen images are not here, and say so; before any widget is drawn.

    Stops the run in the moment before the browser has said whose images these may be.
    """
    adopt(state, "digits")
    if state["digits"] in available:
        return
    if not is_own_images(state["digits"]):
        state.warn("Full MNIST is not on this machine, so you see the images that are. README.md says how to get it.")
    elif me is None:
        st.caption("Opening your images …")
        st.stop()
    else:
        state.warn("The images in this address are not yours, or were deleted, so you see those that come along.")
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
