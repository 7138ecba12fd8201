"""The training processes of this server, each in a session of its own."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

PRIOR = ".prior"  # how the folder of a prior's run ends
# A prior's layers are small: a second thread saves little on an idle machine, and on a busy one costs a lot of waiting.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
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
            self._children[folder] = subprocess.Popen(
                [*POLITELY, sys.executable, "-m", "vqvae", "train", "--run", str(folder)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": path} | (ONE_THREAD if folder.suffix == PRIOR else {}),
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
