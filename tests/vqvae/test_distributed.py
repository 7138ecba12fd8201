"""Several processes, as torchrun starts them, train the model that one process trains."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.vqvae.in_processes import COMMAND, RECIPES, begun, trained
from vqvae.__main__ import main

ROOT = Path(__file__).parents[2]
PATIENCE = 300  # seconds: four interpreters import torch, and the machine may be busy
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "3"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
every_recipe = pytest.mark.parametrize("recipe", RECIPES)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, Tensor]:
    """What three processes came to; in the first one's words."""
    file = tmp_path_factory.mktemp("processes") / "outcomes.safetensors"
    command = [*TORCHRUN, str(ROOT / "tests/vqvae/in_processes.py"), str(file)]
    ended = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 0, ended.stderr
    assert "Warning" not in ended.stderr
    return load_file(file)


def of(outcomes: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in outcomes.items() if key.startswith(prefix)}


@every_recipe
def test_three_processes_train_what_one_does(recipe, outcomes):
    alone, together = trained(begun(RECIPES[recipe])), of(outcomes, f"{recipe}/")
    assert len(alone["losses"]) > 50
    torch.testing.assert_close(together["losses"], alone["losses"], rtol=0, atol=1e-4)
    torch.testing.assert_close(together["codebook"], alone["codebook"], rtol=0, atol=1e-3)
    assert torch.equal(together["usage"], alone["usage"])
    torch.testing.assert_close(together["ink"], alone["ink"])


@every_recipe
def test_a_run_that_was_left_and_taken_up_ends_at_the_same_bits(recipe, outcomes):
    whole, resumed = of(outcomes, f"{recipe}/state."), of(outcomes, f"{recipe}/resumed.")
    assert whole.keys() == resumed.keys()
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []


def test_all_processes_have_the_same_model_to_the_bit(outcomes):
    assert {key: int(count) for key, count in of(outcomes, "apart/").items() if count} == {}


def test_what_one_process_lacks_ends_all_with_one_sentence(outcomes):
    assert outcomes["failed"].tolist() == [2, 1, 2]


@pytest.mark.parametrize("recipe", [name for name, how in RECIPES.items() if how.dead_code_replacement])
def test_codes_were_replaced_in_these_runs(recipe, monkeypatch):
    """Else it would mean little that they agree."""
    run, moved = begun(RECIPES[recipe]), []
    monkeypatch.setattr(run, "_forget_momentum", moved.extend)
    trained(run)
    assert moved


# The command line


@pytest.fixture
def started(tmp_path) -> Iterator[tuple[subprocess.Popen, Path]]:
    """`train` in three processes, which torchrun starts again once, and the folder of the run."""
    settings = {**asdict(COMMAND), "print_freq": 100}
    options = [
        f"--{'' if value is not False else 'no-'}{name.replace('_', '-')}{'' if type(value) is bool else f'={value}'}"
        for name, value in settings.items()
    ]
    command = [*TORCHRUN, "--max-restarts", "1", "-m", "vqvae", "train", "--dataset", "digits", "--limit", "60"]
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(
            [*command, *options, "--out", str(tmp_path / "model.safetensors")],
            env=ENVIRONMENT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    yield process, tmp_path
    if process.poll() is None:
        process.terminate()
        process.wait(PATIENCE)


def children(process: subprocess.Popen) -> list[int]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    return [child for child, parent in pairs if parent == process.pid]


def wait_for(file: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not file.exists():
        assert time.monotonic() < until, f"{file} never came"
        time.sleep(0.01)


def test_a_run_one_of_whose_processes_is_killed_ends_at_the_same_bits(started, outcomes):
    process, folder = started
    state = folder / "model.run" / "state.safetensors"
    wait_for(state)
    os.kill(children(process)[-1], signal.SIGKILL)
    assert process.wait(PATIENCE) == 0
    log = (folder / "log").read_text()
    assert "3 processes; going on from step" in log
    assert log.count("fingerprint") == 1  # one process prints for all
    assert "lost another one" in log
    assert "Traceback" not in log
    whole, restarted = of(outcomes, "command/state."), load_file(state)
    assert [name for name in whole if not torch.equal(whole[name], restarted[name])] == []


LEAVING = """
import atexit
from vqvae import distributed

atexit.register(print, "wound up")
print("said", end="")
distributed.leave(3)
"""


@pytest.mark.parametrize(("started", "said"), [({}, "saidwound up\n"), ({"RANK": "0", "WORLD_SIZE": "2"}, "said")])
def test_python_is_wound_up_in_a_process_of_its_own_but_not_among_several(started, said):
    ended = subprocess.run([sys.executable, "-c", LEAVING], env=ENVIRONMENT | started, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, said, "")


@pytest.fixture
def launched(monkeypatch):
    """As if a launcher had started this process as the first of two."""
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_port_in_use_is_said_in_a_sentence(launched, tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        launched.setenv("MASTER_PORT", str(taken.getsockname()[1]))
        assert main(["train", "--dataset", "digits", "--out", str(tmp_path / "model.safetensors")]) == 1
    said = capsys.readouterr().err
    assert "2 processes could not meet at 127.0.0.1, port" in said
    assert said.count("\n") == 1


def test_a_torch_that_comes_without_processes_is_said_in_a_sentence(launched, tmp_path, capsys):
    launched.setattr("torch.distributed.is_available", lambda: False)
    assert main(["train", "--dataset", "digits", "--out", str(tmp_path / "model.safetensors")]) == 1
    assert "expected torch with torch.distributed for 2 processes" in capsys.readouterr().err


def test_commands_that_share_no_work_refuse_several_processes(launched, capsys):
    assert main(["info"]) == 1
    assert "no other command shares its work" in capsys.readouterr().err
