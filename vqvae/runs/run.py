"""Runs in the background: each is a folder that a child process writes and anybody may read.

Whoever starts a run writes `run.json` once; afterwards the child alone writes (status, figures, frames, state, model),
and is asked to pause, step or stop through the small file `control`. So a page can be left, a server can end and a
child can be killed at any moment: the folder says what there is. The child's side is vqvae/runs/worker.py.

A visitor is a random token. Folders are named after its hash, so that the folder does not give the token away.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vqvae.data import DATASETS
from vqvae.files import write_atomically
from vqvae.prior_training import PriorRecipe
from vqvae.runs.process import PRIOR, _children
from vqvae.runs.queue import is_held
from vqvae.runs.recording import Metrics, PriorMetrics, Recording, read_history, read_recording
from vqvae.training import Hyperparameters

ALIVE = ("starting", "queued", "running", "paused")  # states that a living child answers for
STATES = (*ALIVE, "finished", "stopped", "failed", "interrupted")
PATIENCE = 60.0  # seconds that a child may take to begin: importing torch on a busy machine
LEAVING = 5.0  # seconds that it may take to leave after its last word


class RunError(Exception):
    """A run that cannot be started or found; the message says in one sentence why, and what to do."""


@dataclass(frozen=True)
class RunConfig:
    """What is to be trained, and on what. Raises ValueError for what cannot be."""

    recipe: Hyperparameters
    dataset: str  # out of data.DATASETS, or the name of a set of the visitor's own
    limit: int | None = None  # at most so many images, of training and held-out ones alike
    created: float = 0.0  # seconds since 1970

    def __post_init__(self) -> None:
        _check_images(self.dataset, self.limit)


@dataclass(frozen=True)
class PriorRunConfig:
    """As which prior is to be trained, and on what; for which checkpoint, its folder says. Raises ValueError."""

    recipe: PriorRecipe
    dataset: str  # out of data.DATASETS, or the name of a set of the visitor's own
    limit: int | None = None  # at most so many images, of training and held-out ones alike
    created: float = 0.0  # seconds since 1970

    def __post_init__(self) -> None:
        _check_images(self.dataset, self.limit)


def _check_images(dataset: str, limit: int | None) -> None:
    if dataset not in DATASETS and not is_own_images(dataset):
        raise ValueError(f"expected a data set out of {', '.join(DATASETS)}, got {dataset!r}")
    if limit is not None and not (type(limit) is int and limit >= 1):
        raise ValueError(f"expected a limit of at least 1, got {limit!r}")


def is_own_images(name: object) -> bool:
    """Whether this has the form of the name of somebody's own set of images."""
    return isinstance(name, str) and re.fullmatch(r"own-[0-9a-f]{12}", name) is not None


class Status(NamedTuple):
    """Where a run stands, as its child last said."""

    state: str  # out of STATES
    step: int = 0
    steps: int = 0  # of the whole run; 0 where the data has not been read yet
    saved: int = 0  # the step of the model and the state on disk; 0 for none
    before: int = 0  # runs that come first, while queued
    message: str = ""  # what happened, in a sentence, where something did

    @property
    def kept(self) -> str:
        """What an end at any moment leaves behind, in words."""
        return f"what was saved at step {self.saved:,} stays" if self.saved else "nothing was saved yet"


class Command(NamedTuple):
    """What the child is asked for: "run", "pause" or "stop", or to go on to a step and pause there."""

    what: str
    step: int | None = None


class Run:
    """One run's folder. What reads here never fails for a file that is missing, torn or just being written."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.lock = folder / "lock"  # held by the child for as long as it lives
        self.history_file = folder / "history"
        self.frames_file = folder / "frames"
        self.model_file = folder / "model.safetensors"

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def exists(self) -> bool:
        """Whether there is such a run."""
        return (self.folder / "run.json").is_file()

    @property
    def trains_prior(self) -> bool:
        """Whether it trains a prior (`prior_config`, `prior_history`), and no model (`config`, `history`)."""
        return self.folder.suffix == PRIOR

    def config(self) -> RunConfig:
        """What was asked for. Raises RunError where `run.json` cannot be read."""
        with self._telling():
            said = json.loads((self.folder / "run.json").read_text())
            return RunConfig(Hyperparameters.from_record(said.pop("recipe")), **said)

    def prior_config(self) -> PriorRunConfig:
        """The same of a prior."""
        with self._telling():
            said = json.loads((self.folder / "run.json").read_text())
            return PriorRunConfig(PriorRecipe(**said.pop("recipe")), **said)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise RunError(f"{self.folder / 'run.json'} does not say what to train: {error}.") from error

    def status(self) -> Status:
        """Where the run stands; "interrupted" where its child died without a word."""
        said = self._said()
        if said.state in ALIVE and not self.alive():
            said = self._said()  # it may have ended properly just now
            if said.state in ALIVE:
                return said._replace(state="interrupted", message=f"The run was cut off; {said.kept}.")
        return said

    def history(self) -> list[Metrics]:
        return read_history(self.history_file, Metrics)

    def prior_history(self) -> list[PriorMetrics]:
        return read_history(self.history_file, PriorMetrics)

    def recording(self) -> Recording | None:
        return read_recording(self.frames_file)

    def alive(self) -> bool:
        """Whether a child is at work here, or about to be."""
        child = _children.get(self.folder)
        if (child is not None and child.poll() is None) or is_held(self.lock):
            return True
        if child is not None:
            return False
        try:
            begun = (self.folder / "begun").stat().st_mtime
        except OSError:
            return False
        return self._said().state == "starting" and abs(time.time() - begun) < PATIENCE

    # What may be asked of it.

    def begin(self) -> None:
        """Start a child, or go on where the last one ended. Raises RunError."""
        try:
            said = self._said()
            self._ask("run")
            (self.folder / "begun").touch()
            self.report(Status("starting", said.step, said.steps, said.saved))
            log = open(self.folder / "log", "wb")  # noqa: SIM115, the child's
        except OSError as error:
            raise RunError(f"The run’s folder {self.folder} cannot be written: {_reason(error)}.") from error
        with log:
            try:
                _children.start(self.folder, log)
            except OSError as error:
                raise RunError(f"The training process cannot be started: {_reason(error)}.") from error

    def play(self) -> None:
        """Go on: at once where it pauses, with a new child where it has ended early. Raises RunError."""
        deadline = time.monotonic() + LEAVING
        while self._said().state not in ALIVE and self.alive() and time.monotonic() < deadline:
            time.sleep(0.02)  # a child that has said its last word would not hear us
        if self.alive():
            self._ask("run")
        else:
            self.begin()

    def pause(self) -> None:
        self._ask("pause")

    def step(self) -> None:
        """One batch more, then pause; twice asked, two batches."""
        self._ask(f"step {max(self._said().step, self.command().step or 0) + 1}")

    def stop(self) -> None:
        """Save and end."""
        self._ask("stop")

    def command(self) -> Command:
        """What was asked for last."""
        try:
            words = (self.folder / "control").read_text().split()
        except (OSError, UnicodeDecodeError):
            return Command("run")
        if len(words) == 2 and words[0] == "step" and words[1].isdigit():
            return Command("pause", int(words[1]))
        return Command(words[0]) if words and words[0] in ("pause", "stop") else Command("run")

    def set_aside(self) -> None:
        """Stop it and leave it out of sight, until `take_back` or until the next run begins."""
        self.stop()
        write_atomically(self.folder / "aside", b"")

    def take_back(self) -> None:
        (self.folder / "aside").unlink(missing_ok=True)

    @property
    def silence(self) -> float:
        """Seconds since the child last said anything; one that trains speaks twice a second."""
        try:
            return max(0.0, time.time() - (self.folder / "status.json").stat().st_mtime)
        except OSError:
            return 0.0

    @property
    def aside(self) -> bool:
        return (self.folder / "aside").exists()

    def report(self, status: Status) -> None:
        """Say where the run stands. Raises OSError."""
        write_atomically(self.folder / "status.json", json.dumps(status._asdict()).encode(), durable=False)

    def _ask(self, what: str) -> None:
        try:
            write_atomically(self.folder / "control", what.encode(), durable=False)
        except OSError as error:
            raise RunError(f"The run cannot be told to {what}: {_reason(error)}.") from error

    def _said(self) -> Status:
        try:
            said = Status(**json.loads((self.folder / "status.json").read_text()))
        except (OSError, ValueError, TypeError):
            return Status("starting")
        return said if said.state in STATES else Status("starting")


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
