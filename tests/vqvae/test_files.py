import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from vqvae.files import write_atomically

ROOT = Path(__file__).parents[2]


def test_a_file_is_written_with_its_folders(tmp_path):
    path = tmp_path / "new" / "folder" / "file.bin"
    write_atomically(path, b"content")
    assert path.read_bytes() == b"content"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old and longer")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_file_can_be_read_by_others(tmp_path):
    write_atomically(tmp_path / "file.bin", b"")
    assert stat.S_IMODE((tmp_path / "file.bin").stat().st_mode) == 0o644


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(function, tmp_path, monkeypatch):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")

    def fail(*given: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(f"os.{function}", fail)
    with pytest.raises(OSError, match="No space left on device"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_is_on_the_disk_before_the_name_changes(tmp_path, monkeypatch):
    order = []
    for function in ("fsync", "replace"):
        original = getattr(os, function)
        monkeypatch.setattr(
            f"os.{function}", lambda *given, name=function, call=original: (order.append(name), call(*given))
        )
    write_atomically(tmp_path / "file.bin", b"new")
    assert order[:2] == ["fsync", "replace"]


def test_a_kill_in_the_middle_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    program = f"""
        import os, signal
        from pathlib import Path
        os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
        from vqvae.files import write_atomically
        write_atomically(Path({str(path)!r}), b"new")
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT).returncode == -9
    assert path.read_bytes() == b"old"
