"""A full data set from its mirrors: all of its files or none, watched as they grow, and called off at any moment.

torchvision knows where the files are and their MD5 sums; its own download can neither be watched nor be called off.
"""

import gzip
import hashlib
import http.client
import os
import shutil
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from vqvae.background.jobs import CancelledError, Job, Jobs
from vqvae.data import TORCHVISION, DataError, raw_folder
from vqvae.paths import data_folder

CHUNK = 64 * 1024  # bytes between two looks at whether to go on
SILENCE = 30  # seconds without a byte, after which a mirror is given up


class Progress(NamedTuple):
    """How far a download is."""

    file: int  # the one that is growing, from 1
    files: int
    bytes: int  # of this file so far
    total: int | None  # bytes of this file, where the mirror says so

    @property
    def share(self) -> float:
        """Of the file that is growing, in [0, 1]."""
        return min(1.0, self.bytes / self.total) if self.total else 0.0


GoOn = Callable[[Progress], bool]  # asked many times a second; False calls the download off


def fetch(dataset: str, go_on: GoOn = lambda progress: True) -> None:
    """Download a full data set into `data.data_folder`. Raises DataError, and CancelledError where it is called off."""
    from torchvision import datasets  # two seconds to import

    kind = getattr(datasets, TORCHVISION[dataset])
    try:
        _fetch(kind.resources, kind.mirrors, raw_folder(dataset), go_on)
    except (_MirrorError, OSError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(
            f"{TORCHVISION[dataset]} could not be downloaded to {data_folder()}: {reason}. Check the connection and "
            f"the space on the disk, then try again; the embedded digits need no download."
        ) from error


def _fetch(resources: Sequence[tuple[str, str]], mirrors: Sequence[str], folder: Path, go_on: GoOn) -> None:
    """Put the unpacked files of `resources`, gzip archives and their MD5 sums, into a folder.

    They come into view together once all are there; what arrived before that is thrown away if anything goes wrong.
    """
    files = len(resources)
    arriving = folder.with_name("arriving")
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name("arriving.lock"))  # other processes want the same
    while True:
        try:
            lock.acquire(timeout=0.2)
            break
        except Timeout:
            _check(go_on(Progress(1, files, 0, None)))
    try:
        if all((folder / _unpacked(name)).is_file() for name, _ in resources):
            return  # they came while we waited
        shutil.rmtree(arriving, ignore_errors=True)  # of a process that was killed
        arriving.mkdir()
        for number, (name, md5) in enumerate(resources, start=1):
            archive = arriving / name
            _first_whole(
                [mirror + name for mirror in mirrors],
                md5,
                archive,
                lambda done, total, number=number: go_on(Progress(number, files, done, total)),
            )
            with gzip.open(archive) as packed, open(arriving / _unpacked(name), "wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
            archive.unlink()
        for path in arriving.iterdir():
            os.replace(path, folder / path.name)
    except (EOFError, zlib.error) as error:
        raise _MirrorError(f"an archive cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
        lock.release()


class _MirrorError(Exception):
    """No mirror gave a file whole; the message says what each of them answered."""


def _unpacked(name: str) -> str:
    return name.removesuffix(".gz")


def _first_whole(addresses: Sequence[str], md5: str, path: Path, go_on: Callable[[int, int | None], bool]) -> None:
    """The file from the first of several addresses that has it, as its MD5 sum is to be."""
    answers = []
    for address in addresses:
        try:
            digest, done = hashlib.md5(usedforsecurity=False), 0
            with open(path, "wb") as file:
                for chunk, total in _chunks(address):
                    file.write(chunk)
                    digest.update(chunk)
                    done += len(chunk)
                    _check(go_on(done, total))
            if digest.hexdigest() == md5:
                return
            answers.append(f"{address}: not the file that was expected")
        except _MirrorError as error:
            answers.append(str(error))
    raise _MirrorError("; ".join(answers))


def _chunks(address: str) -> Iterator[tuple[bytes, int | None]]:
    """What an address serves, bit by bit, each with the length of the whole where it is known."""
    request = urllib.request.Request(address, headers={"User-Agent": "vqvae-explorer"})
    try:
        with urllib.request.urlopen(request, timeout=SILENCE) as response:
            said = response.headers.get("Content-Length", "")
            total = int(said) if said.isdigit() else None
            while chunk := response.read(CHUNK):
                yield chunk, total
    except (OSError, http.client.HTTPException) as error:
        raise _MirrorError(f"{address}: {error}") from error


def _check(go_on: bool) -> None:
    if not go_on:
        raise CancelledError


class Downloads(Jobs[None]):
    """The downloads of this process by their data sets; the `sketch` of each is a Progress."""

    def start(self, dataset: str, visitor: str) -> Job[None]:
        """Wait for a data set, on its way from now on; one that failed is tried again."""
        if (job := self.of(visitor, dataset)) is not None and job.error:
            job.leave(visitor)
        return self.ask(
            dataset, lambda job: fetch(dataset, lambda progress: job.report(progress.share, progress)), visitor
        )
