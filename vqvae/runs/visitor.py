"""Visitors and what is theirs: runs, a comparison, checkpoints, which nobody else sees.

A visitor is a random token. Folders are named after its hash, so that the folder does not give the token away."""

import errno
import hashlib
import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock

from vqvae.files import write_atomically
from vqvae.limits import FREE_DISK, KEEP_RUNS, WAITING, WAITING_EACH, mb
from vqvae.paths import runs_folder
from vqvae.runs.process import PRIOR
from vqvae.runs.run import PriorRunConfig, Run, RunConfig, RunError, _reason

DAY = 24 * 3600  # seconds


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

    def start(self, config: RunConfig) -> Run:
        """Begin a run; those before it are deleted. Raises RunError where one is still at work, or the disk refuses."""
        with self._alone():
            current = self.current()
            if current is not None and current.alive():
                raise RunError("Your last run is still at work: stop it before you start another.")
            self._make_room(self.runs(), 1)
            return _begun(self.folder / "runs" / f"{time.time_ns():020d}-{secrets.token_hex(4)}", config)

    def comparison(self) -> list[Run]:
        """The runs of this visitor's last comparison, in the order in which they were named."""
        return [Run(path.parent) for path in sorted((self.folder / "comparison").glob("*/run.json"))]

    def compare(self, configs: dict[str, RunConfig]) -> None:
        """Begin a run for each name, to be looked at side by side; those of the comparison before are deleted.

        They queue like all others, so that one follows the other. Raises RunError.
        """
        with self._alone():
            if any(run.alive() for run in self.comparison()):
                raise RunError("Your last comparison has not ended yet: stop it, or try again in a moment.")
            self._make_room(self.comparison(), len(configs))
            for place, (name, config) in enumerate(configs.items()):
                _begun(self.folder / "comparison" / f"{place}-{name}", config)

    def priors(self) -> list[Run]:
        """The runs that train, or trained, priors for this visitor's checkpoints."""
        return [Run(path.parent) for path in sorted((self.folder / "checkpoints").glob(f"*{PRIOR}/run.json"))]

    def train_prior(self, folder: Path, config: PriorRunConfig) -> Run:
        """Begin a run in this folder for a prior; what another run left there is deleted. Raises RunError."""
        with self._alone():
            self._check_no_prior_is_training()
            self._make_room([Run(folder)], 1)
            return _begun(folder, config)

    def go_on_with_prior(self, run: Run) -> None:
        """Take up a run for a prior where it ended early. Raises RunError."""
        with self._alone():
            self._check_no_prior_is_training()
            self._make_room([], 1)
            run.play()

    def _check_no_prior_is_training(self) -> None:
        if any(run.alive() for run in self.priors()):
            raise RunError("A prior of yours is still training: stop it before you start another.")

    def _make_room(self, old: list[Run], wanted: int) -> None:
        """Check that there are places in the queue and room on the disk for so many runs, then delete old ones."""
        waiting = [run for run in all_runs() if run.status().state in ("starting", "queued")]
        if len(waiting) + wanted > WAITING.value:
            raise RunError(
                f"At most {_runs(WAITING.value)} may wait here, and there would be {len(waiting) + wanted}: "
                "try again when some of them are done."
            )
        own = sum(run.folder.is_relative_to(self.folder) for run in waiting)
        if own + wanted > WAITING_EACH.value:
            raise RunError(
                f"At most {_runs(WAITING_EACH.value)} of yours may wait, and there would be {own + wanted}: "
                "stop one, or try again when some of them are done."
            )
        remove_old_runs()
        check_disk(self.folder)
        for run in old:
            if not run.alive():
                shutil.rmtree(run.folder, ignore_errors=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else starts anything meanwhile, so that all count alike; a disk that refuses is a RunError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(runs_folder() / "door"):
                yield
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise RunError(
                    f"No run can be begun: {_reason(error)}. Make room on it, or try again later."
                ) from error
            raise RunError(
                f"A run cannot be kept in {self.folder}: {_reason(error)}. Name another folder in VQVAE_RUNS."
            ) from error


def check_disk(folder: Path) -> None:
    """Raises OSError, with a sentence as its reason, where the disk of a folder is nearly full."""
    while not folder.exists():
        folder = folder.parent
    if (free := shutil.disk_usage(folder).free) < FREE_DISK.value * 2**20:
        raise OSError(errno.ENOSPC, f"the disk is nearly full, {mb(free)} are free")


def _runs(number: int) -> str:
    return f"{number} run{'s' * (number != 1)}"


def all_runs() -> list[Run]:
    """The runs of all visitors."""
    return [Run(path.parent) for path in (runs_folder() / "visitors").glob("*/*/*/run.json")]


def remove_old_runs() -> None:
    """Delete what ended long ago; a prior that a run has trained, and checkpoints, stay."""
    for run in all_runs():
        if run.silence > KEEP_RUNS.value * DAY and not run.alive():
            shutil.rmtree(run.folder, ignore_errors=True)


def _begun(folder: Path, config: RunConfig | PriorRunConfig) -> Run:
    run = Run(folder)
    said = asdict(config) | {"created": time.time()}
    write_atomically(run.folder / "run.json", json.dumps(said, indent=1).encode())
    run.begin()
    return run


def new_token() -> str:
    """A token for a new visitor: 32 random hex digits."""
    return secrets.token_hex(16)


def is_token(text: object) -> bool:
    """Whether this may be a visitor's token."""
    return isinstance(text, str) and re.fullmatch(r"[0-9a-f]{32}", text) is not None
