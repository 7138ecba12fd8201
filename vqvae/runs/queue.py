"""The queue: so many runs at once, the others first come, first served.

Locks are the system's: they end with the process that holds them, however it ends, and hold between servers.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


class QueuePlace:
    """A place among the runs of one folder."""

    def __init__(self, folder: Path, at_once: int = 1):
        self.folder = folder / "turns"  # the name on disk, where servers of other versions may queue as well
        self.at_once = at_once
        self._ticket: FileLock | None = None
        self._slot: FileLock | None = None

    def ask(self) -> int:
        """How many runs come first; 0 where this one may go ahead, from now on until `release`. Raises OSError."""
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
