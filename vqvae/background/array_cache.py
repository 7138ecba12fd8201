"""Arrays on disk by their content key, the least recently used going first, and the jobs that compute them.

The disk is a convenience: where it cannot be written or read, nothing is kept and nobody hears of it.
"""

import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from vqvae.background.jobs import ASKED_FOR, CancelledError, Job, Jobs
from vqvae.files import write_atomically


class ArrayCache:
    """A folder of arrays by their content key."""

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

    def once(self, job: Job, key: str, shape: tuple[int, ...], compute: Callable[[], np.ndarray]) -> np.ndarray:
        """The array of this key from the disk, or computed and kept: once, also where several processes ask for it.

        Raises CancelledError.
        """
        with self.lock(key, lambda: not job.cancelled):
            array = self.load(key, shape)
            if array is None:
                with ASKED_FOR.turn(lambda: not job.cancelled):
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


class ArrayJobs(Jobs[np.ndarray]):
    """Jobs whose results stay: in memory, on disk, and some of them shipped."""

    def __init__(self, cache: ArrayCache, shipped: Callable[[str, tuple[int, ...]], np.ndarray | None]):
        super().__init__()
        self.cache = cache
        self.shipped = shipped

    def array(self, key: str, shape: tuple[int, ...]) -> np.ndarray | None:
        """A finished array: from memory, shipped, or from the disk; None where it has to be computed."""
        for find in (lambda: self.result(key), lambda: self.shipped(key, shape), lambda: self.cache.load(key, shape)):
            if (array := find()) is not None:
                return array
        return None


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    """The file of some arrays under their keys."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
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
