"""What a link to Generate says: what writes the picture, how far it is written, and what a hand wrote in it."""

from collections.abc import Callable

from pages.ui.components.generate import COLDEST, GUIDED, MOST_SEEDS, ORDERS, SOURCES, WARMEST, Settings, Written
from pages.ui.shell.url_state import Field, PageState, number, one_of, whole

MOST_CELLS = 10_000


def _tenths(low: float, high: float) -> Callable[[str], float]:
    return lambda text: round(number(low, high)(text), 1)


def _hand(text: str) -> str:
    """What a hand wrote, as "step.cell.code" joined by "-"; it stays text, which is checked against the model later."""
    moves = [part.split(".") for part in text.split("-")]
    if len(text) > 10**4 or not all(len(move) == 3 and all(map(_is_number, move)) for move in moves):
        raise ValueError("steps, cells and codes such as 0.24.97-3.10.5")
    return text


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 7


FIELDS = (
    Field("class", whole(0, 9_999), None),
    Field("order", one_of(*ORDERS), "certain"),
    Field("temperature", _tenths(COLDEST, WARMEST), Settings().temperature),
    Field("guidance", _tenths(1, GUIDED), Settings().guidance),
    Field("cells", whole(1, MOST_CELLS), 1),
    Field("seed", whole(0, MOST_SEEDS - 1), 0),
    Field("codes", one_of(*SOURCES), "prior"),
    Field("written", whole(0, MOST_CELLS), 0),
    Field("hand", _hand, ""),
)


def read(state: PageState, read_hand: Callable[[object], tuple[tuple[int, int, int], ...] | None]) -> Written:
    """What the address says; `read_hand` checks what a hand wrote, and nonsense in it counts as nothing."""
    moves = [[int(part) for part in move.split(".")] for move in state["hand"].split("-") if move]
    settings = Settings(
        state["class"],
        state["order"],
        state["temperature"],
        state["cells"],
        state["seed"],
        state["codes"],
        state["guidance"],
    )
    return Written(settings, state["written"], read_hand(moves) or ())


def write(state: PageState, written: Written) -> None:
    """Have the address say it."""
    settings = written.settings
    said = {
        "class": settings.label,
        "order": settings.order,
        "temperature": settings.temperature,
        "guidance": settings.guidance,
        "cells": settings.stride,
        "seed": settings.seed,
        "codes": settings.source,
        "written": written.at,
        "hand": "-".join(".".join(map(str, move)) for move in written.hand),
    }
    for name, value in said.items():
        state[name] = value
