"""Home's story: the whole idea on one page, alive on the visitor's own drawing, as one Streamlit component.

Pen, model and every opened computation run in the browser. The model comes by the `carrier`, as do the plane and the
recording of learning, by the names PLANE and LEARNING. Python is told of a door and of the wish for another digit.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from streamlit.components.v2 import component

from pages.ui.components import learning, plane
from pages.ui.components.canvas import Put, put_data
from pages.ui.components.shared import module

FOLDER = Path(__file__).parent
PLANE = "plane"  # by which the carrier brings the model of two numbers a vector
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
    gradient: "Gradient"


class Gradient(NamedTuple):
    """How the reconstruction loss's gradient gets past the codebook, and what learns by it, for a quantiser."""

    label: str  # of the arrow
    past: str
    learns: str


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
    answer = _component(
        key=key,
        data=story_data(
            fingerprint, put, losses, has_plane=has_plane, has_learning=has_learning, presenting=presenting
        ),
        on_another_change=another,
        on_door_change=lambda: None,
    )
    return answer.door if answer.door in DOORS else None


def story_data(
    fingerprint: str, put: Put, losses: Losses, *, has_plane: bool, has_learning: bool, presenting: bool = False
) -> dict[str, Any]:
    """What the component takes."""
    return {
        "fingerprint": fingerprint,
        "set": put_data(put),
        "losses": losses_data(losses),
        "plane": has_plane,
        "learning": has_learning,
        "presenting": presenting,
    }


def losses_data(losses: Losses) -> dict[str, Any]:
    """The losses and the words for them, as the component takes them."""
    terms = [term._asdict() for term in losses.terms]
    return {"terms": terms, "cost": losses.cost, "gradient": losses.gradient._asdict()}


_component = component("vqvae_story", html=HTML, css=CSS, js=module(FOLDER / "story.js"))
