"""Home's story: the whole idea on one page, alive on the visitor's own drawing, as one Streamlit component.

Pen, model and every opened computation run in the browser. The model comes by the `carrier`, as do the plane and the
recording of learning, under the names PLANE and LEARNING. Python is told of a door and of the wish for another digit.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from streamlit.components.v2 import component

from pages.ui.components import learning, plane
from pages.ui.components.canvas import Put
from pages.ui.components.shared import module

FOLDER = Path(__file__).parent
PLANE, LEARNING = "plane", "learning"  # as `carrier.bring` names them
DOORS = ("draw", "generate", "codebook", "map", "train")
HTML = (FOLDER / "story.html").read_text().replace("<!--plane-->", plane.HTML).replace("<!--learning-->", learning.HTML)
CSS = "\n".join((plane.CSS, learning.CSS, (FOLDER / "story.css").read_text()))


class Term(NamedTuple):
    """One loss, and what it does to the model that is shown."""

    name: str
    words: str


class Losses(NamedTuple):
    """What is said of reconstruction, codebook and commitment loss; `cost` is the last one's weight, the paper's β."""

    terms: tuple[Term, Term, Term]
    cost: float


def story(
    fingerprint: str,
    put: Put,
    losses: Losses,
    *,
    has_plane: bool,
    has_learning: bool,
    presenting: bool,
    another: Callable[[], None],
    key: str,
) -> str | None:
    """Draw the component, which finds the model by its fingerprint; `another` is called where another digit is wished.

    The page that a door was opened to, out of DOORS, in the run that hears of it.
    """
    pixels = None if put.pixels is None else put.pixels.permute(1, 2, 0).flatten().tolist()  # channels last
    edits = None if put.edits is None else put.edits.flatten().tolist()
    answer = _component(
        key=key,
        data={
            "fingerprint": fingerprint,
            "set": put._asdict() | {"pixels": pixels, "edits": edits},
            "losses": {"terms": [term._asdict() for term in losses.terms], "cost": losses.cost},
            "plane": has_plane,
            "learning": has_learning,
            "presenting": presenting,
        },
        on_another_change=another,
        on_door_change=lambda: None,
    )
    return answer.door if answer.door in DOORS else None


_component = component("vqvae_story", html=HTML, css=CSS, js=module(FOLDER / "story.js"))
