"""Writing pictures code by code, in the browser (Components v2); model and prior come by the `carrier`.

The browser leads: Python is told of settings and of what a hand wrote, for the address, and of a sheet's grids, for the
training digits most like them. What comes is a stranger's message: checked here before anything uses it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from streamlit.components.v2 import component
from torch import Tensor

from pages.ui.charts.pictures import data_uri
from pages.ui.components.shared import module
from vqvae.analysis.neighbours import MostAlike
from vqvae.data import Digits
from vqvae.prior import PriorConfig

FOLDER = Path(__file__).parent
ORDERS = ("certain", "rows", "random", "hand")
SOURCES = ("prior", "uniform")
WARMEST = 2.0  # temperature
COLDEST = 0.1
GUIDED = 4.0  # the most guidance
MOST_SEEDS = 1_000_000
MOST_SAMPLES = 64  # on a sheet


class Settings(NamedTuple):
    """What writes a picture, the same one each time."""

    label: int | None = None  # the class; None for any
    order: str = "certain"  # out of ORDERS: which cell comes next
    temperature: float = 1.0
    stride: int = 1  # cells a step
    seed: int = 0
    source: str = "prior"  # out of SOURCES: who says how likely a code is
    guidance: float = 2.0  # how much the class counts; 1 as the prior has learned it


class Written(NamedTuple):
    """Where the writing stands."""

    settings: Settings = Settings()
    at: int = 0  # steps written
    hand: tuple[tuple[int, int, int], ...] = ()  # what a hand wrote: step, cell, code


class Said(NamedTuple):
    """What the browser says."""

    written: Written
    sheet: Tensor | None  # (N, h, w) int64 in [0, K), once a sheet is whole


def writer(
    fingerprint: str,
    config: PriorConfig,
    serial: str,
    start: Written,
    neighbours: dict[str, object] | None,
    presenting: bool,
    key: str,
) -> tuple[Said | None, Tensor | None]:
    """Draw the component, which begins at `start` whenever `serial` changes.

    What the browser says, or None while it has not spoken since; and a grid (h, w) that is to be opened elsewhere.
    """
    answer = _component(
        key=key,
        data=writer_data(fingerprint, serial, start, neighbours, presenting),
        default={"writing": None},
        on_writing_change=lambda: None,
        on_open_change=lambda: None,
    )
    return checked(answer.writing, fingerprint, config, serial), opened(answer.open, fingerprint, config)


def writer_data(
    fingerprint: str,
    serial: str,
    start: Written,
    neighbours: dict[str, object] | None = None,
    presenting: bool = False,
) -> dict[str, Any]:
    """What the component takes."""
    return {
        "fingerprint": fingerprint,
        "set": {
            "serial": serial,
            "settings": start.settings._asdict(),
            "at": start.at,
            "hand": [list(move) for move in start.hand],
        },
        "neighbours": neighbours,
        "presenting": presenting,
    }


def checked(answer: object, fingerprint: str, config: PriorConfig, serial: str) -> Said | None:
    """The browser's message; None where it is no such message, or for another model or serial."""
    if not isinstance(answer, dict) or answer.get("serial") != serial or answer.get("fingerprint") != fingerprint:
        return None
    settings, at, hand = _settings(answer.get("settings"), config), answer.get("at"), answer.get("hand")
    moves = read_hand(hand, config)
    if settings is None or type(at) is not int or not 0 <= at <= config.cells or moves is None:
        return None
    grids, sheet = answer.get("sheet"), None
    if isinstance(grids, list) and 0 < len(grids) <= MOST_SAMPLES:
        found = [_grid(grid, config) for grid in grids]
        if not any(grid is None for grid in found):
            sheet = torch.stack([grid for grid in found if grid is not None])
    return Said(Written(settings, at, moves), sheet)


def opened(answer: object, fingerprint: str, config: PriorConfig) -> Tensor | None:
    """The grid (h, w) that was asked to be opened, if this is one."""
    if not isinstance(answer, dict) or answer.get("fingerprint") != fingerprint:
        return None
    return _grid(answer.get("codes"), config)


def read_hand(moves: object, config: PriorConfig) -> tuple[tuple[int, int, int], ...] | None:
    """What a hand wrote, a step, cell and code each; None where that is no such list."""
    if not isinstance(moves, list) or len(moves) > config.cells:
        return None
    bounds = (config.cells, config.cells, config.num_embeddings)
    for move in moves:
        if not isinstance(move, list) or len(move) != len(bounds):
            return None
        if not all(type(part) is int and 0 <= part < bound for part, bound in zip(move, bounds, strict=True)):
            return None
    return tuple((move[0], move[1], move[2]) for move in moves)


def describe_neighbours(sheet: Tensor, alike: Sequence[MostAlike], digits: Digits, noun: str) -> dict[str, object]:
    """The digits most like each grid of a sheet, as the component shows them."""
    return {
        "grids": json.dumps(sheet.flatten(1).tolist(), separators=(",", ":")),  # as JavaScript writes it
        "of": [
            {"picture": data_uri(digits.pixels[one.image]), "digit": one.image, "shared": one.shared} for one in alike
        ],
        "digits": noun,
    }


def _settings(said: object, config: PriorConfig) -> Settings | None:
    if not isinstance(said, dict) or set(said) != set(Settings._fields):
        return None
    label, temperature, guidance = said["label"], said["temperature"], said["guidance"]
    whole = {"stride": (1, config.cells), "seed": (0, MOST_SEEDS - 1)}
    if not all(type(said[name]) is int and low <= said[name] <= high for name, (low, high) in whole.items()):
        return None
    if label is not None and not (type(label) is int and 0 <= label < config.classes):
        return None
    for value, low, high in ((temperature, COLDEST, WARMEST), (guidance, 1, GUIDED)):
        if type(value) not in (int, float) or not low <= value <= high:
            return None
    if said["order"] not in ORDERS or said["source"] not in SOURCES:
        return None
    temperature, guidance = (round(float(value), 1) for value in (temperature, guidance))
    return Settings(label, said["order"], temperature, said["stride"], said["seed"], said["source"], guidance)


def _grid(codes: object, config: PriorConfig) -> Tensor | None:
    if not isinstance(codes, list) or len(codes) != config.cells:
        return None
    if not all(type(code) is int and 0 <= code < config.num_embeddings for code in codes):
        return None
    return torch.tensor(codes).view(config.height, config.width)


_component = component(
    "vqvae_generate",
    html=(FOLDER / "generate.html").read_text(),
    css=(FOLDER / "generate.css").read_text(),
    js=module(FOLDER / "generate.js"),
)
