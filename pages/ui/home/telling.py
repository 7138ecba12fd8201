"""The story, and what Python does for it: puts a digit there, brings models, opens doors."""

import random

import streamlit as st

from pages.ui import resources
from pages.ui.components.canvas import CanvasError, Put
from pages.ui.components.learning import LEARNING
from pages.ui.components.story import PLANE, story
from pages.ui.components.story.losses import losses_of
from pages.ui.shell.canvas_state import Source, first_canvas, held_before, hold
from pages.ui.shell.frame import Scene
from pages.ui.shell.media import bring, bring_model
from vqvae.checkpoint import CheckpointError
from vqvae.data import Digits, fitted_pixels

TOLD = "home.told"  # in the session, until Start over


def tell(scene: Scene, digits: Digits | None) -> None:
    """Tell it on the digit of the address, or on what was drawn since."""

    def another() -> None:
        if digits is not None:
            scene.state["digit"] = random.randrange(len(digits))

    here = st.container(key="steady-story")
    if resources.not_in_browser(scene.checkpoint):
        scene = scene._replace(checkpoint=resources.checkpoint("default"))
        told_with = resources.everybodys()["default"]
        here.info(f"This page is told with the model “{told_with}”, since a browser cannot run the one picked.")
    try:
        bring_model(scene.checkpoint, None, "home.carrier")
    except CanvasError as error:
        here.error(f"{error} Pick another model in the sidebar.")
        return
    has_plane, has_learning = _bring_plane(), _bring_learning()
    with here:
        door = story(
            scene.checkpoint.fingerprint,
            _put_there(scene, digits),
            losses_of(scene.checkpoint),
            has_plane=has_plane,
            has_learning=has_learning,
            presenting=scene.presenting,
            another=another,
            key="home.story",
        )
    if door:
        st.switch_page(f"pages/{door}.py")


def _put_there(scene: Scene, digits: Digits | None) -> Put:
    """The same picture as Draw has on its canvas, in the model's size: a drawing goes along from page to page."""
    digit = scene.state["digit"] if digits else None
    canvas = held_before() or first_canvas(scene.checkpoint.fingerprint)
    started_over = scene.state.restarts and TOLD not in st.session_state
    st.session_state[TOLD] = True
    if canvas.source.digit != digit or started_over:
        canvas = canvas.put(Source(digit))
    hold(canvas)
    pixels = canvas.source.pixels
    if pixels is None and digits:
        pixels = digits.pixels[digit]
    if pixels is not None:
        pixels = fitted_pixels(pixels, scene.checkpoint.model.config)
    edits = canvas.edits if canvas.fingerprint == scene.checkpoint.fingerprint else None
    return Put(canvas.revision.of_picture, pixels, edits, None, example=canvas.source.pixels is None)


def _bring_plane() -> bool:
    """Whether the model of two numbers a vector is there."""
    try:
        packed = resources.carried_plane(resources.checkpoint("plane"))
    except CheckpointError:
        return False
    bring(PLANE, packed, "home.plane")
    return True


def _bring_learning() -> bool:
    """Whether a recording of learning is there."""
    try:
        packed = resources.carried_learning()
    except ValueError:
        return False
    if packed is None:
        return False
    bring(LEARNING, packed, "home.learning")
    return True
