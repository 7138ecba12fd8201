"""The child's side of a run that trains a model, by `run.json` (see run.py; what all children do is in child.py).

Watching costs little: a publication is due twice a second, frames and held-out figures only once they have become
cheap beside the training since the last ones.
"""

import math
import os
import stat
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from vqvae import checkpoint
from vqvae.checkpoint import CheckpointError
from vqvae.data import DataError, Digits, to_unit
from vqvae.evaluation import Evaluation, evaluate
from vqvae.limits import AT_ONCE
from vqvae.paths import runs_folder
from vqvae.runs.child import Child
from vqvae.runs.own_images import images_for
from vqvae.runs.prior_worker import PriorWorker
from vqvae.runs.queue import QueuePlace
from vqvae.runs.recording import Frame, History, Metrics, Recorder
from vqvae.runs.resume import as_checkpoint, go_on, keep
from vqvae.runs.run import Run, RunError, Status
from vqvae.training import Training

HELD_OUT = 80  # images, for figures about once a second while training; the last ones are of the whole test set
FRAME_SHARE = 40  # frames may cost a fortieth of the time
SHOWN = 20  # held-out digits that are reconstructed at each publication
LOCK_PATIENCE = 10.0  # seconds: whoever looks whether a run's lock is held holds it for a moment


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
    place = QueuePlace(runs_folder(), AT_ONCE.value)
    kind = PriorWorker if run.trains_prior else _Worker
    worker = kind(run, place, lambda: stop() or run.command().what == "stop", _watch_server())
    try:
        return worker.work()
    except (CheckpointError, DataError, RunError, ValueError, OSError, MemoryError, RuntimeError) as error:
        return worker.fail(error)
    finally:
        with suppress(OSError):
            place.release()
        lock.release()


class _Worker(Child[Training]):
    """Publishes figures, and frames of codebook and reconstructions."""

    def begin(self) -> str:
        config = self.run.config()
        images, self.test = (images_for(self.run.folder, config.dataset, split) for split in ("train", "test"))
        if config.limit is not None:
            images, self.test = images.evenly(config.limit), self.test.evenly(config.limit)
        self.held_out = self.test.evenly(HELD_OUT)
        self.training = training = Training(images, config.recipe)
        go_on(training, self.run.folder)
        step = training.step_count
        digits = _two_of_each(self.test)
        self.history = History(self.run.history_file, step, Metrics)
        self.cpu_seconds = self.history.last.cpu_seconds if self.history.last else 0.0
        self.digits = to_unit(digits)
        K, D = config.recipe.num_embeddings, config.recipe.embedding_dim
        self.recorder = Recorder(self.run.frames_file, digits, K, D, step)
        self.usage = torch.zeros(K, dtype=torch.int64)  # since the last frame
        self.figured, self.framed = step, step or None  # the last steps with figures and with a frame
        if step == 0:
            self._add_frame()
        self._held_out()
        self.frame_due = 0.0  # seconds of training until the next frame; what is slow the first time delays none
        return ""

    def show(self, *, now: bool) -> None:
        if now or self.trained_for >= self.frame_due:
            self._add_frame()

    def add_figures(self) -> None:
        training = self.training
        if training.step_count == self.figured:
            return
        held_out = self._held_out()
        snapshot = training.snapshot()
        if not math.isfinite(snapshot.loss):
            raise RunError("The loss is no longer a number: start again with a lower learning rate")
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
                snapshot.ink_perplexity,
                held_out.ink_perplexity if held_out else None,
            )
        )
        self.usage += torch.tensor(snapshot.usage)
        self.figured = training.step_count

    def _held_out(self) -> Evaluation | None:
        training = self.training
        return self.when_due(lambda: evaluate(training.model, self.held_out, training.variance))

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

    def keep(self) -> None:
        keep(self.training, self.run.folder, self.run.model_file)

    def end(self) -> None:
        """The last figures are of the whole test set, and stand in the checkpoint."""
        training = self.training
        figures = evaluate(training.model, self.test, training.variance)
        checkpoint.save(as_checkpoint(training, (figures,)), self.run.model_file)


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
