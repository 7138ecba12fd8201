"""The drawing of this session, as Python knows it: one value under one key, replaced whole and never changed.

Pen and model run in the browser, which leads. Python puts pictures on the canvas, sets the tour's step, and follows the
browser's Back to a cell; each time it does, the revision grows. The browser echoes that of the picture, which tells
what it says of this one from what it said of the one before. What else holds a part of the drawing does so for a reason
of its own: the address the fields of a link, for whoever opens it, and the browser tab's storage a copy that outlives
the server.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

import streamlit as st
import torch
from torch import Tensor

from pages.ui.components.canvas import Drawing

KEY = "draw.canvas"  # in the session
BEGUN = "canvas.begun"  # how many were begun there, which Start over does not forget


class Revision(NamedTuple):
    """How often Python has put something on the canvas; the session tells apart those of two visits in one tab.

    Start over begins a new canvas in the same session, which the browser clears; where another session puts the picture
    there that it has already, what is drawn stays.
    """

    session: str
    canvas: int = 0  # of this session
    pictures: int = 0
    steps: int = 0
    cells: int = 0

    @property
    def of_picture(self) -> str:
        return f"{self.session}:{self.canvas}.{self.pictures}"

    @property
    def of_step(self) -> str:
        return f"{self.session}:{self.canvas}.{self.steps}"

    @property
    def of_cell(self) -> str:
        return f"{self.session}:{self.canvas}.{self.cells}"


class Source(NamedTuple):
    """What Python put on the canvas: a picture with a name of its own, else the embedded digit."""

    digit: int | None  # picked at that time; None where the digits cannot be read
    name: str = ""
    pixels: Tensor | None = None  # (C, H, W) uint8


class Left(NamedTuple):
    """What was on the canvas when another digit took its place: the browser's Back brings it again."""

    source: Source
    fingerprint: str  # of the model that its edits are meant for
    edits: Tensor | None  # (h, w) int64 in [-1, K)


class Now(NamedTuple):
    """What the browser said last."""

    drawing: Drawing
    revision: str  # of the picture that it was begun on
    fingerprint: str  # of the model that wrote it down, and
    model: str  # its name in the picker


@dataclass(frozen=True)
class Canvas:
    """What was put on the canvas, and what is on it now."""

    revision: Revision
    source: Source
    fingerprint: str  # of the model that edits and cell are meant for
    edits: Tensor | None = None  # (h, w) int64 in [-1, K), put there with the source
    cell: int | None = None  # chosen with it, in reading order
    step: int = 0  # of the tour, as last set or heard
    toured: str = ""  # the fingerprint of the model that the tour was begun with: its last step will come
    now: Now | None = None
    left: Mapping[int | None, Left] = field(default_factory=dict)  # by the digit that was picked then

    def put(self, source: Source) -> Self:
        """Another picture, even one with the same pixels; it takes nothing of the one before with it."""
        revision = self.revision._replace(pictures=self.revision.pictures + 1)
        return replace(self, revision=revision, source=source, edits=None, cell=None)

    def put_again(self, left: Left) -> Self:
        """What was on the canvas before, with its edits."""
        return replace(self.put(left.source), fingerprint=left.fingerprint, edits=left.edits)

    def leave(self, untouched: Tensor | None) -> Self:
        """Remember what is on the canvas; `untouched` (C, H, W) is what was put there."""
        left = Left(self.source, self.fingerprint, self.edits)
        if now := self.spoken:
            drawing = now.drawing
            alike = untouched is not None and torch.equal(drawing.pixels, untouched)
            source = self.source if alike else Source(self.source.digit, "your own drawing", drawing.pixels)
            left = Left(source, now.fingerprint, drawing.edits)
        return replace(self, left={**self.left, self.source.digit: left})

    def led_to(self, step: int) -> Self:
        """Python sets the tour's step."""
        return replace(self, revision=self.revision._replace(steps=self.revision.steps + 1), step=step)

    def aimed_at(self, cell: int | None) -> Self:
        """Python chooses a cell, or none."""
        return replace(self, revision=self.revision._replace(cells=self.revision.cells + 1), cell=cell)

    @property
    def chosen(self) -> int | None:
        """The cell that is chosen."""
        return now.drawing.cell if (now := self.spoken) else self.cell

    @property
    def spoken(self) -> Now | None:
        """What the browser has said since the last picture was put there, if anything."""
        return self.now if self.now and self.now.revision == self.revision.of_picture else None


def first_revision() -> Revision:
    session, canvas = st.session_state.get(BEGUN, (secrets.token_hex(4), 0))
    st.session_state[BEGUN] = session, canvas + 1
    return Revision(session, canvas)


def first_canvas(fingerprint: str) -> Canvas:
    """A canvas before anything was put on it, for a page that puts something there before Draw was opened."""
    return Canvas(first_revision(), Source(None), fingerprint)


def held_before() -> Canvas | None:
    """The canvas; None where Draw was not opened yet."""
    return st.session_state.get(KEY)


def held() -> Canvas:
    """The canvas, once Draw has put something there."""
    return st.session_state[KEY]


def hold(canvas: Canvas) -> Canvas:
    """Keep the canvas for the runs to come."""
    st.session_state[KEY] = canvas
    return canvas


def drawn() -> Tensor | None:
    """What was on the canvas when the browser spoke last: (C, H, W) uint8, of the size of the model at that time."""
    canvas = held_before()
    return canvas.now.drawing.pixels if canvas and canvas.now else None
