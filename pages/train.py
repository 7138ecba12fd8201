"""Train: choose a recipe, watch its codebook come alive, and wind the run back and forth."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from pages.ui import resources
from pages.ui.components.player import Seen, duration, player, told
from pages.ui.shell.frame import frame
from pages.ui.shell.messages import attempt, show
from pages.ui.shell.url_state import Field, number, one_of, switch, whole
from pages.ui.train.checkpoints import shelf
from pages.ui.train.collapse_lab import lab
from pages.ui.train.download import DATASETS, fetching
from vqvae import data
from vqvae.data import DataError
from vqvae.quantizer import QUANTIZERS
from vqvae.runs.own_checkpoints import OwnCheckpoints
from vqvae.runs.recording import code_paths
from vqvae.runs.run import ALIVE, Run, RunConfig, RunError, Status
from vqvae.runs.visitor import Visitor
from vqvae.training import PRESETS, RECOMMENDED, SETTINGS, Hyperparameters, Setting

PLACE = "train.run"  # where it says what its buttons did
EVERY = 3.5  # seconds between two looks at a run, each of which takes a little from it; LATEST frames fill them
SOON = 0.4  # between two where something is awaited: a start, a pause, a step
QUIET = 12.0  # seconds without a word from a run, after which the page says why
GOING = ("starting", "queued", "running")  # states in which a run moves by itself
QUANTIZER_NAMES = {name: kind.title for name, kind in QUANTIZERS.items()}
SCHEDULE_NAMES = {"constant": "Constant", "one-cycle": "One cycle"}
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


def parser(setting: Setting) -> Callable[[str], object]:
    if setting.choices:
        return one_of(*setting.choices)
    if setting.offered:
        return (whole if type(setting.offered[0]) is int else number)(*setting.offered)
    return switch


CHOSEN = {name: setting for name, setting in SETTINGS.items() if name != "print_freq"}

scene = frame(
    "Train",
    "Train a model of your own and watch its codebook fill. The run goes on in the background: leave the page, close "
    "it, come back.",
    (
        Field("data", one_of(*data.DATASETS), data.EMBEDDED),
        Field("images", whole(1, data.TRAINING_IMAGES), None),
        *(
            Field(name, parser(setting), getattr(RECOMMENDED, name), formerly=setting.formerly)
            for name, setting in CHOSEN.items()
        ),
    ),
)
state = scene.state


# Before a run.


def take_preset() -> None:
    preset = st.session_state["train.preset"]
    if preset is not None:
        for name in CHOSEN:
            state[name] = getattr(PRESETS[preset], name)


def effect(name: str) -> None:
    sentence = SETTINGS[name].effect
    st.caption(f"{sentence[0].upper()}{sentence[1:]}.")


def numeric(name: str, label: str) -> None:
    low, high = SETTINGS[name].offered
    step = SETTINGS[name].step
    form = None if step == 1 else "%g"
    st.number_input(label, low, high, step=step, format=form, key=state.key(name), persist_state="session")
    effect(name)


def choice(name: str, label: str, names: dict[str, str]) -> None:
    st.selectbox(
        label, list(names), key=state.key(name), format_func=lambda value: names[value], persist_state="session"
    )
    effect(name)


def toggle(name: str, label: str, *, disabled: bool = False) -> None:
    st.toggle(label, key=state.key(name), disabled=disabled, persist_state="session")
    effect(name)


def set_up(me: Visitor | None) -> None:
    """The settings, what they will cost, and the button that starts."""
    settings = {name: state[name] for name in CHOSEN}
    same = [name for name, preset in PRESETS.items() if replace(preset, **settings) == preset]
    st.session_state["train.preset"] = same[0] if same else None
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        st.segmented_control(
            "Recipe",
            ["recommended", "tutorial"],
            key="train.preset",
            format_func=str.capitalize,
            on_change=take_preset,
            help="Recommended: all codes come to be used, within minutes. Tutorial: the published recipe to the "
            "letter, where some codes never get used.",
        )
        st.selectbox(
            "Images",
            list(DATASETS),
            key=state.key("data"),
            format_func=DATASETS.__getitem__,
            persist_state="session",
            width=260,
            help="A tenth of the embedded digits is held out for testing; the full sets come with test images.",
        )
        st.number_input(
            "At most so many",
            1,
            data.TRAINING_IMAGES,
            key=state.key("images"),
            placeholder="all",
            persist_state="session",
            width=150,
            help="Fewer images make a quicker, poorer run.",
        )
    present = data.is_present(state["data"])
    if not present:
        fetching(state["data"], me)
    columns = st.columns(3, gap="large")
    with columns[0]:
        numeric("num_embeddings", "Codes (K)")
        numeric("embedding_dim", "Numbers in a code (D)")
        choice("quantizer", "Quantizer", QUANTIZER_NAMES)
        numeric("commitment_cost", "Commitment cost")
    with columns[1]:
        numeric("epochs", "Epochs")
        numeric("batch_size", "Batch size")
        numeric("lr", "Learning rate")
        choice("schedule", "Schedule", SCHEDULE_NAMES)
    with columns[2]:
        toggle("kmeans_init", "k-means initialisation")
        toggle("dead_code_replacement", "Dead-code replacement", disabled=state["quantizer"] != "ema")
        numeric("seed", "Seed")
        recipe = Hyperparameters(**{name: state[name] for name in CHOSEN})
        order = RunConfig(recipe, state["data"], state["images"])
        st.button(
            "Start training",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            on_click=attempt,
            args=(PLACE, lambda: me.start(order)),
            disabled=me is None or not present,
        )
        show(PLACE)
        say_cost(order)
        aside = me.last_aside() if me else None
        if aside is not None:
            st.button(
                "Back to the last run",
                icon=":material/undo:",
                width="stretch",
                on_click=attempt,
                args=(PLACE, aside.take_back),
            )
            st.caption("A new run deletes the last one, and the model that it has not kept as a checkpoint.")


def say_cost(order: RunConfig) -> None:
    """Time and memory, from a few steps tried just now."""
    images = data.TRAINING_IMAGES
    if order.dataset == data.EMBEDDED:
        images = len(resources.digits()) - data.HELD_OUT
    images = min(images, order.limit or images)
    recipe = order.recipe
    steps = -(-images // recipe.batch_size) * recipe.epochs
    # What does not change a step is left out, so that one measurement serves.
    cost = resources.step_cost(replace(recipe, epochs=1, lr=1e-3, commitment_cost=0.25, schedule="constant", seed=0))
    held = cost.bytes + images * resources.digits().pixels[0].numel()
    st.caption(
        f"**About {duration(steps * cost.seconds)}, if the machine has nothing else to do**: {steps:,} steps of "
        f"{1000 * cost.seconds:.0f} ms, measured on it just now. About {held / 2**20:,.0f} MB beside PyTorch itself."
    )


# During a run and after it.


class Looked(NamedTuple):
    """What the page saw of a run when it last looked, and of what state of its files."""

    files: tuple
    data: dict  # for the player


def pace(run: Run, status: Status) -> float | None:
    """Seconds between two looks at a run; None where nothing moves."""
    if status.state not in ALIVE:
        return None
    awaited = status.state in ("starting", "paused") or run.command().what != "run"
    return SOON if awaited else EVERY


def offered(status: Status) -> int:
    """What the shelf has to offer of a run: once it goes no further the step of its model, before that 1 for any."""
    return min(status.saved, 1) if status.state in GOING else status.saved


def watch(run: Run, order: RunConfig, state: str, shelved: int) -> None:
    """The run as it stands, or any moment of it: alone drawn again while something moves."""
    status = run.status()
    if (status.state, offered(status)) != (state, shelved):
        st.rerun()
    words = said(status, run.silence)
    player(run.folder.name, words, look(run, order, status), EVERY, presenting=scene.presenting)


def look(run: Run, order: RunConfig, status: Status) -> dict:
    """All that the player shows, read again only where something has changed."""
    files = (*(stamp(path) for path in (run.history_file, run.frames_file)), status)
    looked = st.session_state.get("train.looked")
    if looked is None or looked.files != files:
        recording = run.recording()
        if recording is not None and not len(recording.steps):
            recording = None
        seen = Seen(run.history(), recording, recording and code_paths(recording.codebooks))
        final = resources.measured(run) if status.state == "finished" else None
        data = told(seen, order.recipe, status, final, going=status.state in GOING)
        looked = st.session_state["train.looked"] = Looked(files, data)
    return looked.data


def stamp(path: Path) -> tuple:
    """A file's name and state; the name alone where there is none."""
    try:
        status = path.stat()
    except OSError:
        return (str(path),)
    return str(path), status.st_size, status.st_mtime_ns


def controls(run: Run, status: Status) -> None:
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
        st.warning(f"{status.message} Press Play to go on from there, or Reset to begin again.")


BUTTONS = {
    "Pause": "Stand still; whoever waits may train meanwhile.",
    "Play": "Go on.",
    "Step": "One batch, then stand still.",
    "Stop": "Save and end. Play goes on from there.",
    "Reset": "Stop, and back to the settings.",
}


def said(status: Status, silence: float) -> str:
    """What goes on, in a sentence; `silence` is how long the run has said nothing."""
    if status.state == "queued":
        return "Waiting for " + (
            "one run that comes first." if status.before == 1 else f"{status.before} runs that come first."
        )
    going_on = status.message if status.state in ALIVE else ""
    if status.state in ("starting", "running") and silence > QUIET:
        going_on = "The machine is busy, and a run lets all else go first: this may take minutes."
    return f"Step {status.step:,} of {status.steps:,}. {going_on}".rstrip() if status.steps else going_on


def describe(order: RunConfig) -> str:
    recipe = order.recipe
    offered = {"k-means initialisation": recipe.kmeans_init, "dead-code replacement": recipe.dead_code_replacement}
    switches = [name for name, on in offered.items() if on]
    images = DATASETS[order.dataset] + (f", at most {order.limit:,}" if order.limit else "")
    return (
        f"{images} · K = {recipe.num_embeddings}, D = {recipe.embedding_dim} · "
        f"{', '.join([QUANTIZER_NAMES[recipe.quantizer], *switches])} · "
        f"{SCHEDULE_NAMES[recipe.schedule].lower()} rate {recipe.lr:g} · commitment cost {recipe.commitment_cost:g} · "
        f"{recipe.epochs} epochs of batches of {recipe.batch_size} · seed {recipe.seed}"
    )


me = scene.visitor
run = me.current() if me else None
try:
    try:
        order = run.config() if run else None
    except RunError:
        order = None
        st.warning("Your last run cannot be read any more; its model may still be kept. A new run takes its place.")
    if order is not None:
        st.caption(describe(order))
        now = run.status()
        if not scene.presenting:
            controls(run, now)
        with st.container(key="train-live"):
            st.fragment(watch, run_every=pace(run, now))(run, order, now.state, offered(now))
    elif scene.presenting:
        st.markdown("No training runs now. Leave with Esc, start one, and present it here while it learns.")
    else:
        set_up(me)
    if scene.presenting:
        state.publish()
        st.stop()
    own = OwnCheckpoints(me) if me else None
    if own:
        shelf(state, own, run)
    lab(me, own, Hyperparameters(**{name: state[name] for name in CHOSEN}))
except (DataError, RunError, ValueError) as error:
    st.error(f"{error} Start over in the sidebar.")
state.publish()
