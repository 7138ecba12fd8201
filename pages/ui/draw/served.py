"""The canvas where the server runs the model: what the browser asks, answered, and remembered for this visitor."""

import time

import streamlit as st
import torch

from pages.ui import resources
from pages.ui.charts.pictures import montage
from pages.ui.components import served as component
from pages.ui.components.canvas import Drawing, Put
from pages.ui.components.served import Answer, Asked
from pages.ui.shell.frame import Scene
from vqvae.checkpoint import Checkpoint
from vqvae.data import to_unit

KEY = "draw.served"
NEAR = 8  # codes offered for a cell


def served_section(scene: Scene, put: Put) -> Drawing:
    """Draw it; what is on the canvas."""
    checkpoint = scene.checkpoint
    asked = component.asked(checkpoint, put, KEY) or _untouched(checkpoint, put)
    answer = _answer(checkpoint, asked, put.serial)
    component.served(checkpoint, put, answer, KEY)
    return Drawing(asked.pixels, answer.codes, asked.edits, asked.cell, 0)


def _untouched(checkpoint: Checkpoint, put: Put) -> Asked:
    """What was put there, before anybody drew over it."""
    config = checkpoint.model.config
    pixels = put.pixels if put.pixels is not None else torch.zeros(config.image_shape, dtype=torch.uint8)
    edits = put.edits if put.edits is not None else torch.full(config.grid, -1)
    return Asked(0, pixels, edits, put.cell)


def _answer(checkpoint: Checkpoint, asked: Asked, serial: str) -> Answer:
    """What the model makes of it; asked the same once more, what it made before."""
    known = (checkpoint.fingerprint, serial, asked.revision)
    before = st.session_state.get(f"{KEY}.answer")
    if before is None or before[0] != known:
        before = st.session_state[f"{KEY}.answer"] = known, _pass(checkpoint, asked)
    return before[1]


def _pass(checkpoint: Checkpoint, asked: Asked) -> Answer:
    model, tiles = checkpoint.model, (resources.tiles(checkpoint) * 255).round().to(torch.uint8)
    image = to_unit(asked.pixels).unsqueeze(0)
    begun = time.perf_counter()
    codes = model.encode(image)[0].cpu()
    codes = torch.where(asked.edits >= 0, asked.edits, codes)
    drawn = model.decode(codes.unsqueeze(0))[0].cpu()
    seconds = time.perf_counter() - begun
    answer = Answer(
        asked.revision,
        codes,
        montage(tiles[codes.flatten()], codes.shape[1]),
        (drawn.clamp(0, 1) * 255).round().to(torch.uint8),
        float((drawn - image[0]).square().mean()) / checkpoint.variance,
        seconds,
    )
    if asked.cell is None or not model.has_latents:
        return answer
    row, column = divmod(asked.cell, codes.shape[1])
    latent = model.latents(image)[:, :, row : row + 1, column : column + 1]
    distances, nearest = model.vq_layer.distances(latent)[0, 0, 0].cpu().sort(stable=True)
    near = tuple(zip(nearest[:NEAR].tolist(), distances[:NEAR].tolist(), strict=True))
    return answer._replace(near=near, near_tiles=tiles[nearest[:NEAR]])
