"""What stands in place of the writing where the model has no prior: the way to one, or how far it is."""

import streamlit as st

from pages.ui import resources
from pages.ui.shell.frame import Scene
from pages.ui.shell.messages import attempt, show
from pages.ui.shell.prior import curve, offer, own_prior_of, progress, what_it_does
from vqvae.data import TORCHVISION
from vqvae.explorable import Adapted
from vqvae.runs.own_checkpoints import OwnCheckpoints

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
        _offer_a_copy(scene)
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


def _offer_a_copy(scene: Scene) -> None:
    """A shipped model without a prior is everybody's: a prior is trained for one's own copy of it."""
    me = scene.visitor
    st.markdown(NONE)
    if isinstance(scene.checkpoint.model, Adapted):
        st.info(
            "This model is somebody’s own code. Whoever started this server can train a prior for it: "
            "`python -m vqvae prior`, with the same `--model` and `--images`. It then appears here."
        )
        return
    if scene.presenting:
        return

    def copy_and_train() -> None:
        if me is None:
            return
        own = OwnCheckpoints(me)
        figures = resources.figures_on_digits(scene.checkpoint)
        entry = own.keep(own.prepared(scene.checkpoint), f"{scene.titles[scene.name]}, a copy", figures)
        scene.state["model"] = entry.name
        own.train_prior(entry.name)

    st.button(
        "Copy it and train a prior",
        type="primary",
        icon=":material/model_training:",
        on_click=attempt,
        args=(PLACE, copy_and_train),
        disabled=me is None,
        key=f"{PLACE}.copy",
        help="The copy is yours: it stands in the list of models, and opens on every page.",
    )
    show(PLACE)
    st.caption(what_it_does(scene.checkpoint))
