"""What library tests share: a few real digits, the full test set where there is one, models with fixed weights."""

import os
from collections.abc import Callable

import pytest
import torch

from vqvae import data
from vqvae.data import Digits
from vqvae.model import VQVAE, ModelConfig

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
            pytest.fail(f"VQVAE_DATA is set, but {data.data_folder()} holds no MNIST")
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


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)
