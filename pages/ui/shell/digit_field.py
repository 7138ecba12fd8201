"""The digit that pages speak of: one of the embedded ones, by its number in the address."""

from pages.ui import resources
from pages.ui.shell.url_state import Field, whole
from vqvae.data import DataError


def _number(text: str) -> int:
    try:
        last = len(resources.digits()) - 1
    except DataError:
        raise ValueError("the number of an embedded digit, and those cannot be read") from None
    return whole(0, last)(text)


# The first one is what a first visitor meets: a clear two.
DIGIT = Field("digit", _number, 1234, shared=True)
