"""What a run will take, from a few of its steps tried on this machine."""

import time
from dataclasses import replace
from typing import NamedTuple

import torch

from vqvae.data import EMBEDDED, Digits
from vqvae.training import Hyperparameters, Training

TRIES = 3  # steps; the fastest counts, since the others waited for the machine
FLOAT = 4  # bytes


class Cost(NamedTuple):
    """What one step takes."""

    seconds: float
    bytes: int  # weights, optimiser, and what a step holds at its largest, beside PyTorch and the images themselves


def step_cost(recipe: Hyperparameters, image_shape: tuple[int, int, int]) -> Cost:
    """Train for some steps on noise of (C, H, W) and measure. Takes about four steps' time, so many bytes for long."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (recipe.batch_size, *image_shape), generator=generator, dtype=torch.uint8)
    noise = Digits(pixels, torch.zeros(recipe.batch_size, dtype=torch.int64), EMBEDDED, "train")
    training = Training(noise, replace(recipe, epochs=TRIES + 1, kmeans_start=False))
    saved: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        training.step()
    times = []
    for _ in range(TRIES):
        started = time.perf_counter()
        training.step()
        times.append(time.perf_counter() - started)
    weights = sum(parameter.numel() for parameter in training.model.parameters()) * FLOAT
    # Distances to all codes stand beside their products while the nearest are sought; then `ema` counts in one more.
    distances = 2 * recipe.batch_size * training.model.config.cells * recipe.num_embeddings * FLOAT
    # Weights, gradients and Adam's two averages; a backward pass holds about what the forward pass saved once more.
    return Cost(min(times), 4 * weights + 2 * sum(saved.values()) + distances)
