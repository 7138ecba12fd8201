"""How what is made of models and images is kept, once a process for all visitors: by what they hold, not by name.

Of visitors' own images each kind has a place of its own, so that they push nothing out that is everybody's, and can be
forgotten when they are deleted.
"""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from types import FunctionType
from typing import Any, ClassVar, Generic, NamedTuple, ParamSpec, TypeVar, cast

import streamlit as st

from vqvae.background.jobs import OPENING, Job, JobsInTurn, Report
from vqvae.checkpoint import Checkpoint

Given = ParamSpec("Given")
Result = TypeVar("Result")
FORGOTTEN = 3600.0  # seconds after which pictures of what may be a visitor's own are let go of
MOMENT = 0.5  # seconds that a page waits without a bar, which would flash
EVERY = 0.25  # seconds between two steps of a bar
GRACE = 3.0  # seconds that work goes on after the page that waited for it has ended


class ImageSource(NamedTuple):
    """Which images a page looks at."""

    name: str  # of a data set, or of a visitor's own
    split: str
    folder: str = ""  # where a visitor's own lie, which tells them from everybody else's


def content(checkpoint: Checkpoint) -> tuple[str, float, str | None]:
    """What tells a model from every other.

    A stranger's copy of one may come with another variance, which is part of every NMSE, and name another data set,
    from which its images and their noun follow.
    """
    return checkpoint.fingerprint, checkpoint.variance, checkpoint.dataset


BY_CONTENT: dict[str | type, Callable[[Any], object]] = {Checkpoint: content}


class Built:
    """What is quickly made and the same for all who chose the same, the last so many of it, for so long.

    Streamlit's own cache needs longer to hash such choices than many of these take to be made.
    """

    def __init__(self, entries: int, seconds: float) -> None:
        self._made: OrderedDict[tuple[Hashable, ...], tuple[float, Any]] = OrderedDict()  # since when, and what
        self._entries, self._seconds = entries, seconds
        self._lock = threading.Lock()

    def __call__(self, make: Callable[[], Result], *choices: Hashable) -> Result:
        """What `make` makes: `choices`, its name first, are all it is of, a model among them by its `content`."""
        now = time.monotonic()
        with self._lock:
            while self._made and now - next(iter(self._made.values()))[0] > self._seconds:
                self._made.popitem(last=False)
            if choices in self._made:
                return self._made[choices][1]
        made = make()
        with self._lock:
            self._made[choices] = now, made
            self._made.move_to_end(choices)
            while len(self._made) > self._entries:
                self._made.popitem(last=False)
        return made

    def clear(self) -> None:
        with self._lock:
            self._made.clear()


class _BySource(Generic[Given, Result]):
    """A cache of what is quickly made of a model and of images, the first two arguments."""

    all: ClassVar[list["_BySource[Any, Any]"]] = []

    def __init__(self, make: Callable[Given, Result], entries: int) -> None:
        twin = FunctionType(make.__code__, make.__globals__, make.__name__)  # a cache is known by its function's name
        twin.__module__, twin.__qualname__ = make.__module__, f"{make.__qualname__}_of_own"
        cached = {"max_entries": entries, "show_spinner": False, "hash_funcs": BY_CONTENT}
        self.everybodys = st.cache_resource(**cached)(make)
        self.own = st.cache_resource(ttl=FORGOTTEN, **cached)(twin)
        self.all.append(self)

    def __call__(self, *given: Given.args, **more: Given.kwargs) -> Result:
        source = cast(ImageSource, given[1])
        return (self.own if source.folder else self.everybodys)(*given, **more)

    def clear(self) -> None:
        self.everybodys.clear()
        self.own.clear()


class by_source:  # noqa: N801 - a decorator
    """Cache in `_BySource` what a function makes, so many of each kind."""

    def __init__(self, entries: int) -> None:
        self.entries = entries

    def __call__(self, make: Callable[Given, Result]) -> _BySource[Given, Result]:
        return _BySource(make, self.entries)


_bars = ContextVar("bars", default=False)  # whether what is waited for here, and all that it needs, shows how far it is


class _Computed(Generic[Given, Result]):
    """A cache of what takes a large model long: made in the background, a few at a time, once for all who wait.

    `prepare` is called with a model and images, and whatever else tells one result from another, in the thread that
    asks; what it gives does the work in another one, where no page is at hand.
    """

    all: ClassVar[list["_Computed[Any, Any]"]] = []

    def __init__(self, prepare: Callable[Given, Callable[[Report], Result]], entries: int, words: str) -> None:
        self.__doc__ = prepare.__doc__
        self.prepare, self.words = prepare, words
        self.everybodys = JobsInTurn[Result](OPENING, entries)
        self.own = JobsInTurn[Result](OPENING, entries, FORGOTTEN)
        self.all.append(self)

    def __call__(self, *given: Given.args, **more: Given.kwargs) -> Result:
        """Wait for it, where it is not there; raises what went wrong. Shows nothing, and waits to the end."""
        checkpoint, source, *others = cast(tuple[Checkpoint, ImageSource, Hashable], given)
        jobs = self.own if source.folder else self.everybodys
        key = repr((content(checkpoint), source, others, more))
        found = jobs.result(key)
        if found is not None:
            return found
        waiting = secrets.token_hex(8)  # this run of a page, which is there for as long as it waits
        job = jobs.start(key, self.prepare(*given, **more), waiting)
        try:
            self._show(job) if _bars.get() else job.join()
        finally:
            _leave(job, waiting)
        if job.failure is not None:
            raise job.failure.with_traceback(None)  # else each one who waits would add to it
        return cast(Result, job.result)

    def shown(self, *given: Given.args, **more: Given.kwargs) -> Result:
        """The same with a bar on the page, where it takes a while. Whoever goes elsewhere meanwhile waits no longer."""
        before = _bars.set(True)
        try:
            return self(*given, **more)
        finally:
            _bars.reset(before)

    def clear(self) -> None:
        self.everybodys.clear()
        self.own.clear()

    def _show(self, job: Job[Result]) -> None:
        job.join(MOMENT)
        if not job.running:
            return
        bar = st.empty()
        while job.running:
            bar.progress(job.progress, f"{self.words}: {job.progress:.0%}")  # ends the run where the visitor left
            job.join(EVERY)
        bar.empty()


def _leave(job: Job, waiting: str) -> None:
    """Wait no longer for a job; while it is under way, in a moment: a click runs the page again, which waits for it."""
    if not job.running:
        job.leave(waiting)
        return
    later = threading.Timer(GRACE, job.leave, (waiting,))
    later.daemon = True
    later.start()


class computed:  # noqa: N801 - a decorator
    """Keep in `_Computed` what a function prepares, so many of each kind; `words` say what is being done."""

    def __init__(self, entries: int, words: str) -> None:
        self.entries, self.words = entries, words

    def __call__(self, prepare: Callable[Given, Callable[[Report], Result]]) -> _Computed[Given, Result]:
        return _Computed(prepare, self.entries, self.words)


def forget_own_images() -> None:
    """Let go of what was made of visitors' own images; of those that are still there it is made again."""
    for quick in _BySource.all:
        quick.own.clear()
    for long in _Computed.all:
        long.own.clear()
