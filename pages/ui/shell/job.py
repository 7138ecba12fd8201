"""Work that a visitor asks for and may call off: its button, how far it is, and what went wrong, on any page.

A thread of the server does the work (`vqvae.background.jobs`); the page draws a part again every moment meanwhile.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import streamlit as st

from pages.ui.caches import MOMENT
from vqvae.background.jobs import Job
from vqvae.data import DataError

EVERY = 0.5  # seconds between two looks at a job


def session() -> str:
    """What tells this session from every other."""
    return st.session_state.setdefault("jobs.session", secrets.token_hex(8))


class Asked(NamedTuple):
    """A job that this visitor waits for, or waited for until it ended."""

    key: str  # what it was to compute
    visitor: str
    job: Job

    def leave(self) -> None:
        """Wait no longer; the last to leave stops the work."""
        self.job.leave(self.visitor)


@dataclass(frozen=True)
class Work:
    """A piece of work as one visitor sees it: not asked for, under way, or failed."""

    place: str  # names its widgets, and what the session keeps of it
    key: str  # what is to be computed: another key is other work
    start: Callable[[str], Job]  # the job, for a visitor: a new one, or the one under way that others wait for
    visitor: str | None = None  # who asks; this session unless it is said

    @property
    def job(self) -> Job | None:
        """What was asked for here last, also when it has ended; None where it was something else."""
        asked = st.session_state.get(self._kept)
        return asked.job if asked is not None and asked.key == self.key else None

    @property
    def running(self) -> bool:
        """Whether it is under way for this visitor; others may go on waiting for what this one left."""
        job = self.job
        return job is not None and job.running and job.awaited_by(st.session_state[self._kept].visitor)

    @property
    def error(self) -> str | None:
        """What went wrong, until it is asked for again."""
        return None if self.job is None else self.job.error

    def ask(self) -> None:
        """Start it, or join those who wait for it; a callback."""
        self.leave()
        visitor = self.visitor or session()
        with suppress(DataError):  # what was to be looked at has gone: the run to come says so
            st.session_state[self._kept] = Asked(self.key, visitor, self.start(visitor))

    def ask_for_a_moment(self) -> None:
        """Ask, and wait for what takes no longer than a moment: it is then there at once, without any bar."""
        self.ask()
        if self.job is not None:
            self.job.join(MOMENT)

    def rejoin(self, of: Callable[[str, str], Job | None]) -> None:
        """Wait again for what this visitor asked for before a reload, where it is still under way.

        What was asked for before the browser had said who it is becomes the visitor's: a reload would not find it else.
        """
        if self.visitor is None:
            return
        if (asked := st.session_state.get(self._kept)) is not None:
            if asked.visitor != self.visitor and asked.job.awaited_by(asked.visitor):
                asked.job.watch(self.visitor)  # before the other leaves: the last to leave stops the work
                asked.leave()
                st.session_state[self._kept] = asked._replace(visitor=self.visitor)
            return
        job = of(self.visitor, self.key)
        if job is not None and job.running and not job.cancelled:
            st.session_state[self._kept] = Asked(self.key, self.visitor, job)

    def leave(self) -> None:
        """Wait no longer for what was asked for here; a callback."""
        asked = st.session_state.get(self._kept)
        if asked is not None:
            asked.leave()

    @property
    def pace(self) -> float | None:
        """Seconds between two looks at it; None where there is nothing to see."""
        return EVERY if self.running else None

    def keep(self, pace: float | None) -> None:
        """Run the whole page again where work began or ended since it chose its pace."""
        if pace != self.pace:
            st.rerun()

    def button(self, label: str, icon: str | None = None, *, primary: bool = False, disabled: bool = False) -> None:
        """The button that starts it, or calls it off while it is under way."""
        if self.running:
            st.button("Cancel", key=f"{self.place}.cancel", on_click=self.leave, icon=":material/close:")
        else:
            kind = "primary" if primary else "secondary"
            st.button(label, key=f"{self.place}.ask", on_click=self.ask, icon=icon, type=kind, disabled=disabled)

    def progress(self, words: Callable[[Job], str], width: int | None = None) -> None:
        """How far it is."""
        if (job := self.job) is not None:
            st.progress(job.progress, words(job), width=width or "stretch")

    @property
    def _kept(self) -> str:
        return f"{self.place}.asked"
