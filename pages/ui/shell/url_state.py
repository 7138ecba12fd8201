"""Page state that lives in the address: read on arrival, kept over visits to other pages, written back.

A page names its `Field`s; widgets use `PageState.key` with `persist_state="session"`, so that the widget, the session
and the address hold one value. The address is read on arrival and when the browser goes back or forth; in between it
only follows. Nonsense in it is reported in one sentence and otherwise ignored.

Streamlit's own `bind="query-params"` was tried for the fields of one page alone: it writes a widget's label and not
its value, drops nonsense without a word, knows no field without a widget (a lasso, a run), and takes an entry of the
browser's history for each field.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.ui.shell.job import Asked

READING = 20  # seconds that a warning stays over the runs that a page makes by itself
STAY = "stay"  # in the session
ARRIVAL = "arrival"


@dataclass(frozen=True)
class Field:
    """One value of a page's state, such as `code=57`."""

    name: str  # as it stands in the address
    parse: Callable[[str], Any]  # raises ValueError that says what is expected
    default: Any  # or a function that finds it, where it is not known before there is a page
    shared: bool = False  # whether other pages mean the same thing by it
    formerly: str | None = None  # its name in links of earlier versions

    @property
    def usual(self) -> Any:
        """Its value where nobody has said another."""
        return self.default() if callable(self.default) else self.default


def whole(low: int, high: int) -> Callable[[str], int]:
    """A parser of whole numbers from low to high."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    """A parser of numbers from low to high."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return value

    return parse


def switch(text: str) -> bool:
    """The parser of what is on or off."""
    if text not in ("True", "False"):
        raise ValueError("True or False")
    return text == "True"


def text_up_to(longest: int) -> Callable[[str], str]:
    """A parser of any text that is not too long."""

    def parse(text: str) -> str:
        if len(text) > longest:
            raise ValueError(f"at most {longest} letters")
        return text

    return parse


def one_of(*names: str) -> Callable[[str], str]:
    """A parser of one name out of several."""

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(" or ".join((", ".join(names[:-1]), names[-1]) if len(names) > 1 else names))
        return text

    return parse


class Stay(NamedTuple):
    """Where the visitor is, once a run there has come to its end."""

    page: str
    asked: dict[str, str]  # the address at arrival, to which the browser can come back
    said: dict[str, str]  # what the page made of it: the same view in full


class Arrival(NamedTuple):
    """A visitor's coming to a page, whose first runs may be cut short; fragments outlive the run that drew them."""

    page: str
    number: int  # tells it from all others of the session
    ended: bool  # whether a run there has come to its end


class PageState:
    """The state of one page in one session."""

    def __init__(self, page: str, fields: Sequence[Field]):
        self.page = page
        self.fields = {field.name: field for field in fields}
        self.complaints: list[str] = []
        self._asked = st.query_params.to_dict()
        stay = st.session_state.get(STAY)
        self.arriving = arriving = stay is None or stay.page != page  # until a run here has come to its end
        arrival: Arrival | None = st.session_state.get(ARRIVAL)
        if arrival is None or arrival.page != page or (arriving and arrival.ended):
            arrival = Arrival(page, arrival.number + 1 if arrival else 1, ended=False)
            st.session_state[ARRIVAL] = arrival
        self.arrival = arrival.number
        for field in fields:
            # After a single run of the page before, Streamlit knows a value by that page's widget alone, and the one
            # here would begin at its own default. So it is said again until a run here has come to its end.
            if arriving or self.key(field.name) not in st.session_state:
                self[field.name] = st.session_state.get(self.key(field.name), field.usual)
        if arriving:
            self._read(self._asked)
        elif stay and by_history():
            for field in fields:
                self[field.name] = field.usual
            self._read(stay.said if self._asked == stay.asked else self._asked)

    def key(self, name: str) -> str:
        """The session's key of a field: give it to the widget that sets it."""
        field = self.fields[name]
        return name if field.shared else f"{self.page}.{name}"

    def __getitem__(self, name: str) -> Any:
        return st.session_state[self.key(name)]

    def __setitem__(self, name: str, value: Any) -> None:
        """Set a field; like any session state, not after its widget was drawn in the same run."""
        st.session_state[self.key(name)] = value

    @property
    def said(self) -> dict[str, str]:
        """What stands in the address: every field that differs from its default."""
        return {name: str(self[name]) for name, field in self.fields.items() if self[name] != field.usual}

    def warn(self, sentence: str) -> None:
        """Say what could not be done; said again in the runs of the next moments, which the page may make by itself."""
        self._warnings.warning(sentence)
        st.session_state[self._warned] = (*self._recent_warnings(), (sentence, time.monotonic()))

    def warn_again(self) -> None:
        """Say what earlier runs said and nobody can have read yet; before this run says anything.

        All warnings share one place: one that comes or goes among other elements would have all below it built anew.
        """
        self._warnings = st.container(key="warnings")
        for sentence, _ in self._recent_warnings():
            self._warnings.warning(sentence)

    def _recent_warnings(self) -> tuple[tuple[str, float], ...]:
        said = st.session_state.get(self._warned, ())
        return tuple(one for one in said if time.monotonic() - one[1] < READING)

    def publish(self) -> None:
        """Write the state into the address."""
        said = self.said
        if said != st.query_params.to_dict():
            st.query_params.from_dict(said)
        stay = st.session_state.get(STAY)
        if stay is None or stay.page != self.page:
            st.session_state[STAY] = Stay(self.page, self._asked, said)
            st.session_state[ARRIVAL] = st.session_state[ARRIVAL]._replace(ended=True)

    @property
    def restarts(self) -> int:
        """How often "Start over" was pressed here: part of the key of everything that it must renew."""
        return st.session_state.get(f"{self.page}.restarts", 0)

    def restart(self) -> None:
        """Back to the page as a first visitor finds it, its fields and all else under its name; a callback."""
        restarts = self.restarts + 1
        for name in [name for name in st.session_state if str(name).startswith(f"{self.page}.")]:
            if isinstance(forgotten := st.session_state.pop(name), Asked):
                forgotten.leave()
        for field in self.fields.values():
            st.session_state[self.key(field.name)] = field.usual
        st.session_state[f"{self.page}.restarts"] = restarts
        st.query_params.clear()
        stay = st.session_state.get(STAY)
        if stay is not None and stay.page == self.page:  # the bare address means this view now, not that at arrival
            st.session_state[STAY] = Stay(self.page, {}, {})

    @property
    def _warned(self) -> str:
        return f"{self.page}.warned"

    def _read(self, address: dict[str, str]) -> None:
        """Take the fields that an address names, and note what is wrong with it."""
        for name, field in self.fields.items():
            there = name if name in address or field.formerly is None else field.formerly
            try:
                if there in address:
                    self[name] = field.parse(address[there])
            except ValueError as expected:
                st.query_params.pop(there, None)
                self.complaints.append(f"{name} should be {expected}")


def by_history() -> bool:
    """Whether this run is the browser's Back or Forward."""
    return getattr(get_script_run_ctx(), "is_history_navigation", False)  # no documented name for it
