"""The canvas, and what the server adds to it below: alone drawn again at the end of a stroke."""

from dataclasses import replace
from pathlib import Path

import streamlit as st

from pages.ui import resources
from pages.ui.components import canvas as component
from pages.ui.components.canvas import Drawing, Put, Tour
from pages.ui.draw.arrival import open_digit, put_picture
from pages.ui.draw.photo import centring
from pages.ui.draw.said import say_what_it_is
from pages.ui.draw.served import served_section
from pages.ui.draw.typicality import typicality_section
from pages.ui.shell.canvas_state import Now, held, hold
from pages.ui.shell.frame import Scene
from pages.ui.shell.in_view import in_view
from pages.ui.shell.media import bring_model
from pages.ui.shell.prior import prior_of
from vqvae.checkpoint import CheckpointError
from vqvae.data import Digits
from vqvae.prior_file import TrainedPrior

STYLE = Path(__file__).with_name("drawing.css").read_text()


def drawing_section(scene: Scene, digits: Digits | None, put: Put) -> None:
    """Draw the canvas with what was put there, and what there is to say of the drawing.

    How typical it is, is said once somebody has come near to where that stands.
    """
    place, below = st.container(), st.container()
    with below:  # outside of the fragment, like every other `in_view` of the page
        comes_near = digits is not None and not scene.presenting and in_view(scene.state, "typicality")

    def drawing() -> None:
        _drawing(scene, digits, put, with_typicality=comes_near)

    with place:
        scene.fragment(drawing)


def _drawing(scene: Scene, digits: Digits | None, put: Put, *, with_typicality: bool) -> None:
    """The canvas; hear what the browser says of it, and tell more about that."""
    with st.container(key="steady-canvas"):
        if resources.not_in_browser(scene.checkpoint):
            drawing = served_section(scene, put)
        else:
            drawing = _in_the_browser(scene, digits, put)
    if drawing is not None:
        _hear(scene, drawing, put.serial)
    if scene.presenting:
        return
    st.html(f"<style>{STYLE}</style>")
    with st.container(horizontal=True, vertical_alignment="center", key="draw-said"):
        if digits is not None:
            say_what_it_is(digits, held().source, put.pixels, drawing)
        if drawing is not None and drawing.cell is not None:
            code = int(drawing.codes.flatten()[drawing.cell])
            st.page_link(
                "pages/codebook.py",
                label=f"Code {code} in the codebook",
                icon=":material/grid_view:",
                query_params={"code": str(code)},
            )
    if scene.checkpoint.model.config.channels == 1:
        centring(scene.checkpoint.model.config, drawing, put_picture(scene.state))
    if digits is not None and with_typicality:
        typicality_section(scene.checkpoint, digits, drawing, open_digit(scene, digits))


def _in_the_browser(scene: Scene, digits: Digits | None, put: Put) -> Drawing | None:
    """The workbench, whose model runs where the pen is."""
    trained = _prior(scene)
    classes = trained.prior.config.classes if trained else 0
    model = resources.described(scene.checkpoint)
    drawing, asks = component.canvas(scene.checkpoint, model, put, _tour(scene, digits), classes, "draw.component")
    if trained and (asks or st.session_state.get("draw.prior") == trained.model):
        st.session_state["draw.prior"] = trained.model  # once brought it stays: the browser asks no second time
        bring_model(scene.checkpoint, trained, "draw.carrier")
    return drawing


def _prior(scene: Scene) -> TrainedPrior | None:
    """The model's prior; a damaged one is none here, and Generate says what is wrong with it."""
    try:
        return prior_of(scene)
    except CheckpointError:
        return None


def _tour(scene: Scene, digits: Digits | None) -> Tour:
    """Where the tour stands. The browser leads; it is told where the address, a talk or a button has set a step."""
    state, canvas = scene.state, held()
    if scene.presenting and not state["step"]:
        state["step"] = 1
    if canvas.step != state["step"]:
        canvas = hold(canvas.led_to(state["step"]))
    examples = None
    if digits is not None and canvas.toured == scene.checkpoint.fingerprint:
        # Without a bar, which would stand in the canvas's place.
        examples = resources.examples(scene.checkpoint, resources.EMBEDDED)
    return Tour(canvas.revision.of_step, canvas.step, scene.presenting, examples, state["code"])


def _hear(scene: Scene, drawing: Drawing, revision: str) -> None:
    """Follow the browser: what is drawn, and whenever it reports another cell or step, that too."""
    state, fingerprint, canvas = scene.state, scene.checkpoint.fingerprint, held()
    before = canvas.now and (canvas.now.drawing.cell, canvas.now.drawing.step)
    now = Now(drawing, revision, fingerprint, scene.name)
    if before == (drawing.cell, drawing.step):
        hold(replace(canvas, now=now))
        return
    state["cell"], state["step"] = drawing.cell, drawing.step
    beginning = drawing.step > 0 and canvas.toured != fingerprint
    hold(replace(canvas, now=now, step=drawing.step, toured=fingerprint if beginning else canvas.toured))
    if beginning:  # the tour's last step will come: its examples take seconds to find, which no pen waits for
        st.rerun()
