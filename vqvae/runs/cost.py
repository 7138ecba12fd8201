"""What a run will take, from a few of its steps tried on this machine."""

import time
from dataclasses import replace
from typing import NamedTuple

import torch

from vqvae.background.jobs import OPENING, Job, JobsInTurn, Report
from vqvae.data import EMBEDDED, Digits
from vqvae.training import Hyperparameters, Training

MOST_IMAGES = 128  # in a batch that is tried: a step takes time and memory by its images
TRIES = 3  # steps; the fastest counts, since the others waited for the machine
FLOAT = 4  # bytes
KEPT, SECONDS = 64, 1800.0  # costs, and for how long: another time the machine has something else to do


class Cost(NamedTuple):
    """What one step takes."""

    seconds: float
    bytes: int  # weights, optimiser, and what a step holds at its largest, beside PyTorch and the images themselves


class Estimates(JobsInTurn[Cost]):
    """The costs that this process has found, or is finding in the background, a few at a time."""

    def __init__(self) -> None:
        super().__init__(OPENING, KEPT, SECONDS)

    @staticmethod
    def key(recipe: Hyperparameters, image_shape: tuple[int, ...]) -> str:
        return f"{recipe} {image_shape}"

    def estimate(self, recipe: Hyperparameters, image_shape: tuple[int, ...], visitor: str) -> Job[Cost]:
        """The job that tries some steps of a recipe, as `ask` gives it."""
        return self.start(self.key(recipe, image_shape), lambda report: step_cost(recipe, image_shape, report), visitor)


def step_cost(recipe: Hyperparameters, image_shape: tuple[int, ...], report: Report = lambda share: None) -> Cost:
    """Train for some steps on noise of (C, H, W) and measure; of a large batch a part is tried.

    `report` hears the share done in [0, 1), and may raise to stop.
    Takes the time of about four such steps, and the bytes of one for so long.
    """
    tried = min(recipe.batch_size, MOST_IMAGES)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (tried, *image_shape), generator=generator, dtype=torch.uint8)
    noise = Digits(pixels, torch.zeros(tried, dtype=torch.int64), EMBEDDED, "train")
    training = Training(noise, replace(recipe, batch_size=tried, epochs=TRIES + 1, kmeans_init=False, warm_up=0))
    saved: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        training.step()
    times = []
    for number in range(TRIES):
        report((1 + number) / (1 + TRIES))
        started = time.perf_counter()
        training.step()
        times.append(time.perf_counter() - started)
    weights = sum(parameter.numel() for parameter in training.model.parameters()) * FLOAT
    # Distances to all codes stand beside two steps of their sum while the nearest are sought.
    distances = 3 * tried * training.model.config.cells * recipe.num_embeddings * FLOAT
    share = recipe.batch_size / tried
    # Weights, gradients and Adam's two averages; a backward pass holds about what the forward pass saved once more.
    return Cost(share * min(times), 4 * weights + round(share * (2 * sum(saved.values()) + distances)))
