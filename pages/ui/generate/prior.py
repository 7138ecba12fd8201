"""What stands in place of the writing where the model has no prior: the way to one, or how far it is."""

import streamlit as st

from pages.ui.shell.frame import Scene
from pages.ui.shell.prior import curve, offer, own_prior_of, progress
from vqvae.data import TORCHVISION

PLACE = "generate.prior"  # where it says what its buttons did
NONE = "This model has no prior yet, so nothing knows which of its codes go together."


def pace(scene: Scene) -> float | None:
    """Seconds between two looks at its training; None where nothing moves."""
    found = own_prior_of(scene)
    return found and found.pace


def without(scene: Scene, before: float | None) -> None:
    """In place of the writing: the way to a prior, or how far it is; `before` is the pace that the page chose."""
    found = own_prior_of(scene)
    if found is None:
        st.info(NONE)
        return
    if found.trained or found.pace != before:
        st.rerun()
    if found.training:
        progress(found, PLACE, stoppable=not scene.presenting)
        if scene.presenting:
            curve(found, PLACE)
        else:
            st.page_link("pages/train.py", label="Watch it learn on Train", icon=":material/monitoring:")
        return
    if scene.presenting:
        st.markdown(f"{NONE} Leave with Esc to train one.")
        return
    st.markdown(NONE)
    if found.missing:
        st.info(
            f"It would learn from {TORCHVISION[found.missing]}, on which this model was trained and which is not on "
            "this machine: download it on the Train page, below your checkpoints."
        )
    offer(found, PLACE)
