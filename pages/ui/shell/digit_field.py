"""The digit that pages speak of: one of the embedded ones, by its number in the address."""

from pages.ui import resources
from pages.ui.shell.url_state import Field, whole
from vqvae.data import EMBEDDED, EXAMPLE, DataError


def _number(text: str) -> int:
    try:
        last = len(resources.digits()) - 1
    except DataError:
        raise ValueError("the number of an embedded digit, and those cannot be read") from None
    return whole(0, last)(text)


def _first() -> int:
    """What a first visitor meets."""
    try:
        return EXAMPLE if resources.digits().dataset == EMBEDDED else 0
    except DataError:
        return EXAMPLE


DIGIT = Field("digit", _number, _first, shared=True)
