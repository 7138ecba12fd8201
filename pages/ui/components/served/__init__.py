"""The canvas of a model that the server runs: a pen in the browser, and codes and reconstruction that come back.

For models too large for a browser, or whose layers it does not know. The browser says what is drawn, at the end of a
stroke or while it goes on; what it says is a stranger's message, checked here before anything uses it.
"""

import base64
import binascii
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
import torch
from streamlit.components.v2 import component
from torch import Tensor

from pages.ui.components.canvas import Put, put_data
from pages.ui.components.shared import module
from vqvae.checkpoint import Checkpoint

FOLDER = Path(__file__).parent
LIVE = 0.1  # seconds that a pass may take for pictures to follow the pen; beyond, they wait for the end of the stroke


class Asked(NamedTuple):
    """What the browser asks for."""

    revision: int  # grows with each question
    pixels: Tensor  # (C, H, W) uint8
    edits: Tensor  # (h, w) int64 in [-1, K): -1 where the encoder's choice stands
    cell: int | None  # the one that was chosen, in reading order


class Answer(NamedTuple):
    """What the model makes of it."""

    revision: int
    codes: Tensor  # (h, w) int64, the edits among them
    mosaic: Tensor  # (C, height, width) uint8: the codes' tiles
    picture: Tensor  # (C, H, W) uint8: the reconstruction
    nmse: float
    seconds: float  # that a pass took
    near: tuple[tuple[int, float], ...] = ()  # codes nearest to the chosen cell's vector, and their squared distances
    near_tiles: Tensor | None = None  # (M, C, a, b) uint8: theirs


def asked(checkpoint: Checkpoint, put: Put, key: str) -> Asked | None:
    """What the component of this key asks for; None before it has asked for anything of this picture and model."""
    message = st.session_state.get(key)
    said = message.get("drawing") if message else None
    return checked(said, checkpoint, put.serial)


def checked(said: object, checkpoint: Checkpoint, serial: str) -> Asked | None:
    """The browser's message; None where it is no such message, or for another model or serial."""
    config = checkpoint.model.config
    if not isinstance(said, dict) or said.get("serial") != serial or said.get("fingerprint") != checkpoint.fingerprint:
        return None
    pixels = _bytes(said.get("pixels"), config.channels * config.height * config.width)
    edits, cell, revision = said.get("edits"), said.get("cell"), said.get("revision")
    if pixels is None or type(revision) is not int or not isinstance(edits, list) or len(edits) > config.cells:
        return None
    if cell is not None and not (type(cell) is int and 0 <= cell < config.cells):
        return None
    grid = torch.full((config.cells,), -1, dtype=torch.int64)
    for edit in edits:
        if not (isinstance(edit, list) and len(edit) == 2 and all(type(number) is int for number in edit)):
            return None
        place, code = edit
        if not (0 <= place < config.cells and 0 <= code < config.num_embeddings):
            return None
        grid[place] = code
    picture = pixels.view(config.height, config.width, config.channels).permute(2, 0, 1).contiguous()
    return Asked(revision, picture, grid.view(config.grid), cell)


def served(checkpoint: Checkpoint, put: Put, answer: Answer, key: str) -> None:
    """Draw the component."""
    _SERVED(
        key=key,
        data=served_data(checkpoint, put, answer),
        default={"drawing": None},
        on_drawing_change=lambda: None,
    )


def served_data(checkpoint: Checkpoint, put: Put, answer: Answer) -> dict[str, Any]:
    """What the component takes."""
    config = checkpoint.model.config
    C, H, W = config.image_shape
    near_tiles = () if answer.near_tiles is None else answer.near_tiles
    return {
        "fingerprint": checkpoint.fingerprint,
        "image": {"channels": C, "height": H, "width": W},
        "grid": {"height": config.grid[0], "width": config.grid[1]},
        "K": config.num_embeddings,
        "set": put_data(put._replace(pixels=None)) | {"pixels": None if put.pixels is None else _packed(put.pixels)},
        "answer": {
            "revision": answer.revision,
            "codes": answer.codes.flatten().tolist(),
            "mosaic": _picture(answer.mosaic),
            "picture": _picture(answer.picture),
            "nmse": answer.nmse,
            "live": answer.seconds < LIVE,
            "milliseconds": round(1000 * answer.seconds),
            "near": [
                {"code": code, "distance": distance, "tile": _picture(tile)}
                for (code, distance), tile in zip(answer.near, near_tiles, strict=True)
            ],
        },
    }


def _bytes(packed: object, count: int) -> Tensor | None:
    """Exactly so many bytes, (count,) uint8, of base64; or None."""
    if not isinstance(packed, str) or len(packed) > 4 * (count + 2) // 3 + 4:
        return None
    try:
        content = base64.b64decode(packed, validate=True)
    except (ValueError, binascii.Error):
        return None
    return torch.from_numpy(np.frombuffer(content, np.uint8).copy()) if len(content) == count else None


def _picture(pixels: Tensor) -> dict[str, Any]:
    C, H, W = pixels.shape
    return {"channels": C, "height": H, "width": W, "bytes": _packed(pixels)}


def _packed(pixels: Tensor) -> str:
    """(C, H, W) uint8 -> base64, channels last."""
    return base64.b64encode(pixels.permute(1, 2, 0).contiguous().numpy().tobytes()).decode()


_SERVED = component(
    "vqvae_served",
    html=(FOLDER / "served.html").read_text(),
    css=(FOLDER / "served.css").read_text(),
    js=module(FOLDER / "served.js"),
)
