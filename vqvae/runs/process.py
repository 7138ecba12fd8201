"""The training processes of this server, each in a session of its own."""

import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

from vqvae.limits import RUN_MEMORY, RUN_THREADS

PRIOR = ".prior"  # how the folder of a prior's run ends
POLITELY = ("nice", "-n", "10") if shutil.which("nice") else ()  # whoever draws meanwhile comes first


class _Children:
    """Each child holds the reading end of a pipe: when this process ends, however it ends, the child sees it close."""

    def __init__(self) -> None:
        self._children: dict[Path, subprocess.Popen] = {}
        self._lock = threading.Lock()

    def start(self, folder: Path, log: IO[bytes]) -> None:
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        with self._lock:
            for key in [key for key, child in self._children.items() if child.poll() is not None]:
                self._forget(key)
            if folder in self._children:
                return
            self._children[folder] = child = subprocess.Popen(
                [*POLITELY, sys.executable, "-m", "vqvae", "train", "--run", str(folder)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # A prior's layers are small: a second thread saves little on an idle machine, and on a busy one costs a
                # lot of waiting.
                env={**os.environ, "PYTHONPATH": path} | _threads(1 if folder.suffix == PRIOR else RUN_THREADS.value),
                start_new_session=True,  # Ctrl-C in a terminal is for the server; the child ends in good order after it
            )
            bound_memory(child.pid, RUN_MEMORY.value)

    def get(self, folder: Path) -> subprocess.Popen | None:
        with self._lock:
            return self._children.get(folder)

    def _forget(self, folder: Path) -> None:
        child = self._children.pop(folder)
        if child.stdin:
            child.stdin.close()


def bound_memory(process: int, most: int) -> None:
    """Let a process have so many MB of its own; what it asks beyond that is refused to it, and it says so."""
    if sys.platform == "linux":
        import resource

        with suppress(ProcessLookupError):
            resource.prlimit(process, resource.RLIMIT_DATA, (most * 2**20, most * 2**20))


def _threads(most: int) -> dict[str, str]:
    """At most so many for torch, or as many as the server's own environment says where these are fewer."""
    named = os.environ.get("OMP_NUM_THREADS", "")
    return {"OMP_NUM_THREADS": str(min(most, int(named)) if named.isdigit() and int(named) else most)}


_children = _Children()
