"""The prior of a model, and for one's own: what training one takes, the button that begins it, and how far it is.

The training is a run like a model's own (vqvae/runs): it goes on when the page is left.
"""

from typing import NamedTuple

import streamlit as st

from pages.ui import resources
from pages.ui.charts import training
from pages.ui.charts.toolbar import TOOLBAR
from pages.ui.components.player import duration
from pages.ui.shell.frame import Scene
from pages.ui.shell.messages import attempt, show
from pages.ui.shell.words import said_of_run
from vqvae import data
from vqvae.checkpoint import SHIPPED, Checkpoint, CheckpointError
from vqvae.owner import NAME
from vqvae.prior_file import TrainedPrior
from vqvae.prior_training import QUICK_SECONDS, quick_recipe
from vqvae.runs.own_checkpoints import OwnCheckpoints, check_grid, is_own, trained_on
from vqvae.runs.prior_worker import HELD_OUT
from vqvae.runs.run import ALIVE, Run, Status

EVERY = 2.0  # seconds between two looks at a training
SOON = 0.4  # between two where its start or its end is awaited


def prior_of(scene: Scene) -> TrainedPrior | None:
    """The prior of the model that a page works on; None where none was trained.

    Raises CheckpointError for a damaged file of a shipped one.
    """
    if scene.name in (NAME, *SHIPPED):
        return resources.prior_of(scene.name, scene.checkpoint, None)
    found = own_prior_of(scene)
    return found and found.trained


class OwnPrior(NamedTuple):
    """Where the prior of one's own model stands."""

    own: OwnCheckpoints
    name: str  # of the checkpoint
    checkpoint: Checkpoint
    trained: TrainedPrior | None  # None where there is none, or a damaged one
    run: Run | None  # the last training, if there was one
    status: Status  # of that

    @property
    def training(self) -> bool:
        return self.run is not None and self.status.state in ALIVE

    @property
    def pace(self) -> float | None:
        """Seconds between two looks at the training; None where nothing moves."""
        if self.run is None or not self.training:
            return None
        return EVERY if self.status.state in ("queued", "running") and self.run.command().what == "run" else SOON

    @property
    def missing(self) -> str | None:
        """The data set that it would learn from, where that is not on this machine."""
        dataset, _ = trained_on(self.checkpoint)
        return None if data.is_present(dataset) else dataset


def own_prior_of(scene: Scene) -> OwnPrior | None:
    """The prior of the model that a page works on, where that is the visitor's own."""
    if not is_own(scene.name) or scene.visitor is None:
        return None
    return own_prior(OwnCheckpoints(scene.visitor), scene.name)


def own_prior(own: OwnCheckpoints, name: str) -> OwnPrior:
    """The prior of a checkpoint. Raises CheckpointError where there is no such checkpoint, or it is damaged."""
    checkpoint, run = resources.own_checkpoint(own, name), own.prior_run(name)
    status = run.status() if run else Status("stopped")  # first: what has finished has left its prior
    try:
        trained = resources.prior(own.prior_file(name), checkpoint.fingerprint)
    except CheckpointError:
        trained = None
    return OwnPrior(own, name, checkpoint, trained, run, status)


def offer(prior: OwnPrior, place: str) -> None:
    """The button that begins a training, or goes on with it, and what it does; or why there is none, and what to do.

    Images that are not there are the page's to speak of.
    """
    why_not = _why_not(prior.checkpoint)
    if why_not:
        st.info(why_not)
        return
    run, status = prior.run, prior.status
    saved = status.saved if run and status.state != "finished" else 0
    if run and status.state == "finished":
        st.warning("Its prior is damaged or gone: train it again.")
    elif run and status.message:
        st.warning(f"{status.message} {'Go on from there, or train' if saved else 'Train'} it from the start.")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if run and saved:
            st.button(
                "Go on with its prior",
                type="primary",
                icon=":material/play_arrow:",
                on_click=attempt,
                args=(place, lambda: prior.own.visitor.go_on_with_prior(run)),
                key=f"{place}.on",
                help=f"From step {saved:,} of {status.steps:,}.",
            )
        st.button(
            "Train it from the start" if saved else "Train its prior",
            type="secondary" if saved else "primary",
            icon=":material/model_training:",
            on_click=attempt,
            args=(place, lambda: prior.own.train_prior(prior.name)),
            disabled=prior.missing is not None,
            key=f"{place}.train",
        )
    show(place)
    st.caption(what_it_does(prior.checkpoint))


def progress(prior: OwnPrior, place: str, *, stoppable: bool = True) -> None:
    """How far the training is, and the button that stops it."""
    run, status = prior.run, prior.status
    if run is None:
        return
    words = said_of_run(status, run.silence) or "Starting."
    history = run.prior_history()
    if status.state == "running" and history and status.step < status.steps:
        words = f"{words} About {duration(history[-1].seconds_left)} left."
    st.progress(status.step / status.steps if status.steps else 0.0, f"Training its prior. {words}")
    if stoppable:
        st.button(
            "Stop",
            icon=":material/stop:",
            on_click=attempt,
            args=(place, run.stop),
            key=f"{place}.stop",
            help="Saves it; the training can go on from there.",
        )
        show(place)


def curve(prior: OwnPrior, place: str) -> None:
    """How the training went, if it has begun to."""
    history = prior.run.prior_history() if prior.run else []
    if not history:
        return
    dataset, limit = trained_on(prior.checkpoint)
    held_out = data.described(dataset, "test", min(HELD_OUT, data.test_images(dataset), limit or HELD_OUT))
    st.plotly_chart(
        training.prior_curves(history, prior.status.steps), key=f"{place}.curve", config=TOOLBAR, alt="Nats a code"
    )
    st.caption(
        f"Nats a code, of the training batches and of {held_out}, half of each without their class: the fewer, the "
        "better it predicts the hidden codes."
    )


def _why_not(checkpoint: Checkpoint) -> str | None:
    """Why no prior is trained for a model, in a sentence that says what to do."""
    try:
        check_grid(checkpoint.model.config)
    except CheckpointError as error:
        return str(error)
    why = resources.not_in_browser(checkpoint)
    return why and f"{why} Generate runs there, so this model gets no prior: pick another one, or train a smaller one."


def what_it_does(checkpoint: Checkpoint) -> str:
    """What it learns from, how long that takes, and what its figures will be measured on."""
    dataset, limit = trained_on(checkpoint)
    images, test = (min(count, limit or count) for count in (data.training_images(dataset), data.test_images(dataset)))
    steps = quick_recipe(checkpoint.model.config, images).steps
    known = "" if checkpoint.dataset else " (its file does not say what it was trained on)"
    if checkpoint.dataset and checkpoint.dataset not in data.DATASETS:
        known = f" (its file does not hold the images of {checkpoint.dataset} that it was trained on)"
    return (
        "A prior learns which codes go together, and then writes new images on Generate. This one learns from "
        f"{data.described(dataset, 'train', images)}{known}, and is measured on "
        f"{data.described(dataset, 'test', test)}: {steps:,} steps, about {duration(steps * QUICK_SECONDS)} if "
        "the machine has nothing else to do. You may leave the page meanwhile."
    )
