"""Work for which nobody should wait: done in a thread, once for all who ask, and kept on disk by its content.

Cancelling is cooperative: the work reports how far it is, and hears whether anybody still wants it.
"""

import io
import os
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import platformdirs
from filelock import FileLock, Timeout

from vqvae import data
from vqvae.files import write_atomically

Result = TypeVar("Result")


class CancelledError(Exception):
    """A computation was called off."""


class Run(Generic[Result]):
    """One computation in a thread; any number of visitors may watch it, none has to wait."""

    def __init__(self, compute: Callable[["Run[Result]"], Result]):
        """`compute` is given this run, to `report` to; it may raise `CancelledError` where that says to stop."""
        self.progress = 0.0  # share done
        self.sketch: object = None  # what there is by now
        self.result: Result | None = None  # once finished
        self.error: str | None = None
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
        """Somebody waits for this run; false where the last one just called it off."""
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

    def report(self, progress: float, sketch: object = None) -> bool:
        """Say from within how much is done, in [0, 1]; whether to go on."""
        if self._began is None:
            self._began = time.monotonic()
        self.progress, self.sketch = progress, sketch
        return not self.cancelled

    def _work(self, compute: Callable[["Run[Result]"], Result]) -> None:
        try:
            self.result = compute(self)
        except CancelledError:
            pass
        except Exception as error:  # the thread's edge: whatever it is, the page says it in a sentence
            self.error = f"{type(error).__name__}: {error}"


class Runs(Generic[Result]):
    """The runs of this process: who asks for one that is on its way joins it; the last finished ones stay in memory."""

    KEPT = 8

    def __init__(self) -> None:
        self._runs: dict[str, Run[Result]] = {}
        self._lock = threading.Lock()

    def finished(self, key: str) -> Result | None:
        """What a run of this key came to, as far as it is in memory."""
        run = self._runs.get(key)
        return None if run is None else run.result

    def start(self, key: str, compute: Callable[[Run[Result]], Result], visitor: str) -> Run[Result]:
        """The run of this key, a new one where none is under way or done; `compute` is called in its thread.

        A run that failed is given to all who waited for it, until they leave it: else they would never hear of it.
        """
        with self._lock:
            run = self._runs.get(key)
            if run is not None and run.error and run.awaited_by(visitor):
                return run
            if run is None or run.error or not run.watch(visitor):
                run = Run(compute)
                run.watch(visitor)
            others = [(name, other) for name, other in self._runs.items() if name != key]
            finished = [name for name, other in others if not other.running]
            forgotten = set(finished[: max(0, len(finished) - self.KEPT + 1)])
            self._runs = {name: other for name, other in others if name not in forgotten} | {key: run}
            return run


class ArrayCache:
    """Arrays on disk by their content key, the least recently used going first.

    The disk is a convenience: where it cannot be written or read, nothing is kept and nobody hears of it.
    """

    def __init__(self, folder: Path, max_files: int = 200, max_bytes: int = 16 * 2**20):
        self.folder = folder
        self.max_files = max_files
        self.max_bytes = max_bytes

    def load(self, key: str, shape: tuple[int, ...]) -> np.ndarray | None:
        """The array of this key and shape, finite floats; None where there is none, or a damaged one."""
        path = self._path(key)
        array = read_array(path, key, shape)
        if array is not None:
            _quietly(lambda: os.utime(path))
        return array

    def store(self, key: str, array: np.ndarray) -> bool:
        """Keep an array, and let old ones go; whether it could be kept."""
        kept = _quietly(lambda: write_atomically(self._path(key), npz({key: array})))
        _quietly(self._evict)
        return kept

    def once(self, run: Run, key: str, shape: tuple[int, ...], compute: Callable[[], np.ndarray]) -> np.ndarray:
        """The array of this key from the disk, or computed and kept: once, also where several processes ask for it.

        Raises CancelledError.
        """
        with self.lock(key, lambda: not run.cancelled):
            array = self.load(key, shape)
            if array is None:
                array = compute()
                self.store(key, array)
            return array

    @contextmanager
    def lock(self, key: str, go_on: Callable[[], bool] = lambda: True) -> Iterator[None]:
        """Hold a key against other processes, so that one computes what all wait for. Raises CancelledError.

        The lock files are sixteen and stay: two keys may share one, and then wait for each other.
        """
        path = self.folder / f"{key[0]}.lock"
        if not _quietly(lambda: self.folder.mkdir(parents=True, exist_ok=True)):
            yield
            return
        lock = FileLock(path)
        while True:
            try:
                lock.acquire(timeout=0.2)
                break
            except Timeout:
                if not go_on():
                    raise CancelledError from None
            except (OSError, NotImplementedError):  # no right to write, or a file system without locks
                lock = None
                break
        try:
            yield
        finally:
            if lock is not None:
                lock.release()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npz"

    def _evict(self) -> None:
        newest_first = sorted(
            ((status.st_mtime, status.st_size, path) for path in self.folder.glob("*.npz") if (status := path.stat())),
            reverse=True,
        )
        total = 0
        for place, (_, size, path) in enumerate(newest_first):
            total += size
            if place >= self.max_files or total > self.max_bytes:
                path.unlink(missing_ok=True)


def cache_folder(name: str) -> Path:
    """A folder of that name in the user's cache; it need not be there."""
    return Path(platformdirs.user_cache_dir(data.APP_NAME)) / name


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    """The file of some arrays under their keys."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def read_array(path: Path, key: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """An array of finite floats out of a file; None where there is none of this key and shape, or a damaged one."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            array = arrays.get(key)
    except (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error):
        return None
    if array is None or array.dtype.kind != "f" or array.shape != shape:
        return None
    return array if np.isfinite(array).all() else None


def find_array(paths: Iterable[Path], key: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """The array of this key and shape in the first of several files that has it."""
    found = (read_array(path, key, shape) for path in sorted(paths))
    return next((array for array in found if array is not None), None)


def _quietly(action: Callable[[], object]) -> bool:
    """Whether an action on the disk went well."""
    try:
        action()
    except OSError:
        return False
    return True
