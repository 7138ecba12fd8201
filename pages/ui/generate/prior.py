"""The prior of the model that a page works on, and what stands in its place where there is none."""

import streamlit as st

from pages.ui import resources
from pages.ui.shell.frame import Scene
from pages.ui.shell.prior import OwnPrior, curve, offer, own_prior, progress
from vqvae.checkpoint import SHIPPED
from vqvae.data import TORCHVISION
from vqvae.prior_file import SHIPPED_PRIORS, TrainedPrior
from vqvae.runs.own_checkpoints import OwnCheckpoints

PLACE = "generate.prior"  # where it says what its buttons did
NONE = "This model has no prior yet, so nothing knows which of its codes go together."


def prior_of(scene: Scene) -> TrainedPrior | None:
    """The prior; None where none was trained. Raises CheckpointError for a damaged file of a shipped one."""
    if scene.name in SHIPPED:
        return resources.prior(SHIPPED_PRIORS[scene.name], scene.checkpoint.fingerprint)
    found = _own(scene)
    return found and found.trained


def pace(scene: Scene) -> float | None:
    """Seconds between two looks at its training; None where nothing moves."""
    found = _own(scene)
    return found and found.pace


def without(scene: Scene, before: float | None) -> None:
    """In place of the writing: the way to a prior, or how far it is; `before` is the pace that the page chose."""
    found = _own(scene)
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


def _own(scene: Scene) -> OwnPrior | None:
    if scene.name in SHIPPED or scene.visitor is None:
        return None
    return own_prior(OwnCheckpoints(scene.visitor), scene.name)
