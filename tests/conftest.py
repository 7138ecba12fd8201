"""What tests share: a few real digits, the full test set where there is one, models with fixed weights, and runs whose
children are threads."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from pages.ui.shell import in_view
from tests.visiting import PATIENCE, near_at_once
from vqvae import data
from vqvae.data import Digits
from vqvae.evaluation import Evaluation, evaluate
from vqvae.model import VQVAE, ModelConfig
from vqvae.paths import data_folder
from vqvae.runs import child, own_checkpoints, worker
from vqvae.runs.process import _children
from vqvae.runs.run import Run

SMALL = ModelConfig(num_embeddings=12, embedding_dim=5)


@pytest.fixture(scope="session")
def digits() -> Digits:
    """Sixty real digits, six a class."""
    everything = data.load(data.EMBEDDED, "all")
    return everything.take(torch.arange(60) * len(everything) // 60)


@pytest.fixture(scope="session")
def full_test_set() -> Digits:
    """MNIST's 10,000 test digits, where `VQVAE_DATA` or the cache folder has them."""
    if not data.is_present("mnist"):
        if os.environ.get("VQVAE_DATA"):
            pytest.fail(f"VQVAE_DATA is set, but {data_folder()} holds no MNIST")
        pytest.skip("full MNIST is not on this machine: set VQVAE_DATA")
    return data.load("mnist", "test")


@pytest.fixture
def make_model() -> Callable[..., VQVAE]:
    """A function that makes a model of a configuration with weights of a fixed seed; torch's own seed stays."""

    def make(config: ModelConfig = SMALL, seed: int = 0) -> VQVAE:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return VQVAE(config).requires_grad_(False).eval()

    return make


@pytest.fixture(autouse=True)
def everything_in_view(monkeypatch) -> None:
    """Visitors without a browser look at all of each page at once."""
    monkeypatch.setattr(in_view, "_component", near_at_once)


class Gate(threading.Event):
    """Whoever comes to it waits until it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()

    def pass_through(self) -> None:
        self.reached.set()
        self.wait(PATIENCE)


@pytest.fixture
def measuring(monkeypatch) -> Gate:
    """Measuring a model in the background waits until it is set."""
    gate = Gate()

    def slowly(*arguments: Any) -> Evaluation:
        gate.pass_through()
        return evaluate(*arguments)

    monkeypatch.setattr(own_checkpoints, "evaluate", slowly)
    return gate


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def children(tmp_path, monkeypatch) -> Iterator[dict[Path, threading.Thread]]:
    """Runs in a folder of the test's own, each done by a thread that publishes after every step: the threads by folder.

    All are stopped at the end.
    """
    threads: dict[Path, threading.Thread] = {}

    class Child:
        def __init__(self, thread: threading.Thread):
            self.thread = thread

        def poll(self) -> int | None:
            return None if self.thread.is_alive() else 0

    def start(folder: Path, log: object) -> None:
        threads[folder] = threading.Thread(target=worker.work, args=(folder,), daemon=True)
        threads[folder].start()

    monkeypatch.setenv("VQVAE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(_children, "start", start)
    monkeypatch.setattr(_children, "get", lambda folder: Child(threads[folder]) if folder in threads else None)
    monkeypatch.setattr(worker, "_watch_server", lambda: lambda: False)
    monkeypatch.setattr(child, "PUBLISH_EVERY", 0.0)
    monkeypatch.setattr(worker, "FRAME_SHARE", 0.0)
    yield threads
    for folder, thread in threads.items():
        if folder.exists():
            Run(folder).stop()
        thread.join(PATIENCE)
