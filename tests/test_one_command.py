"""The README's first command as a newcomer types it: a terminal, a display, an empty home."""

import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_streamlit_run_serves_at_once_on_localhost_without_asking_for_an_email(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    terminal, inner = pty.openpty()
    # As README has it; the port alone is ours, so that a running app is not in the way, and no window opens:
    # BROWSER names a program that does nothing.
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
        cwd=ROOT,
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
        env={**os.environ, "HOME": str(tmp_path), "DISPLAY": ":99", "BROWSER": "true"},
    )
    os.close(inner)
    printed = b""
    try:
        deadline = time.monotonic() + 120
        healthy = False
        while not (healthy and b"localhost" in printed) and time.monotonic() < deadline and process.poll() is None:
            if select.select([terminal], [], [], 0.2)[0]:
                printed += os.read(terminal, 65536)
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as answer:
                    healthy = answer.status == 200
            except OSError:
                pass
        assert healthy, printed.decode(errors="replace")
        assert b"Email:" not in printed
        assert b"localhost" in printed
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(terminal)
