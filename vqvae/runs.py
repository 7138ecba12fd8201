"""Runs in the background: each is a folder that a child process writes and anybody may read.

Whoever starts a run writes `run.json` once; afterwards the child alone writes (status, figures, frames, state, model),
and is asked to pause, step or stop through the small file `control`. So a page can be left, a server can end and a
child can be killed at any moment: the folder says what there is. The child's side is vqvae/worker.py.

A visitor is a random token. Folders are named after its hash, so that the folder does not give the token away.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import platformdirs
from filelock import FileLock, Timeout

from vqvae.data import APP_NAME, DATASETS
from vqvae.files import write_atomically
from vqvae.recording import Moment, Recording, read_history, read_recording
from vqvae.training import Hyperparameters

ALIVE = ("starting", "queued", "running", "paused")  # states that a living child answers for
STATES = (*ALIVE, "finished", "stopped", "failed", "interrupted")
PATIENCE = 60.0  # seconds that a child may take to begin: importing torch on a busy machine
LEAVING = 5.0  # seconds that it may take to leave after its last word
MOST_WAITING = 8  # runs that have not begun yet
POLITELY = ("nice", "-n", "10") if shutil.which("nice") else ()  # whoever draws meanwhile comes first


class RunError(Exception):
    """A run that cannot be started or found; the message says in one sentence why, and what to do."""


@dataclass(frozen=True)
class Order:
    """What is to be trained, and on what. Raises ValueError for what cannot be."""

    recipe: Hyperparameters
    dataset: str  # out of data.DATASETS
    limit: int | None = None  # at most so many images, of training and held-out ones alike
    created: float = 0.0  # seconds since 1970

    def __post_init__(self) -> None:
        if self.dataset not in DATASETS:
            raise ValueError(f"expected a data set out of {', '.join(DATASETS)}, got {self.dataset!r}")
        if self.limit is not None and not (type(self.limit) is int and self.limit >= 1):
            raise ValueError(f"expected a limit of at least 1, got {self.limit!r}")


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


class Wish(NamedTuple):
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

    def order(self) -> Order:
        """What was asked for. Raises RunError where `run.json` cannot be read."""
        try:
            said = json.loads((self.folder / "run.json").read_text())
            return Order(Hyperparameters(**said.pop("recipe")), **said)
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

    def history(self) -> list[Moment]:
        return read_history(self.history_file)

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
        wish = self.wish()
        at = self._said().step
        self._ask(f"step {max(at, wish.step or 0) + 1}")

    def stop(self) -> None:
        """Save and end."""
        self._ask("stop")

    def wish(self) -> Wish:
        """What was asked for last."""
        try:
            words = (self.folder / "control").read_text().split()
        except (OSError, UnicodeDecodeError):
            return Wish("run")
        if len(words) == 2 and words[0] == "step" and words[1].isdigit():
            return Wish("pause", int(words[1]))
        return Wish(words[0]) if words and words[0] in ("pause", "stop") else Wish("run")

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


class Visitor:
    """One visitor's own room: runs and checkpoints that nobody else sees."""

    def __init__(self, token: str):
        """Raises ValueError for a token that is not 32 hex digits."""
        if not is_token(token):
            raise ValueError("expected a token of 32 hex digits")
        self.folder = runs_folder() / "visitors" / hashlib.sha256(token.encode()).hexdigest()[:32]

    def runs(self) -> list[Run]:
        """This visitor's runs, the newest first."""
        folders = (self.folder / "runs").glob("*/run.json")
        return [Run(path.parent) for path in sorted(folders, reverse=True)]

    def current(self) -> Run | None:
        """The newest run, if it was not set aside."""
        newest = next(iter(self.runs()), None)
        return None if newest is None or newest.aside else newest

    def last_aside(self) -> Run | None:
        """The newest run, where it was set aside."""
        newest = next(iter(self.runs()), None)
        return newest if newest is not None and newest.aside else None

    def start(self, order: Order) -> Run:
        """Begin a run; those before it are deleted. Raises RunError where one is still at work, or the disk refuses."""
        with self._alone():
            current = self.current()
            if current is not None and current.alive():
                raise RunError("Your last run is still at work: stop it before you start another.")
            _make_room(self.runs(), 1)
            return _begun(self.folder / "runs" / f"{time.time_ns():020d}-{secrets.token_hex(4)}", order)

    def comparison(self) -> list[Run]:
        """The runs of this visitor's last comparison, in the order in which they were named."""
        return [Run(path.parent) for path in sorted((self.folder / "comparison").glob("*/run.json"))]

    def compare(self, orders: dict[str, Order]) -> None:
        """Begin a run for each name, to be looked at side by side; those of the comparison before are deleted.

        They queue like all others, so that one follows the other. Raises RunError.
        """
        with self._alone():
            if any(run.alive() for run in self.comparison()):
                raise RunError("Your last comparison has not ended yet: stop it, or try again in a moment.")
            _make_room(self.comparison(), len(orders))
            for place, (name, order) in enumerate(orders.items()):
                _begun(self.folder / "comparison" / f"{place}-{name}", order)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else starts anything meanwhile, so that all count alike; a disk that refuses is a RunError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(runs_folder() / "door"):
                yield
        except OSError as error:
            raise RunError(
                f"A run cannot be kept in {self.folder}: {_reason(error)}. Name another folder in VQVAE_RUNS."
            ) from error


def _make_room(old: list[Run], wanted: int) -> None:
    """Check that the queue has places for so many runs, then delete old ones."""
    if (found := waiting()) + wanted > MOST_WAITING:
        raise RunError(f"{found} runs are waiting already: try again when some of them are done.")
    for run in old:
        if not run.alive():
            shutil.rmtree(run.folder, ignore_errors=True)


def waiting() -> int:
    """How many runs of all visitors have not begun yet: in the queue, or on their way to it."""
    runs = (Run(path.parent) for path in (runs_folder() / "visitors").glob("*/*/*/run.json"))
    return sum(run.status().state in ("starting", "queued") for run in runs)


def _begun(folder: Path, order: Order) -> Run:
    run = Run(folder)
    said = asdict(order) | {"created": time.time()}
    write_atomically(run.folder / "run.json", json.dumps(said, indent=1).encode())
    run.begin()
    return run


def new_token() -> str:
    """A token for a new visitor: 32 random hex digits."""
    return secrets.token_hex(16)


def is_token(text: object) -> bool:
    """Whether this may be a visitor's token."""
    return isinstance(text, str) and re.fullmatch(r"[0-9a-f]{32}", text) is not None


def at_once() -> int:
    """How many runs may be at work at the same time: `VQVAE_AT_ONCE`, else one."""
    named = os.environ.get("VQVAE_AT_ONCE", "")
    return int(named) if named.isdigit() and int(named) > 0 else 1


def runs_folder() -> Path:
    """Where runs and visitors' checkpoints are: `VQVAE_RUNS`, else the user's data folder."""
    named = os.environ.get("VQVAE_RUNS")
    return Path(named).absolute() if named else Path(platformdirs.user_data_dir(APP_NAME)) / "runs"


# Whose turn it is.


class Turn:
    """A place among the runs of one folder: so many at once, the others first come, first served.

    Locks are the system's: they end with the process that holds them, however it ends, and hold between servers.
    """

    def __init__(self, folder: Path, at_once: int = 1):
        self.folder = folder / "turns"
        self.at_once = at_once
        self._ticket: FileLock | None = None
        self._slot: FileLock | None = None

    def ask(self) -> int:
        """How many runs come first; 0 where it is our turn, from now on until `release`. Raises OSError."""
        if self._slot is not None:
            return 0
        with self._alone():
            if self._ticket is None:
                self._ticket = FileLock(self.folder / f"{time.time_ns():020d}-{os.getpid()}.ticket")
                self._ticket.acquire(timeout=0)
            own = Path(self._ticket.lock_file)
            before = [path for path in _living(self.folder) if path.name < own.name]
            slots = [FileLock(self.folder / f"{number}.slot") for number in range(self.at_once)]
            for slot in slots if not before else ():
                with suppress(Timeout):
                    slot.acquire(timeout=0)
                    self._slot = slot
                    self._leave_queue()
                    return 0
            return len(before) + self.at_once

    def wanted(self) -> bool:
        """Whether others wait."""
        with self._alone():
            return bool(_living(self.folder))

    def release(self) -> None:
        """Let the next one in, or leave the queue."""
        self._leave_queue()
        if self._slot is not None:
            self._slot.release()
            self._slot = None

    def _leave_queue(self) -> None:
        if self._ticket is not None:
            Path(self._ticket.lock_file).unlink(missing_ok=True)
            self._ticket.release()
            self._ticket = None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else enters or leaves meanwhile."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / "door"):
            yield


def _living(folder: Path) -> list[Path]:
    """The tickets of living processes, first come first; those of dead ones are thrown away."""
    living = []
    for path in sorted(folder.glob("*.ticket")):
        if is_held(path):
            living.append(path)
        else:
            path.unlink(missing_ok=True)
    return living


_looking = threading.Lock()


def is_held(path: Path) -> bool:
    """Whether a process holds the lock on a file."""
    if not path.exists():
        return False
    with _looking:  # two looks at once would take each other for the holder
        try:
            with FileLock(path).acquire(timeout=0):
                return False
        except Timeout:
            return True
        except OSError:
            return False


# The children of this process.


class _Children:
    """Each child holds the reading end of a pipe: when this process ends, however it ends, the child sees it close."""

    def __init__(self) -> None:
        self._children: dict[Path, subprocess.Popen] = {}
        self._lock = threading.Lock()

    def start(self, folder: Path, log: object) -> None:
        root = str(Path(__file__).resolve().parents[1])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        with self._lock:
            for key in [key for key, child in self._children.items() if child.poll() is not None]:
                self._forget(key)
            if folder in self._children:
                return
            self._children[folder] = subprocess.Popen(
                [*POLITELY, sys.executable, "-m", "vqvae", "train", "--run", str(folder)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,  # Ctrl-C in a terminal is for the server; the child ends in good order after it
            )

    def get(self, folder: Path) -> subprocess.Popen | None:
        with self._lock:
            return self._children.get(folder)

    def _forget(self, folder: Path) -> None:
        child = self._children.pop(folder)
        if child.stdin:
            child.stdin.close()


_children = _Children()


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
