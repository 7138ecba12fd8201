"""Two models on one drawing, side by side, and the rate-distortion curve that they stand on (Components v2).

Models are fetched by the browser when they are looked at, the drawing comes from the component with the pen. Python
hears which two models are chosen, for the address; that is a stranger's message, and checked here.
"""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from streamlit.components.v2 import component
from torch import Tensor

from pages.ui.components.canvas import describe
from pages.ui.components.shared import module
from vqvae.checkpoint import Checkpoint
from vqvae.data import DATASETS, described

FOLDER = Path(__file__).parent


class Entry(NamedTuple):
    """A model that a side can show."""

    name: str  # as in the page's address
    title: str
    group: str  # "codes" and "steps" are the ladder, in its order; "models" all others
    checkpoint: Checkpoint | None  # None before it is looked at
    address: str | None = None  # where the browser fetches it
    problem: str | None = None  # why it cannot be shown, in a sentence
    best: float | None = None  # NMSE with the codes that draw each picture best, where it was measured


class Sides(NamedTuple):
    """The names of the two models."""

    left: str
    right: str


def to_fetch(checkpoint: Checkpoint) -> bytes:
    """A model as `fetched.js` unpacks it; in float16 where that holds every weight exactly. Raises CanvasError."""
    model = describe(checkpoint)
    values = _weights(model)
    return json.dumps(in_halves(model) if torch.equal(values.half().float(), values) else model).encode()


def in_halves(model: dict[str, Any]) -> dict[str, Any]:
    """A described model with its weights rounded to float16; as it is, where one is too large for that."""
    halves = _weights(model).half()
    if not halves.isfinite().all():
        return model
    rest = {name: value for name, value in model.items() if name != "weights"}
    return rest | {"halves": base64.b64encode(halves.numpy().astype("<f2").tobytes()).decode()}


def _weights(model: dict[str, Any]) -> Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(model["weights"])), dtype=torch.float32)


def ladder(
    entries: Sequence[Entry],
    unquantised: float | None,
    serial: str,
    sides: Sides,
    picture: tuple[str, Tensor] | None,
    key: str,
    best_on: str = "",
) -> Sides | None:
    """Draw the component, which begins with `sides` whenever `serial` changes; the sides that the browser says.

    `unquantised` is the NMSE without a codebook. `picture`, a name and (C, H, W) uint8, stands in for a drawing where
    nothing on the page has a pen; `best_on` says on what images an entry's `best` was measured. None while the browser
    has said nothing since.
    """
    answer = _component(
        key=key,
        data=ladder_data(entries, unquantised, serial, sides, picture, best_on),
        default={"sides": None},
        on_sides_change=lambda: None,
    )
    return checked(answer.sides, serial, {entry.name for entry in entries})


def ladder_data(
    entries: Sequence[Entry],
    unquantised: float | None,
    serial: str,
    sides: Sides,
    picture: tuple[str, Tensor] | None = None,
    best_on: str = "",
) -> dict[str, Any]:
    """What the component takes."""
    return {
        "entries": [_described(entry) for entry in entries],
        "unquantised": unquantised,
        "best_on": best_on,
        "set": {"serial": serial, **sides._asdict()},
        "picture": picture and _picture(*picture),
    }


def checked(answer: object, serial: str, names: set[str]) -> Sides | None:
    """The browser's message; None where it is no such message, or for another serial."""
    if not isinstance(answer, dict) or answer.get("serial") != serial:
        return None
    left, right = answer.get("left"), answer.get("right")
    if not (isinstance(left, str) and isinstance(right, str) and {left, right} <= names):
        return None
    return Sides(left, right)


def _described(entry: Entry) -> dict[str, object]:
    said: dict[str, object] = {
        name: getattr(entry, name) for name in ("name", "title", "group", "address", "problem", "best")
    }
    if entry.checkpoint is None:
        return said
    config = entry.checkpoint.model.config
    said |= {"K": config.num_embeddings, "bits": config.cells * config.bits_per_code}
    tested = [one for one in entry.checkpoint.measured if one.split == "test" and one.dataset in DATASETS]
    if tested:
        best = max(tested, key=lambda figures: figures.images)
        said["figures"] = {
            "on": described(best.dataset, best.split, best.images),
            "nmse": best.nmse,
            "perplexity": best.perplexity,
            "ink": best.ink_perplexity,
            "used": best.codes_used,
        }
    return said


def _picture(name: str, pixels: Tensor) -> dict[str, object]:
    channels, height, width = pixels.shape
    size = {"height": height, "width": width, "channels": channels}
    return {"name": name, "pixels": pixels.permute(1, 2, 0).flatten().tolist(), "image": size}


_component = component(
    "vqvae_ladder",
    html=(FOLDER / "ladder.html").read_text(),
    css=(FOLDER / "ladder.css").read_text(),
    js=module(FOLDER / "ladder.js"),
)
