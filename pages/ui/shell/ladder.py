"""The ladder on a page: which models it offers, from where, and what of it the address holds."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import streamlit as st
from torch import Tensor

from pages.ui import resources
from pages.ui.components.canvas import CanvasError
from pages.ui.components.ladder import Entry, Sides, ladder
from pages.ui.shell.canvas_state import drawn
from pages.ui.shell.digit_field import digit_of
from pages.ui.shell.frame import Scene, name_of_model
from pages.ui.shell.media import address_of
from pages.ui.shell.url_state import Field
from vqvae.checkpoint import Checkpoint, CheckpointError
from vqvae.runs.ladder import Ladder
from vqvae.runs.own_checkpoints import is_own

TITLE = "The same drawing with fewer or more codes"
LEAD = (
    "Two models on one drawing. Move a slider: the codebooks on it were trained by one recipe, with fewer or more "
    "codes. Fewer codes take fewer bits, and draw more coarsely."
)
FIRST = "codes-8"  # far from every model that the picker offers


def _side(text: str) -> str:
    return text if re.fullmatch(r"(codes|steps)-\d{1,9}", text) else name_of_model()(text)


FIELDS = (
    Field("left", _side, None, shared=True),  # None: the model picked in the sidebar, or the default in its place
    Field("right", _side, FIRST, shared=True),
)


class _Start(NamedTuple):
    """What the browser was told to begin with, and what it has said since."""

    count: int
    arrival: int  # at the page
    told: Sides
    heard: Sides


def section(scene: Scene, picture: tuple[str, Tensor] | None = None) -> None:
    """Draw it and hear what is chosen. `picture`, named, is what is shown where no pen is on the page."""
    st.subheader(TITLE, anchor=False)
    st.markdown(LEAD)
    sides = _sides(scene)
    entries = list(_entries(scene, sides))
    start = _start(scene, sides)
    serial = f"{start.count}:{scene.state.restarts}"
    bound, gains = resources.ladder().unquantised, resources.best_codes()
    key, best_on = f"{scene.state.page}.ladder", gains.measured_on if gains else ""
    said = ladder(entries, bound and bound.nmse, serial, start.told, picture, key, best_on)
    if resources.ladder().codes:
        st.caption(_provenance(resources.ladder()))
    if said is not None and said != start.heard:
        st.session_state[_key(scene)] = start._replace(heard=said)
        scene.state["left"] = None if said.left == scene.name else said.left
        scene.state["right"] = said.right
        if any(entry.name in said and not entry.address and not entry.problem for entry in entries):
            st.rerun(scope="fragment")  # it is opened, and the browser is told where it is


def drawing_at_hand(scene: Scene) -> tuple[str, Tensor]:
    """What to show where no pen is on the page: the visitor's last drawing, else the digit. Raises DataError."""
    pixels = drawn()
    if pixels is not None:
        return "What you drew last", pixels
    images = resources.digits(scene.checkpoint)
    digit = digit_of(images)
    return f"{images.one.capitalize()} {digit}", images.pixels[digit]


def _provenance(rungs: Ladder) -> str:
    epochs = sorted({rung.recipe.epochs for rung in rungs.codes if rung.recipe})
    said = (
        f"The default’s recipe trained each codebook for {' or '.join(map(str, epochs))} epochs; the default itself, "
        "which is on the slider too, was trained for longer."
    )
    if rungs.unquantised:
        said += (
            " The dashed line is the same network trained without a codebook: what lies between it and the curve is "
            "the price of quantising."
        )
    return said


def _sides(scene: Scene) -> Sides:
    """What the address asks for, as far as it is here; another model in place of what is not."""
    state, known = scene.state, set(scene.titles) | {name for name, _, _, _ in _rungs(scene)}
    if scene.visitor is None:  # in a moment the browser says whose they are
        known |= {name for name in (state["left"], state["right"]) if name and is_own(name)}
    others = [name for name in (FIRST, *scene.titles) if name in known and name != scene.name]
    usual = "default" if resources.not_in_browser(scene.checkpoint) else scene.name
    left = state["left"] if state["left"] in known else usual
    return Sides(left, state["right"] if state["right"] in known else others[0])


def _start(scene: Scene, asked: Sides) -> _Start:
    """Where the browser begins: elsewhere only where another hand than its own has chosen."""
    before: _Start | None = st.session_state.get(_key(scene))
    arrival = scene.state.arrival
    if before is not None and (before.heard, before.arrival) == (asked, arrival):
        return before
    start = _Start(before.count + 1 if before else 1, arrival, asked, asked)
    st.session_state[_key(scene)] = start
    return start


def _key(scene: Scene) -> str:
    return f"{scene.state.page}.ladder.start"


def _entries(scene: Scene, sides: Sides) -> Iterator[Entry]:
    """All that can be chosen. A visitor's own models are opened once they are chosen; their addresses stay theirs.

    To be fetched are the models chosen, and all rungs of their families, between which a slider moves: each address
    costs a hash of the model at every run.
    """
    rungs = list(_rungs(scene))
    gains = resources.best_codes()
    families = {group for name, _, group, _ in rungs if name in sides}
    for name, title, group, checkpoint in rungs:
        entry = Entry(name, title, group, checkpoint, best=gains and gains.best(checkpoint))
        yield _fetchable(entry) if group in families else entry
    for name, title in scene.titles.items():
        entry = Entry(name, title, "models", None)
        if name == scene.name:
            entry = entry._replace(checkpoint=scene.checkpoint)
        elif not is_own(name) or name in sides:
            try:
                entry = entry._replace(checkpoint=scene.open(name))
            except CheckpointError as error:
                entry = entry._replace(problem=f"This model cannot be opened. {error} Choose another one.")
        yield _fetchable(entry) if name in sides else entry
    for name in {*sides} - {*scene.titles}:
        if is_own(name):
            yield Entry(name, "Your own", "models", None)


def _fetchable(entry: Entry) -> Entry:
    if entry.checkpoint is None:
        return entry
    try:
        content = resources.to_fetch(entry.checkpoint)
    except CanvasError as error:
        return entry._replace(problem=f"{error} Choose another one.")
    return entry._replace(address=address_of(content, "application/json", f"ladder.{entry.name}"))


def _rungs(scene: Scene) -> Iterator[tuple[str, str, str, Checkpoint]]:
    """The ladder's models, the default among them: name, title, group and the model itself."""
    rungs = resources.ladder()
    try:
        default = scene.open("default")
    except CheckpointError:
        return  # the frame has said what is wrong with it
    if rungs.codes:
        for one in sorted((*rungs.codes, default), key=lambda one: one.model.config.num_embeddings):
            K = one.model.config.num_embeddings
            yield f"codes-{K}", f"{K} codes", "codes", one
    if rungs.stages:
        for one in (*rungs.stages, default):
            yield f"steps-{one.steps}", _trained(one), "steps", one


def _trained(one: Checkpoint) -> str:
    """How long a stage was trained, in words."""
    if not one.steps:
        return "untrained"
    if one.recipe and one.training_images:
        epochs, rest = divmod(one.steps, -(-one.training_images // one.recipe.batch_size))
        if not rest:
            return f"after {epochs} epoch{'s' if epochs > 1 else ''}"
    return f"after {one.steps:,} steps"
