"""Train: choose a recipe, watch its codebook come alive, and wind the run back and forth."""

import streamlit as st

from pages.ui.shell.frame import page
from pages.ui.shell.in_view import in_view
from pages.ui.train import stage
from pages.ui.train.checkpoints import keep, shelf
from pages.ui.train.collapse_lab import lab
from pages.ui.train.in_the_plane import in_the_plane
from pages.ui.train.running import running
from pages.ui.train.settings import FIELDS, begin, describe, recipe, settings_form
from vqvae.data import DataError
from vqvae.runs.own_checkpoints import OwnCheckpoints
from vqvae.runs.run import RunError

LEAD = (
    "Train a model of your own and watch its codebook fill. The run goes on in the background: leave the page, close "
    "it, come back."
)

with page("Train", LEAD, FIELDS) as scene:
    me = scene.visitor
    begin(scene.state)
    run = me.current() if me else None
    try:
        try:
            config = run.config() if run else None
        except RunError:
            config = None
            st.warning(
                "Your last run can no longer be read; perhaps its model can still be saved. A new run takes its place."
            )
        if run and config:
            st.caption(describe(config, me))
            running(run, config, scene)
        elif scene.presenting:
            if me:
                stage.draw()
        else:
            settings_form(scene)
        if me and not scene.presenting:  # in the moment before that, what comes later would push down what is there
            own = OwnCheckpoints(me)
            if run and config is None:
                keep(scene, own, run)
            shelf(scene, own, beside_a_run=run is not None)
            with st.container():
                if in_view(scene.state, "further-down"):
                    if run is None:
                        in_the_plane()
                    lab(scene, own, recipe(scene.state))
    except (DataError, RunError, ValueError) as error:
        st.error(f"{error} Start over in the sidebar.")
