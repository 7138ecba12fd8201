"""What belongs on the canvas: what a link brought, the digit picked last, or a picture put there since."""

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from pages.ui.components.canvas import Put
from pages.ui.shell import url_state
from pages.ui.shell.canvas_state import Canvas, Source, first_revision, held, held_before, hold
from pages.ui.shell.frame import Scene
from pages.ui.shell.link_codec import EditsError, read_drawing, read_edits
from pages.ui.shell.url_state import PageState
from vqvae.data import Digits, fitted_pixels


def put_there(scene: Scene, digits: Digits | None) -> Put:
    """What this run of the page puts on the canvas, in the model's size."""
    state, fingerprint = scene.state, scene.checkpoint.fingerprint
    digit = state["digit"] if digits else None
    canvas = held_before() or _arrived(scene, digit)
    if canvas.source.digit != digit:
        canvas = canvas.leave(_pixels(canvas.source, scene, digits))
        if url_state.by_history() and digit in canvas.left:
            canvas = canvas.put_again(canvas.left[digit])
        else:
            canvas = canvas.put(Source(digit))
            _leave_link(state)
    if canvas.fingerprint != fingerprint:  # a cell is the same place there, edits are not the same codes
        if state["cell"] is not None and state["cell"] >= scene.checkpoint.model.config.cells:
            state["cell"] = None
        canvas = replace(canvas, fingerprint=fingerprint, edits=None, cell=state["cell"])
        state["edits"] = None
    if url_state.by_history() and canvas.chosen != state["cell"]:
        canvas = canvas.aimed_at(state["cell"])
    hold(canvas)
    pixels, revision = _pixels(canvas.source, scene, digits), canvas.revision
    example = canvas.source.pixels is None  # an embedded digit is nobody's drawing
    return Put(revision.of_picture, pixels, canvas.edits, canvas.cell, example, revision.of_cell)


def _pixels(source: Source, scene: Scene, digits: Digits | None) -> Tensor | None:
    """The picture itself, in the model's size: (C, H, W) uint8; None where there is none."""
    pixels = source.pixels
    if pixels is None and digits and source.digit is not None and source.digit < len(digits):  # else another model's
        pixels = digits.pixels[source.digit]
    return None if pixels is None else fitted_pixels(pixels, scene.checkpoint.model.config)


def put_picture(state: PageState) -> Callable[[str, Tensor], None]:
    """A callback that puts a picture (C, H, W) uint8 on the canvas, given what to call it."""

    def put(name: str, pixels: Tensor) -> None:
        canvas = held()
        hold(canvas.put(Source(canvas.source.digit, name, pixels)))
        _leave_link(state)

    return put


def open_digit(scene: Scene, digits: Digits) -> Callable[[int], None]:
    """A callback that puts an embedded digit on the canvas, also where it is the one picked and drawn over."""
    state = scene.state

    def put(number: int) -> None:
        canvas = held()
        hold(canvas.leave(_pixels(canvas.source, scene, digits)).put(Source(number)))
        _leave_link(state)
        state["digit"] = number

    return put


def _leave_link(state: PageState) -> None:
    """Another picture is put on the canvas: what a link brought has had its time."""
    state["drawing"] = state["edits"] = None


def _arrived(scene: Scene, digit: int | None) -> Canvas:
    """The canvas with the drawing, the edited codes and the cell that a link brought."""
    state, config, fingerprint = scene.state, scene.checkpoint.model.config, scene.checkpoint.fingerprint
    source = Source(digit)
    if state["drawing"]:
        drawing = read_drawing(state["drawing"])
        source = Source(digit, "a drawing from a link", drawing)
        if drawing.shape != config.image_shape:
            was, reads = (f"{height} × {width}" for height, width in (drawing.shape[1:], (config.height, config.width)))
            state.warn(f"This model reads {reads} pixels: the drawing was resampled from {was}.")
    edits, cell = None, state["cell"]
    if cell is not None and cell >= config.cells:
        state.warn(f"This model has {config.cells} cells, counted from 0: cell {cell} is left out.")
        cell = state["cell"] = None
    try:
        if state["edits"]:
            edits = read_edits(state["edits"], fingerprint, config.grid, config.num_embeddings)
    except EditsError as error:
        state.warn(str(error))
        state["edits"] = None
    return Canvas(first_revision(), source, fingerprint, edits, cell)
