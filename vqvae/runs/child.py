"""What the child of any run does: wait in the queue, do what `control` asks, publish, save, say what became of it.

What is trained is a subclass's: a model (vqvae/runs/worker.py) or a prior (vqvae/runs/prior_worker.py).
"""

import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from vqvae.prior_training import PriorTraining
from vqvae.runs.queue import QueuePlace
from vqvae.runs.run import Run, Status
from vqvae.training import Training

PUBLISH_EVERY = 0.4  # seconds
SAVE_EVERY = 10.0  # seconds
GLANCE = 0.05  # seconds between two looks at `control` while nothing else is to be done
OUT_OF_MEMORY = ("out of memory", "allocate memory", "could not create a primitive")  # as torch and oneDNN say it
RESERVE = 16 * 1024  # bytes on the disk that a full one gives back, for saying that it is full

T = TypeVar("T", Training, PriorTraining)
Figures = TypeVar("Figures")


class Child(ABC, Generic[T]):
    """One run as its child sees it; `begin`, `add_figures`, `show`, `keep` and `end` are what it is about."""

    training: T  # from `begin` on
    held_out_share = 70  # held-out figures may cost a seventieth of the time
    too_large = "try a smaller batch or fewer codes"  # what to do where memory is short

    def __init__(self, run: Run, place: QueuePlace, is_stopped: Callable[[], bool], server_is_gone: Callable[[], bool]):
        self.run = run
        self.place = place
        self.is_stopped = is_stopped
        self.server_is_gone = server_is_gone
        self.status = run.status()._replace(state="queued", before=0, message="")  # what was saved before, stays
        self.reserve = run.folder / "reserve"
        self.published = self.saved_at = time.monotonic()
        self.held_out_due = 0.0  # seconds of training until the next figures
        self.trained_for = 0.0  # seconds
        self.cpu_seconds = 0.0  # of training, also by the children before this one

    @abstractmethod
    def begin(self) -> str:
        """Read what there is to learn from, and take the training up where it was left; what is to be said of it."""

    @abstractmethod
    def add_figures(self) -> None:
        """Write down the figures of the batches since the last ones, if there were any."""

    @abstractmethod
    def keep(self) -> None:
        """Write all that going on takes."""

    @abstractmethod
    def end(self) -> None:
        """Measure what is finished and write it where it is looked for."""

    def show(self, *, now: bool) -> None:
        """Publish more than figures, where that is due or where it is wanted now."""

    def work(self) -> Status:
        """Do the run to its end, or until it is stopped."""
        self.reserve.write_bytes(bytes(RESERVE))
        if not self._queue():
            return self._stop()
        self.say(state="running", before=0, message="Reading the images.")
        message = self.begin()
        training = self.training
        self.held_out_due = 0.0  # what is slow the first time delays no later ones
        self.say(step=training.step_count, steps=training.steps, saved=training.step_count, message=message)
        while not training.finished:
            if self._is_over():
                return self._stop()
            command = self.run.command()
            if command.what == "pause" and (command.step is None or training.step_count >= command.step):
                if not self._rest():
                    return self._stop()
                continue
            started, cpu_started = time.monotonic(), time.process_time()
            training.step()
            self.trained_for += time.monotonic() - started
            self.cpu_seconds += time.process_time() - cpu_started
            self._publish_when_due()
        self._publish()
        self._save()
        self.say(message="Measuring on all held-out images.")
        self.end()
        self.say(state="finished", message="")
        return self.status

    def fail(self, error: Exception) -> Status:
        """Say in one sentence what went wrong; what was saved stays. The whole story goes to the log."""
        traceback.print_exception(error)
        sentence = " ".join(str(error).split())[:300].rstrip(".")
        if isinstance(error, MemoryError) or any(words in sentence for words in OUT_OF_MEMORY):
            sentence = f"There was not enough memory: {self.too_large}"
        elif isinstance(error, OSError):
            sentence = f"The run could not be written to disk: {error.strerror or error}"
        self.status = self.status._replace(state="failed", before=0, message=f"{sentence}; {self.status.kept}.")
        with suppress(OSError):
            self.reserve.unlink(missing_ok=True)
        with suppress(OSError):  # then the folder is beyond writing, and the run counts as cut off
            self.run.report(self.status)
        return self.status

    # Waiting.

    def _queue(self) -> bool:
        """Queue; False where the run was stopped meanwhile."""
        while before := self.place.ask():
            if self._is_over():
                return False
            if (self.status.state, self.status.before) != ("queued", before):
                self.say(state="queued", before=before)
            time.sleep(4 * GLANCE)
        return True

    def _rest(self) -> bool:
        """Pause, and let others in meanwhile; False where the run was stopped."""
        training = self.training
        self._publish()
        self._save()
        self.say(state="paused")
        looked = 0.0
        while True:
            if self._is_over():
                return False
            command = self.run.command()
            if command.what == "run" or (command.step or 0) > training.step_count:
                break
            if time.monotonic() - looked > 1:
                looked = time.monotonic()
                if self.place.wanted():
                    self.place.release()
            time.sleep(GLANCE)
        going_on = self._queue()
        if going_on:
            self.say(state="running", before=0)
            self.published = time.monotonic()
        return going_on

    # Publishing.

    def _publish_when_due(self) -> None:
        now = time.monotonic()
        if now - self.published < PUBLISH_EVERY:
            return
        self.add_figures()
        self.show(now=False)
        self._tell()
        if now - self.saved_at >= SAVE_EVERY:
            self._save()

    def _publish(self) -> None:
        """Everything, and where the run stands; nothing of it twice."""
        self.held_out_due = 0.0
        self.add_figures()
        self.show(now=True)
        self._tell()

    def _tell(self) -> None:
        self.say(step=self.training.step_count)
        self.published = time.monotonic()

    def when_due(self, measure: Callable[[], Figures]) -> Figures | None:
        """Held-out figures, where they have become cheap beside the training since the last ones."""
        if self.trained_for < self.held_out_due and not self.training.finished:
            return None
        started = time.monotonic()
        figures = measure()
        self.held_out_due = self.trained_for + self.held_out_share * (time.monotonic() - started)
        return figures

    def say(self, **changes: object) -> None:
        self.status = self.status._replace(**changes)
        self.run.report(self.status)

    # Ending.

    def _save(self) -> None:
        if self.training.step_count != self.status.saved:
            self.keep()
            self.say(saved=self.training.step_count)
        self.saved_at = time.monotonic()

    def _is_over(self) -> bool:
        return self.is_stopped() or self.server_is_gone()

    def _stop(self) -> Status:
        if hasattr(self, "training"):
            self._publish()
            self._save()
        why = "" if self.is_stopped() else f"The app that began it ended; {self.status.kept}."
        self.say(state="stopped", before=0, message=why)
        return self.status
