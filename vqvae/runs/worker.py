"""The child's side of a run: train by `run.json`, publish into the folder, do what `control` asks (see run.py).

Watching costs little: a publication is due twice a second, frames and held-out figures only once they have become
cheap beside the training since the last ones.
"""

import math
import os
import stat
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from vqvae import checkpoint, data
from vqvae.data import DataError, Digits, to_unit
from vqvae.evaluation import Evaluation, evaluate
from vqvae.paths import runs_folder
from vqvae.runs.queue import QueuePlace, at_once
from vqvae.runs.recording import Frame, History, Metrics, Recorder
from vqvae.runs.resume import as_checkpoint, go_on, keep
from vqvae.runs.run import Run, RunError, Status
from vqvae.training import Training

PUBLISH_EVERY = 0.4  # seconds
SAVE_EVERY = 10.0  # seconds
HELD_OUT = 80  # images, for figures about once a second while training; the last ones are of the whole test set
HELD_OUT_SHARE = 70  # they may cost a seventieth of the time
FRAME_SHARE = 40  # and frames a fortieth
SHOWN = 20  # held-out digits that are reconstructed at each publication
LOCK_PATIENCE = 10.0  # seconds: whoever looks whether a run's lock is held holds it for a moment
GLANCE = 0.05  # seconds between two looks at `control` while nothing else is to be done
RESERVE = 16 * 1024  # bytes on the disk that a full one gives back, for saying that it is full


def work(folder: Path, stop: Callable[[], bool] = lambda: False) -> Status:
    """Do a run to its end, or until it is stopped; what became of it, which `status.json` says as well.

    It queues among all runs of `runs_folder`. It saves and stops when `control` or `stop` say so, or when
    the process that started it has ended. Raises RunError where another process is at work in the folder.
    """
    run = Run(folder.absolute())
    lock = FileLock(run.lock)
    try:
        lock.acquire(timeout=LOCK_PATIENCE)
    except Timeout as error:
        raise RunError(f"Another process is at work in {run.folder}.") from error
    place = QueuePlace(runs_folder(), at_once())
    worker = _Worker(run, place, lambda: stop() or run.command().what == "stop", _watch_server())
    try:
        return worker.work()
    except (DataError, RunError, ValueError, OSError, MemoryError, RuntimeError) as error:
        return worker.fail(error)
    finally:
        with suppress(OSError):
            place.release()
        lock.release()


class _Worker:
    def __init__(self, run: Run, place: QueuePlace, is_stopped: Callable[[], bool], server_is_gone: Callable[[], bool]):
        self.run = run
        self.place = place
        self.is_stopped = is_stopped
        self.server_is_gone = server_is_gone
        self.status = run.status()._replace(state="queued", before=0, message="")  # what was saved before, stays
        self.reserve = run.folder / "reserve"
        self.published = self.saved_at = time.monotonic()
        self.held_out_due = self.frame_due = 0.0  # seconds of training until the next ones
        self.trained_for = 0.0  # seconds
        self.cpu_seconds = 0.0  # of training, also by the children before this one

    def work(self) -> Status:
        self.reserve.write_bytes(bytes(RESERVE))
        if not self._queue():
            return self._stop()
        self._say(state="running", before=0, message="Reading the images.")
        config = self.run.config()
        images, self.test = (data.load(config.dataset, split) for split in ("train", "test"))
        if config.limit is not None:
            images, self.test = images.evenly(config.limit), self.test.evenly(config.limit)
        self.held_out = self.test.evenly(HELD_OUT)
        self.training = training = Training(images, config.recipe)
        go_on(training, self.run.folder)
        step = training.step_count
        digits = _two_of_each(self.test)
        self.history = History(self.run.history_file, step)
        self.cpu_seconds = self.history.cpu_seconds
        self.digits = to_unit(digits)
        K, D = config.recipe.num_embeddings, config.recipe.embedding_dim
        self.recorder = Recorder(self.run.frames_file, digits, K, D, step)
        self.usage = torch.zeros(K, dtype=torch.int64)  # since the last frame
        self.figured, self.framed = step, step or None  # the last steps with figures and with a frame
        if step == 0:
            self._add_frame()
        self._held_out()
        self.held_out_due = self.frame_due = 0.0  # what is slow the first time delays no later ones
        self._say(step=step, steps=training.steps, saved=step, message="")
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
        return self._finish()

    def fail(self, error: Exception) -> Status:
        """Say in one sentence what went wrong; what was saved stays. The whole story goes to the log."""
        traceback.print_exception(error)
        sentence = " ".join(str(error).split())[:300].rstrip(".")
        if isinstance(error, MemoryError) or "out of memory" in sentence or "allocate memory" in sentence:
            sentence = "There was not enough memory: try a smaller batch or fewer codes"
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
                self._say(state="queued", before=before)
            time.sleep(4 * GLANCE)
        return True

    def _rest(self) -> bool:
        """Pause, and let others in meanwhile; False where the run was stopped."""
        training = self.training
        self._publish()
        self._save()
        self._say(state="paused")
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
            self._say(state="running", before=0)
            self.published = time.monotonic()
        return going_on

    # Publishing.

    def _publish_when_due(self) -> None:
        now = time.monotonic()
        if now - self.published < PUBLISH_EVERY:
            return
        self._add_figures()
        if self.trained_for >= self.frame_due:
            self._add_frame()
        self._tell()
        if now - self.saved_at >= SAVE_EVERY:
            self._save()

    def _publish(self) -> None:
        """Figures, a frame and where the run stands; nothing of it twice."""
        self.held_out_due = 0.0
        self._add_figures()
        self._add_frame()
        self._tell()

    def _tell(self) -> None:
        self._say(step=self.training.step_count)
        self.published = time.monotonic()

    def _add_figures(self) -> None:
        training = self.training
        if training.step_count == self.figured:
            return
        held_out = self._held_out()
        snapshot = training.snapshot()
        if not math.isfinite(snapshot.loss):
            raise RunError("The loss is no number any more: start again with a lower learning rate")
        self.history.add(
            Metrics(
                snapshot.step,
                snapshot.loss,
                snapshot.reconstruction_loss,
                snapshot.codebook_loss,
                snapshot.commitment_loss,
                snapshot.perplexity,
                snapshot.codes_used,
                snapshot.images_per_second,
                snapshot.seconds_left,
                *((held_out.nmse, held_out.perplexity, held_out.codes_used) if held_out else (None, None, None)),
                self.cpu_seconds,
            )
        )
        self.usage += torch.tensor(snapshot.usage)
        self.figured = training.step_count

    def _held_out(self) -> Evaluation | None:
        """Held-out figures, where they are due."""
        training = self.training
        if self.trained_for < self.held_out_due and not training.finished:
            return None
        started = time.monotonic()
        figures = evaluate(training.model, self.held_out, training.variance)
        self.held_out_due = self.trained_for + HELD_OUT_SHARE * (time.monotonic() - started)
        return figures

    @torch.no_grad()
    def _add_frame(self) -> None:
        training, started = self.training, time.monotonic()
        if training.step_count == self.framed:
            return
        pixels = (training.model.reconstruct(self.digits).cpu().clamp(0, 1) * 255).round().to(torch.uint8)
        codebook = training.model.vq_layer.codebook.detach().cpu()
        self.recorder.add(Frame(training.step_count, codebook, self.usage, pixels), always=training.finished)
        self.framed = training.step_count
        self.usage = torch.zeros_like(self.usage)
        self.frame_due = self.trained_for + FRAME_SHARE * (time.monotonic() - started)

    def _say(self, **changes: object) -> None:
        self.status = self.status._replace(**changes)
        self.run.report(self.status)

    # Ending.

    def _save(self) -> None:
        if self.training.step_count != self.status.saved:
            keep(self.training, self.run.folder, self.run.model_file)
            self._say(saved=self.training.step_count)
        self.saved_at = time.monotonic()

    def _is_over(self) -> bool:
        return self.is_stopped() or self.server_is_gone()

    def _stop(self) -> Status:
        if hasattr(self, "training"):
            self._publish()
            self._save()
        why = "" if self.is_stopped() else f"The app that began it ended; {self.status.kept}."
        self._say(state="stopped", before=0, message=why)
        return self.status

    def _finish(self) -> Status:
        """The last figures are of the whole test set, and stand in the checkpoint."""
        training = self.training
        self._publish()
        self._save()
        self._say(message="Measuring on all held-out images.")
        figures = evaluate(training.model, self.test, training.variance)
        checkpoint.save(as_checkpoint(training, (figures,)), self.run.model_file)
        self._say(state="finished", message="")
        return self.status


def _two_of_each(digits: Digits) -> Tensor:
    """Some images to look at, of every class as many as fit into SHOWN: (M, C, H, W) uint8."""
    classes = digits.labels.unique()
    each = max(1, SHOWN // len(classes))
    return torch.cat([digits.pixels[digits.labels == label][:each] for label in classes])


def _watch_server() -> Callable[[], bool]:
    """Whether the process that holds the other end of our stdin has ended; never, where stdin is no pipe."""
    gone = threading.Event()

    def wait_for_the_end() -> None:
        with suppress(OSError):
            while os.read(descriptor, 1024):
                pass
        gone.set()

    try:
        descriptor = sys.stdin.fileno()
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            threading.Thread(target=wait_for_the_end, daemon=True).start()
    except (OSError, ValueError, AttributeError):  # no stdin at all
        pass
    return gone.is_set
