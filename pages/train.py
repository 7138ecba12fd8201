"""Train: choose a recipe, watch its codebook come alive, and wind the run back and forth."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import streamlit as st
from torch import Tensor

from pages.ui import figures, pictures, resources, training_figures
from pages.ui.address import Field, number, one_of, switch, whole
from pages.ui.attempts import attempt, show
from pages.ui.fetching import DATASETS, fetching
from pages.ui.frame import frame
from pages.ui.lab import lab
from pages.ui.shelf import shelf
from vqvae import data
from vqvae.collection import Collection
from vqvae.data import DataError
from vqvae.evaluation import Evaluation
from vqvae.quantizer import QUANTIZERS
from vqvae.recording import Moment, Recording, code_paths
from vqvae.runs import ALIVE, Order, Run, RunError, Status, Visitor
from vqvae.training import EFFECTS, PRESETS, RECOMMENDED, SCHEDULES, Hyperparameters
from vqvae.worker import HELD_OUT

PLACE = "train.run"  # where it says what its buttons did
EVERY = 0.6  # seconds between two looks at a run
QUIET = 12.0  # seconds without a word from a run, after which the page says why
REPLAY_EVERY = 0.25  # seconds between two frames
SPEEDS = {1: "1 ×", 3: "3 ×", 10: "10 ×"}  # frames at a time
SHOWN_COLUMNS = 10
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

RANGES = {
    "num_embeddings": (1, 1024),
    "embedding_dim": (1, 128),
    "epochs": (1, 1000),
    "batch_size": (1, 1024),
    "seed": (0, 9_999),
    "lr": (1e-6, 1.0),
    "commitment_cost": (0.0, 10.0),
}
SETTINGS: dict[str, Callable[[str], object]] = {
    **{name: (whole if type(low) is int else number)(low, high) for name, (low, high) in RANGES.items()},
    "quantizer": one_of(*QUANTIZERS),
    "schedule": one_of(*SCHEDULES),
    "kmeans_start": switch,
    "revival": switch,
}

scene = frame(
    "Train",
    "Train a model of your own and watch its codebook fill. The run goes on in the background: leave the page, close "
    "it, come back.",
    (
        Field("data", one_of(*data.DATASETS), data.EMBEDDED),
        Field("images", whole(1, data.TRAINING_IMAGES), None),
        *(Field(name, parse, getattr(RECOMMENDED, name)) for name, parse in SETTINGS.items()),
    ),
)
state = scene.state


def duration(seconds: float) -> str:
    """Such as "about 2 min": no more digits than an estimate has."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


# Before a run.


def take_preset() -> None:
    preset = st.session_state["train.preset"]
    if preset is not None:
        for name in SETTINGS:
            state[name] = getattr(PRESETS[preset], name)


def effect(name: str) -> None:
    sentence = EFFECTS[name]
    st.caption(f"{sentence[0].upper()}{sentence[1:]}.")


def numeric(name: str, label: str, step: float = 1) -> None:
    form = None if step == 1 else "%g"
    st.number_input(label, *RANGES[name], step=step, format=form, key=state.key(name), persist_state="session")
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
    settings = {name: state[name] for name in SETTINGS}
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
        numeric("commitment_cost", "Commitment cost", 0.05)
    with columns[1]:
        numeric("epochs", "Epochs")
        numeric("batch_size", "Batch size")
        numeric("lr", "Learning rate", 5e-4)
        choice("schedule", "Schedule", SCHEDULE_NAMES)
    with columns[2]:
        toggle("kmeans_start", "k-means start")
        toggle("revival", "Revival of dead codes", disabled=state["quantizer"] != "ema")
        numeric("seed", "Seed")
        recipe = Hyperparameters(**{name: state[name] for name in SETTINGS})
        order = Order(recipe, state["data"], state["images"])
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


def say_cost(order: Order) -> None:
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


class Seen(NamedTuple):
    """A recording as it was when the page last looked."""

    file: tuple[str, int, int]  # its path, bytes and time
    recording: Recording
    ways: Tensor  # of the codes: (F, K, 2)


def pace(status: Status) -> float | None:
    """Seconds between two looks at a run; None where nothing moves."""
    if status.state not in GOING and st.session_state.get("train.winding"):
        return REPLAY_EVERY
    return EVERY if status.state in ALIVE else None


def offered(status: Status) -> int:
    """What the shelf has to offer of a run: once it goes no further the step of its model, before that 1 for any."""
    return min(status.saved, 1) if status.state in GOING else status.saved


def watch(run: Run, order: Order, every: float | None, shelved: int) -> None:
    """The run as it stands, or as it stood: alone drawn again while something moves."""
    status = run.status()
    if (pace(status), offered(status)) != (every, shelved):
        st.rerun()
    if not scene.presenting:
        controls(run, status)
    history, seen = run.history(), look(run)
    at = None if seen is None or status.state in GOING else wind(seen.recording)
    step, reached = None, history
    final = resources.measured(run) if status.state == "finished" else None
    if at is not None and at < len(seen.recording.steps) - 1:
        step, final = int(seen.recording.steps[at]), None
        reached = [moment for moment in history if moment.step <= step]
    numbers(reached, status, order.recipe, final)
    if seen is None:
        return
    at = len(seen.recording.steps) - 1 if at is None else at
    left, right = st.columns(2, gap="large")
    with left:
        draw_digits(seen, at)
        if not scene.presenting:
            draw_curves(history, status, order.recipe, step)
    with right:
        draw_ways(seen, at, 370 if scene.presenting else 440)
        if not scene.presenting:
            draw_usage(seen, at)


def look(run: Run) -> Seen | None:
    """The run's recording, read again only where its file has changed; None without a frame."""
    try:
        status = run.frames_file.stat()
    except OSError:
        return None
    file = (str(run.frames_file), status.st_size, status.st_mtime_ns)
    seen = st.session_state.get("train.seen")
    if seen is None or seen.file != file:
        recording = run.recording()
        if recording is None or not len(recording.steps):
            return None
        seen = st.session_state["train.seen"] = Seen(file, recording, code_paths(recording.codebooks))
    return seen


def controls(run: Run, status: Status) -> None:
    """Play, pause, step, stop, reset; how far the run is."""
    alive = status.state in ALIVE
    going = alive and run.wish().what == "run"
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
        st.markdown(f"**{HEADINGS[status.state]}** {said(status, run.silence)}")
    st.progress(status.step / status.steps if status.steps else 0.0)
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
        return "for " + (
            "one run that comes first." if status.before == 1 else f"{status.before} runs that come first."
        )
    going_on = status.message if status.state in ALIVE else ""
    if status.state in ("starting", "running") and silence > QUIET:
        going_on = "The machine is busy, and a run lets all else go first: this may take minutes."
    return f"step {status.step:,} of {status.steps:,}. {going_on}" if status.steps else going_on


def wind(recording: Recording) -> int | None:
    """The scrubber over all recorded frames: the place of the one to show."""
    last = len(recording.steps) - 1
    if last < 1:
        return None
    now = st.session_state.get("train.at", last)
    if now >= st.session_state.get("train.last", last):  # at the end, which a step in a pause may have moved
        now = last
    now = min(now, last)
    if st.session_state.get("train.winding"):
        now = min(last, now + st.session_state["train.speed"])
        if now == last:
            st.session_state["train.winding"] = False
    st.session_state["train.at"], st.session_state["train.last"] = now, last
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        winding = st.session_state.get("train.winding", False)
        st.button(
            "Hold" if winding else "Replay",
            icon=":material/pause_circle:" if winding else ":material/play_circle:",
            on_click=start_winding,
            args=(not winding, last),
        )
        st.session_state.setdefault("train.speed", 1)
        st.segmented_control(
            "Speed",
            list(SPEEDS),
            key="train.speed",
            format_func=SPEEDS.__getitem__,
            required=True,
            width="content",
            label_visibility="collapsed",
        )
        steps = recording.steps.tolist()
        return st.select_slider(
            "Recorded step",
            range(last + 1),
            key="train.at",
            format_func=lambda at: f"step {steps[at]:,}",
            label_visibility="collapsed",
        )


def start_winding(on: bool, last: int) -> None:
    """A callback."""
    st.session_state["train.winding"] = on
    if on and st.session_state.get("train.at", last) >= last:
        st.session_state["train.at"] = 0


def numbers(history: Sequence[Moment], status: Status, recipe: Hyperparameters, final: Evaluation | None) -> None:
    """The figures of the last moment; `final` are those at the end, on all held-out images."""
    now = history[-1] if history else None
    nmse = next((moment.held_out_nmse for moment in reversed(history) if moment.held_out_nmse is not None), None)
    which = f"On {HELD_OUT} images that training never sees; at the end on all of them."
    if final is not None:
        nmse, which = final.nmse, f"On all {final.images:,} images that training never saw."
    left = now.seconds_left if now and status.state in ALIVE else None
    figures = (
        ("Loss", f"{now.loss:.4f}" if now else "–", "Reconstruction + codebook + commitment cost × commitment."),
        ("Held-out NMSE", f"{nmse:.4f}" if nmse is not None else "–", which),
        ("Perplexity", f"{now.perplexity:.1f}" if now else "–", "Codebook perplexity of the latest batches."),
        ("Codes used", f"{now.codes_used} of {recipe.num_embeddings}" if now else "–", "In the latest batches."),
        ("Images a second", f"{now.images_per_second:,.0f}" if now else "–", "As training goes now."),
        ("Time left", duration(left) if left else "–", "At this speed."),
    )
    for column, (label, value, explanation) in zip(st.columns(len(figures)), figures, strict=True):
        column.metric(label, value, help=explanation)


def draw_digits(seen: Seen, at: int) -> None:
    st.markdown("**Held-out digits**, and below each what comes back of it")
    made = seen.recording.reconstructions[at]
    st.html(pictures.pairs(seen.recording.digits, made, SHOWN_COLUMNS, "Digits above reconstructions"))


def draw_curves(history: Sequence[Moment], status: Status, recipe: Hyperparameters, now: int | None) -> None:
    """The whole run so far; `now` marks the step that it is wound back to."""
    st.markdown("**Loss and its parts**")
    curves = training_figures.loss_curves(history, recipe.commitment_cost, status.steps, now)
    chart(curves, "loss", "Loss over the steps")
    st.markdown("**Codes used and codebook perplexity**")
    curves = training_figures.usage_curves(history, recipe.num_embeddings, status.steps, now)
    chart(curves, "codes", "Codes used over the steps")


def draw_ways(seen: Seen, at: int, height: int) -> None:
    st.markdown(
        "**Ways of the codes** so far; hollow: not in use",
        help="In the plane of the two principal components of all places that they passed.",
    )
    ways = training_figures.paths(seen.ways[: at + 1], seen.recording.usage[at], height)
    chart(ways, "paths", "Ways of the codes")


def draw_usage(seen: Seen, at: int) -> None:
    st.markdown("**Use of each code** in the latest batches, in multiples of an even usage")
    chart(training_figures.usage_bars(seen.recording.usage[at]), "usage", "Use of each code")


def chart(figure: object, name: str, words: str) -> None:
    st.plotly_chart(figure, key=f"train.chart.{name}", config=figures.TOOLBAR, alt=words)


def describe(order: Order) -> str:
    recipe = order.recipe
    switches = [name for name, on in (("k-means start", recipe.kmeans_start), ("revival", recipe.revival)) if on]
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
        order = run.order() if run else None
    except RunError:
        order = None
        st.warning("Your last run cannot be read any more; its model may still be kept. A new run takes its place.")
    if order is not None:
        st.caption(describe(order))
        now = run.status()
        with st.container(key="train-live"):
            st.fragment(watch, run_every=pace(now))(run, order, pace(now), offered(now))
    elif scene.presenting:
        st.markdown("No training runs now. Leave with Esc, start one, and present it here while it learns.")
    else:
        set_up(me)
    if scene.presenting:
        state.publish()
        st.stop()
    own = Collection(me) if me else None
    if own:
        shelf(state, own, run)
    lab(me, own, Hyperparameters(**{name: state[name] for name in SETTINGS}))
except (DataError, RunError, ValueError) as error:
    st.error(f"{error} Start over in the sidebar.")
state.publish()
