"""Work for which nobody should wait: done in a thread, once for all who ask, and kept on disk by its content.

Cancelling is cooperative: the work reports how far it is, and hears whether anybody still wants it.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from vqvae.limits import COMPUTING

Result = TypeVar("Result")
Report = Callable[[float], object]  # hears the share done, in [0, 1]


class CancelledError(Exception):
    """A computation was called off."""


class Job(Generic[Result]):
    """One computation in a thread; any number of visitors may watch it, none has to wait."""

    def __init__(self, compute: Callable[["Job[Result]"], Result]):
        """`compute` is given this job, to `report` to; it may raise `CancelledError` where that says to stop."""
        self.progress = 0.0  # share done
        self.sketch: Any = None  # what there is by now
        self.result: Result | None = None  # once finished
        self.failure: Exception | None = None  # what it raised
        self.ended: float | None = None  # when, in seconds of `time.monotonic`
        self._began: float | None = None
        self._cancel = threading.Event()
        self._watchers: set[str] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, args=(compute,), daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    @property
    def error(self) -> str | None:
        """What went wrong, for a sentence."""
        return None if self.failure is None else f"{type(self.failure).__name__}: {self.failure}"

    @property
    def seconds_left(self) -> float | None:
        """A guess, once a twentieth is done."""
        if self._began is None or self.progress < 0.05:
            return None
        return (time.monotonic() - self._began) * (1 / self.progress - 1)

    @property
    def cancelled(self) -> bool:
        return self._cancel.is_set()

    def join(self, seconds: float | None = None) -> None:
        """Wait until the thread has ended, or for so long."""
        self._thread.join(seconds)

    def watch(self, visitor: str) -> bool:
        """Somebody waits for this job; false where the last one just called it off."""
        with self._lock:
            self._watchers.add(visitor)
            return not self.cancelled

    def awaited_by(self, visitor: str) -> bool:
        with self._lock:
            return visitor in self._watchers

    def leave(self, visitor: str) -> None:
        """Somebody no longer waits; the last to leave stops the work."""
        with self._lock:
            self._watchers.discard(visitor)
            if not self._watchers:
                self._cancel.set()

    @property
    def of_use(self) -> bool:
        """Whether anybody may want it: it is under way, came to something, or has somebody to tell how it ended."""
        return self.running or self.result is not None or bool(self._watchers)

    def report(self, progress: float, sketch: object = None) -> bool:
        """Say from within how much is done, in [0, 1]; whether to go on."""
        if self._began is None:
            self._began = time.monotonic()
        self.progress, self.sketch = progress, sketch
        return not self.cancelled

    def _work(self, compute: Callable[["Job[Result]"], Result]) -> None:
        try:
            self.result = compute(self)
        except CancelledError:
            pass
        except Exception as error:  # the thread's edge: whatever it is, the page says it in a sentence
            self.failure = error.with_traceback(None)  # whose frames would keep alive what was computed with
        self.ended = time.monotonic()


class Jobs(Generic[Result]):
    """The jobs of this process: who asks for one that is on its way joins it; the last finished ones stay in memory."""

    def __init__(self, kept: int = 8, seconds: float = math.inf) -> None:
        """How many that have ended stay in memory, those asked for last, and for how long."""
        self._jobs: dict[str, Job[Result]] = {}
        self._kept, self._seconds = kept, seconds
        self._lock = threading.Lock()

    def result(self, key: str) -> Result | None:
        """What the job of this key came to, as far as it is in memory."""
        with self._lock:
            self._forget()
            job = self._jobs.pop(key, None)
            if job is None:
                return None
            self._jobs[key] = job  # the last now
            return job.result

    def of(self, visitor: str, key: str) -> Job[Result] | None:
        """The job of this key if a visitor waits for it; it may have ended, or failed."""
        with self._lock:
            job = self._jobs.get(key)
        return job if job is not None and job.awaited_by(visitor) else None

    def ask(self, key: str, compute: Callable[[Job[Result]], Result], visitor: str) -> Job[Result]:
        """The job of this key, a new one where none is under way or done; `compute` is called in its thread.

        A job that failed is given to all who waited for it, until they leave it: else they would never hear of it.
        """
        with self._lock:
            self._forget()
            job = self._jobs.pop(key, None)
            if job is None or not self._joined(job, visitor):
                job = Job(compute)
                job.watch(visitor)
            self._jobs[key] = job
            return job

    def clear(self) -> None:
        """Forget them all; those under way end for whoever waits."""
        with self._lock:
            self._jobs.clear()

    @staticmethod
    def _joined(job: Job[Result], visitor: str) -> bool:
        """Whether a visitor can wait for a job, and does now."""
        if job.failure is not None:
            return job.awaited_by(visitor)
        watching = job.watch(visitor)
        return job.result is not None or (job.running and watching)

    def _forget(self) -> None:
        """Let go of what is of no use, too old, or too much."""
        now = time.monotonic()
        kept = {
            key: job
            for key, job in self._jobs.items()
            if job.of_use and (job.ended is None or now - job.ended <= self._seconds)
        }
        ended = [key for key, job in kept.items() if not job.running]
        for key in ended[: max(0, len(ended) - self._kept)]:
            del kept[key]
        self._jobs = kept


class Queue:
    """Where work waits while as many others as `VQVAE_COMPUTING` says are at it."""

    def __init__(self) -> None:
        self._at_work = 0
        self._door = threading.Condition()

    @contextmanager
    def turn(self, go_on: Callable[[], bool]) -> Iterator[None]:
        """Wait until fewer than that are at work. Raises CancelledError."""
        with self._door:
            while self._at_work >= COMPUTING.value:
                if not go_on():
                    raise CancelledError
                self._door.wait(0.2)
            self._at_work += 1
        try:
            yield
        finally:
            with self._door:
                self._at_work -= 1
                self._door.notify_all()


ASKED_FOR = Queue()  # what somebody pressed a button for: maps, ablations, measurements, which take a minute or so
OPENING = Queue()  # what a page needs to open, which no map may hold up


class JobsInTurn(Jobs[Result]):
    """Jobs that wait in a queue."""

    def __init__(self, queue: Queue, kept: int = 8, seconds: float = math.inf) -> None:
        super().__init__(kept, seconds)
        self._queue = queue

    def start(self, key: str, compute: Callable[[Report], Result], visitor: str) -> Job[Result]:
        """The job of this key, as `ask` gives it; what `compute` reports to raises where nobody waits any longer."""

        def in_turn(job: Job[Result]) -> Result:
            def report(share: float) -> None:
                if not job.report(share):
                    raise CancelledError

            with self._queue.turn(lambda: not job.cancelled):
                return compute(report)

        return self.ask(key, in_turn, visitor)
