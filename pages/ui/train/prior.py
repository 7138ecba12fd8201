"""The prior of one of the visitor's checkpoints: trained, watched while it learns, and tried."""

import math

import streamlit as st

from pages.ui.shell.messages import plain
from pages.ui.shell.prior import OwnPrior, curve, offer, own_prior, progress
from pages.ui.shell.url_state import PageState
from pages.ui.train.download import DATASETS, fetching
from vqvae import data
from vqvae.checkpoint import CheckpointError
from vqvae.prior_file import TrainedPrior
from vqvae.runs.own_checkpoints import OwnCheckpoints

PLACE = "train.prior"  # where it says what its buttons did


def section(state: PageState, own: OwnCheckpoints, name: str, title: str) -> None:
    """Draw it, below a checkpoint."""
    try:
        prior = own_prior(own, name)
    except CheckpointError:
        return  # the table of checkpoints says so
    st.markdown(f"**The prior of “{plain(title)}”**")
    if prior.training:
        with st.container(key="train-prior"):
            st.fragment(_watch, run_every=prior.pace)(own, name, prior.pace)
    elif prior.trained:
        _finished(state, prior, prior.trained)
    else:
        if prior.missing:
            st.caption(f"It would learn from {DATASETS[prior.missing]}, on which this model was trained.")
            fetching(prior.missing, own.visitor, "train.prior.fetch")
        offer(prior, PLACE)
        curve(prior, PLACE)


def _watch(own: OwnCheckpoints, name: str, pace: float | None) -> None:
    """The training as it stands: alone drawn again while it moves."""
    prior = own_prior(own, name)
    if prior.pace != pace:
        st.rerun()
    progress(prior, PLACE)
    curve(prior, PLACE)


def _finished(state: PageState, prior: OwnPrior, trained: TrainedPrior) -> None:
    """What it came to, and the way to where it writes."""

    def go() -> None:
        state["model"] = prior.name
        st.session_state["train.prior.go"] = True

    for figures in trained.measured[:1]:
        st.markdown(
            f"It takes {figures.with_class:.2f} nats a code where it knows the class and {figures.without_class:.2f} "
            f"where it does not, measured on {data.described(figures.dataset, figures.split, figures.images)}; without "
            f"a prior each of the {trained.prior.config.num_embeddings} codes takes "
            f"{math.log(trained.prior.config.num_embeddings):.2f}."
        )
    st.button("Try it in Generate", type="primary", icon=":material/auto_awesome:", on_click=go, key="train.prior.try")
    if st.session_state.pop("train.prior.go", False):
        st.switch_page("pages/generate.py")
    curve(prior, PLACE)
