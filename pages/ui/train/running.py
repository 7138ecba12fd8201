"""A run while it trains and after: its controls, what goes on, and the player of any moment of it."""

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from pages.ui import resources
from pages.ui.components.player import Seen, player, told
from pages.ui.shell.frame import Scene
from pages.ui.shell.messages import attempt, show
from pages.ui.shell.words import said_of_run
from pages.ui.train.checkpoints import keep
from vqvae.runs.own_checkpoints import OwnCheckpoints
from vqvae.runs.recording import code_paths
from vqvae.runs.run import ALIVE, Run, RunConfig, Status

PLACE = "train.run"  # where it says what its buttons did
EVERY = 3.5  # seconds between two looks at a run, each of which takes a little from it; LATEST frames fill them
SOON = 0.4  # between two where something is awaited: a start, a pause, a step
GOING = ("starting", "queued", "running")  # states in which a run moves by itself
HEADINGS = {
    "starting": ":material/hourglass_top: Starting",
    "queued": ":material/hourglass_top: Waiting",
    "running": ":material/directions_run: Training",
    "paused": ":material/pause: Paused",
    "finished": ":material/check: Finished",
    "stopped": ":material/stop: Stopped",
    "failed": ":material/error: Failed",
    "interrupted": ":material/error: Cut off",
}
BUTTONS = {
    "Pause": "Pause; runs that are waiting may train meanwhile.",
    "Play": "Resume.",
    "Step": "Train one batch, then pause.",
    "Stop": "Save and end. Play resumes from there.",
    "Reset": "Stop, and go back to the settings.",
}


def running(run: Run, config: RunConfig, scene: Scene) -> None:
    """Draw the run as it stands; what moves is drawn again alone."""
    now = run.status()
    if not scene.presenting:
        _controls(run, now)
        if scene.visitor:
            keep(scene, OwnCheckpoints(scene.visitor), run)
    with st.container(key="steady-run"):
        st.fragment(_watch, run_every=_pace(run, now))(run, config, now.state, _offered(now), scene.presenting)


def _controls(run: Run, status: Status) -> None:
    """Play, pause, step, stop, reset; what state the run is in."""
    alive = status.state in ALIVE
    going = alive and run.command().what == "run"
    done = status.state == "finished"
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for label, icon, action, disabled in (
            ("Pause" if going else "Play", "pause" if going else "play_arrow", run.pause if going else run.play, done),
            ("Step", "skip_next", run.step, not alive or going),
            ("Stop", "stop", run.stop, not alive),
            ("Reset", "replay", run.set_aside, False),
        ):
            st.button(
                label,
                icon=f":material/{icon}:",
                on_click=attempt,
                args=(PLACE, action),
                disabled=disabled,
                key=f"train.{label.lower()}",
                help=BUTTONS[label],
            )
        st.markdown(f"**{HEADINGS[status.state]}**")
    show(PLACE)
    if status.message and status.state in ("stopped", "failed", "interrupted"):
        st.warning(f"{status.message} Press Play to resume from there, or Reset to start again.")


def _watch(run: Run, config: RunConfig, state: str, shelved: int, presenting: bool) -> None:
    """The run as it stands, or any moment of it: alone drawn again while something moves."""
    status = run.status()
    if (status.state, _offered(status)) != (state, shelved):
        st.rerun()
    words = said_of_run(status, run.silence)
    player(run.folder.name, words, _look(run, config, status), EVERY, presenting=presenting)


class _Looked(NamedTuple):
    """What the page saw of a run when it last looked, and of what state of its files."""

    files: tuple
    data: dict  # for the player


def _look(run: Run, config: RunConfig, status: Status) -> dict:
    """All that the player shows, read again only where something has changed."""
    files = (*(_stamp(path) for path in (run.history_file, run.frames_file)), status)
    looked = st.session_state.get("train.looked")
    if looked is None or looked.files != files:
        recording = run.recording()
        if recording is not None and not len(recording.steps):
            recording = None
        seen = Seen(run.history(), recording, recording and code_paths(recording.codebooks))
        final = resources.measured(run) if status.state == "finished" else None
        data = told(seen, config.recipe, status, final, going=status.state in GOING)
        looked = st.session_state["train.looked"] = _Looked(files, data)
    return looked.data


def _stamp(path: Path) -> tuple:
    """A file's name and state; the name alone where there is none."""
    try:
        status = path.stat()
    except OSError:
        return (str(path),)
    return str(path), status.st_size, status.st_mtime_ns


def _pace(run: Run, status: Status) -> float | None:
    """Seconds between two looks at a run; None where nothing moves."""
    if status.state not in ALIVE:
        return None
    awaited = status.state in ("starting", "paused") or run.command().what != "run"
    return SOON if awaited else EVERY


def _offered(status: Status) -> int:
    """What the shelf has to offer of a run: once it goes no further the step of its model, before that 1 for any."""
    return min(status.saved, 1) if status.state in GOING else status.saved
