"""The writing itself, which runs in the browser, and what Python adds to it: the address, and digits most alike."""

from functools import partial
from typing import NamedTuple

import streamlit as st
import torch
from torch import Tensor

from pages.ui import resources
from pages.ui.components.canvas import CanvasError
from pages.ui.components.generate import Written, describe_neighbours, read_hand, writer
from pages.ui.generate import link
from pages.ui.shell.frame import Scene
from pages.ui.shell.media import bring_model
from pages.ui.shell.open_in_draw import open_in_draw
from vqvae import data
from vqvae.analysis.neighbours import most_alike
from vqvae.data import DataError
from vqvae.prior_file import TrainedPrior


class _Start(NamedTuple):
    """What the browser was told to begin at, and what it has said since."""

    count: int
    fingerprint: str
    arrival: int  # at the page
    written: Written
    heard: Written
    sheet: Tensor | None = None


def bring(scene: Scene, trained: TrainedPrior) -> bool:
    """Bring the model and its prior; whether a browser can run them. Outside of any fragment: see `unzipped.js`."""
    try:
        bring_model(scene.checkpoint, trained, "generate.carrier")
    except CanvasError as error:
        st.error(f"{error} Pick another model in the sidebar.")
        return False
    return True


def section(scene: Scene, trained: TrainedPrior) -> None:
    """Draw the writing, hear what the browser says of it, and follow where it leads."""
    state, config, fingerprint = scene.state, trained.prior.config, scene.checkpoint.fingerprint
    start = _start(scene, link.read(state, partial(read_hand, config=config)), trained)
    serial = f"{start.count}:{state.restarts}"
    said, grid = writer(
        fingerprint,
        config,
        serial,
        start.written,
        _neighbours(scene, start.sheet),
        scene.presenting,
        "generate.writer",
    )
    if grid is not None:
        _show_in_draw(scene, grid)
    if said is not None and (said.written != start.heard or not _same(said.sheet, start.sheet)):
        st.session_state["generate.start"] = start._replace(heard=said.written, sheet=said.sheet)
        link.write(state, said.written)
        if said.sheet is not None and not _same(said.sheet, start.sheet):
            st.rerun(scope="fragment")  # the browser is told which digits are most like these


def _start(scene: Scene, asked: Written, trained: TrainedPrior) -> _Start:
    """Where the browser begins: another place only where the address was changed by another hand than its own.

    Or where the visitor came anew, upon which the browser has nothing of it any more.
    """
    before: _Start | None = st.session_state.get("generate.start")
    fingerprint = scene.checkpoint.fingerprint
    label, config = asked.settings.label, trained.prior.config
    if label is not None and label >= config.classes:
        scene.state.warn(f"This model’s classes are numbered 0 to {config.classes - 1}: class {label} is left out.")
        asked = asked._replace(settings=asked.settings._replace(label=None))
    stride = min(asked.settings.stride, config.cells)
    asked = asked._replace(settings=asked.settings._replace(stride=stride), at=min(asked.at, config.cells))
    arrival = scene.state.arrival
    if before and (before.fingerprint, before.heard, before.arrival) == (fingerprint, asked, arrival):
        return before
    start = _Start(before.count + 1 if before else 1, fingerprint, arrival, asked, asked)
    st.session_state["generate.start"] = start
    return start


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other is None or (one is not None and other is not None and torch.equal(one, other))


def _neighbours(scene: Scene, sheet: Tensor | None) -> dict[str, object] | None:
    """The embedded digits most like those of a sheet; None where there is none, or the digits cannot be read."""
    if sheet is None:
        return None
    try:
        source = scene.checkpoint, resources.EMBEDDED
        digits, codes = resources.fitted_digits(*source), resources.encoded.shown(*source).codes
    except DataError:
        return None
    return describe_neighbours(sheet, most_alike(sheet, codes), digits, f"one of the {digits.described}")


def _show_in_draw(scene: Scene, grid: Tensor) -> None:
    """Put the picture on the canvas, with these very codes: where the encoder would choose others, they are edits."""
    model = scene.checkpoint.model
    pixels = (model.decode(grid.unsqueeze(0)).clamp(0, 1) * 255).round().to(torch.uint8)
    own = model.encode(data.to_unit(pixels))[0]
    open_in_draw(scene.checkpoint, "a generated digit", pixels[0], torch.where(own == grid, -1, grid))
