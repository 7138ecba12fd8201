"""The writing itself, which runs in the browser, and what Python adds to it: the address, and digits most alike."""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import streamlit as st
import torch
from torch import Tensor

from pages.ui import resources
from pages.ui.components.canvas import CanvasError
from pages.ui.components.carrier import carry
from pages.ui.components.generate import Written, describe_neighbours, read_hand, writer
from pages.ui.generate import link
from pages.ui.shell.canvas_state import Source, first_canvas, held_before, hold
from pages.ui.shell.digit_field import DIGIT
from pages.ui.shell.frame import Scene
from vqvae import data
from vqvae.analysis.neighbours import most_alike
from vqvae.data import DataError
from vqvae.prior_file import TrainedPrior


class _Start(NamedTuple):
    """What the browser was told to begin at, and what it has said since."""

    count: int
    fingerprint: str
    written: Written
    heard: Written
    sheet: Tensor | None = None


def section(scene: Scene, trained: TrainedPrior) -> None:
    """Draw the writing, hear what the browser says of it, and follow where it leads."""
    state, config, fingerprint = scene.state, trained.prior.config, scene.checkpoint.fingerprint
    start = _start(scene, link.read(state, partial(read_hand, config=config)), trained)
    serial = f"{start.count}:{state.restarts}"
    try:
        carry(scene.checkpoint, trained, key="generate.carrier")
        said, grid = writer(
            fingerprint,
            config,
            serial,
            start.written,
            _neighbours(scene, start.sheet),
            scene.presenting,
            "generate.writer",
        )
    except CanvasError as error:
        st.error(f"{error} Pick another model in the sidebar.")
        return
    if grid is not None:
        _open_in_draw(scene, grid)
    if said is not None and (said.written != start.heard or not _same(said.sheet, start.sheet)):
        st.session_state["generate.start"] = start._replace(heard=said.written, sheet=said.sheet)
        link.write(state, said.written)
        if said.sheet is not None and not _same(said.sheet, start.sheet):
            st.rerun(scope="fragment")  # the browser is told which digits are most like these


def _start(scene: Scene, asked: Written, trained: TrainedPrior) -> _Start:
    """Where the browser begins: another place only where the address was changed by another hand than its own."""
    before: _Start | None = st.session_state.get("generate.start")
    fingerprint = scene.checkpoint.fingerprint
    label, config = asked.settings.label, trained.prior.config
    if label is not None and label >= config.classes:
        scene.state.warn(f"This model’s classes are numbered 0 to {config.classes - 1}: class {label} is left out.")
        asked = asked._replace(settings=asked.settings._replace(label=None))
    stride = min(asked.settings.stride, config.cells)
    asked = asked._replace(settings=asked.settings._replace(stride=stride), at=min(asked.at, config.cells))
    if before is not None and before.fingerprint == fingerprint and before.heard == asked and not scene.state.arriving:
        return before
    start = _Start(before.count + 1 if before else 1, fingerprint, asked, asked)
    st.session_state["generate.start"] = start
    return start


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other is None or (one is not None and other is not None and torch.equal(one, other))


def _neighbours(scene: Scene, sheet: Tensor | None) -> dict[str, object] | None:
    """The embedded digits most like those of a sheet; None where there is none, or the digits cannot be read."""
    if sheet is None:
        return None
    try:
        source = scene.checkpoint, data.EMBEDDED, "all"
        digits, codes = resources.fitted_digits(*source), resources.encoded(*source).codes
    except DataError:
        return None
    return describe_neighbours(sheet, most_alike(sheet, codes), digits, f"one of the {digits.described}")


def _open_in_draw(scene: Scene, grid: Tensor) -> None:
    """Put the picture on the canvas, with these very codes: where the encoder would choose others, they are edits."""
    model = scene.checkpoint.model
    pixels = (model.decode(grid.unsqueeze(0)).clamp(0, 1) * 255).round().to(torch.uint8)
    own = model.encode(data.to_unit(pixels))[0]
    canvas = held_before() or first_canvas(scene.checkpoint.fingerprint)
    digit = st.session_state.get(DIGIT.name, DIGIT.usual)  # the one that Draw has picked: a later pick replaces ours
    canvas = canvas.put(Source(digit, "a generated digit", pixels[0]))
    edits = torch.where(own == grid, -1, grid)
    hold(replace(canvas, edits=edits, fingerprint=scene.checkpoint.fingerprint))
    st.switch_page("pages/draw.py")
