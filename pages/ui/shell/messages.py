"""What a button does may go wrong: one calm sentence about it then stands on the page, near the button."""

import math
import time
from collections.abc import Callable

import streamlit as st

from pages.ui.shell.url_state import READING
from vqvae.checkpoint import CheckpointError
from vqvae.data import DataError
from vqvae.runs.run import RunError


def attempt(place: str, action: Callable[[], object]) -> None:
    """Do what a button asks, as its callback; `show` says what went wrong."""
    succeeds(place, action)


def succeeds(place: str, action: Callable[[], object]) -> bool:
    """Do what is asked for; whether it went well. `show` says what went wrong."""
    st.session_state.pop(_key(place), None)
    try:
        action()
    except (RunError, CheckpointError, DataError) as error:
        say(place, "error", plain(str(error)))
    except OSError as error:
        say(place, "error", f"Your folder cannot be written: {error.strerror or error}.")
    else:
        return True
    return False


def say(place: str, kind: str, sentence: str) -> None:
    """Have a sentence stand at a place of the page: "success", "info" or "error"."""
    st.session_state[_key(place)] = (kind, sentence, None)


def show(place: str) -> None:
    """What the last button said here, over the runs of the next moments, which the page may make by itself.

    They count from its first showing, which may come late: what a page draws before it may take a minute.
    """
    kind, sentence, since = st.session_state.get(_key(place), ("", "", -math.inf))
    now = time.monotonic()
    if since is None or now - since < READING:
        getattr(st, kind)(sentence)
    if since is None:
        st.session_state[_key(place)] = (kind, sentence, now)


def _key(place: str) -> str:
    return f"{place}.said"


def plain(text: str) -> str:
    """A stranger's text for a sentence on the page: none of it is Markdown."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]()<>#+-.!|~$:" else letter for letter in text)
