"""Training a prior: at each step a batch of grids, each with a number of cells hidden that is drawn at random.

The class is left out of half of the grids, so that the same network serves with and without one (as Ho and Salimans
2022 train for classifier-free guidance). Chance is a function of seed and step alone, so a training that stops
anywhere goes on to the same weights.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vqvae.chance import chance
from vqvae.data import Digits, fitted_pixels, to_unit
from vqvae.explorable import Model
from vqvae.model import Sizes
from vqvae.prior import Prior, PriorConfig, nats
from vqvae.training import one_cycle

QUICK_STEPS = 2_500
QUICK_SECONDS = 0.12  # of one core for each of them
QUICK_PASSES = 70
USES = ("start", "order", "hidden")  # of chance


@dataclass(frozen=True)
class PriorRecipe:
    """How a prior is trained. Raises ValueError for values that cannot be trained with."""

    steps: int = 10_000
    batch_size: int = 128
    lr: float = 4e-3  # Adam's learning rate, the peak of one cycle
    unlabelled: float = 0.5  # share of grids whose class is left out
    channels: int = 64
    blocks: int = 4
    seed: int = 0
    steps_before: int = 0  # of the training whose weights this one begins with; 0 where it begins anew

    def __post_init__(self) -> None:
        if self.steps < 4 or self.batch_size < 1:
            raise ValueError(
                f"expected at least 4 steps of at least one grid, got {self.steps} steps of {self.batch_size}"
            )
        if not 0 < self.lr < 1 or not 0 <= self.unlabelled <= 1:
            raise ValueError(f"expected lr in (0, 1) and unlabelled in [0, 1], got {self.lr} and {self.unlabelled}")


@torch.inference_mode()
def grids(model: Model, digits: Digits) -> Tensor:
    """A data set as codes, in the size that the model takes: (N, h, w) int64 on the CPU."""
    parts = digits.pixels.split(model.config.images_at_once)
    return torch.cat([model.encode(to_unit(fitted_pixels(part, model.config))).cpu() for part in parts])


def quick_recipe(config: Sizes, images: int) -> PriorRecipe:
    """One for some five minutes of one core: a step takes as long for any grid, as larger ones come in fewer numbers.

    Few images are passed over QUICK_PASSES times, for they are soon known by heart.
    """
    batch_size = max(1, min(PriorRecipe.batch_size, PriorRecipe.batch_size * PriorConfig().cells // config.cells))
    return PriorRecipe(steps=min(QUICK_STEPS, QUICK_PASSES * max(1, images // batch_size)), batch_size=batch_size)


class PriorSnapshot(NamedTuple):
    """Where a training stands; the nats are over the training batches since the snapshot before."""

    step: int
    steps: int
    nats: float  # a code
    seconds_left: float


class PriorTraining:
    """One training of a prior on grids of codes (N, h, w) and their classes (N,), moved on by `step`.

    There are `classes` of them, of which some may have no grid here; without a number, those up to the highest. It may
    begin with the weights of a `start` of as many blocks or fewer; blocks beyond these add nothing at first, so that it
    knows what the start knew. Raises ValueError for no grids, or a start of other sizes.
    """

    def __init__(
        self,
        codes: Tensor,
        labels: Tensor,
        K: int,
        recipe: PriorRecipe = PriorRecipe(),
        start: Prior | None = None,
        classes: int | None = None,
    ):
        if not len(codes):
            raise ValueError("expected at least one grid of codes, got none")
        self.recipe = recipe
        self.codes, self.labels = codes, labels
        _, height, width = codes.shape
        classes = classes or int(labels.max()) + 1
        config = PriorConfig(K, height, width, classes, recipe.channels, recipe.blocks)
        with torch.random.fork_rng(devices=[]):  # layers draw from the process-wide generator: leave it as it was
            torch.default_generator.manual_seed(chance(recipe.seed, USES.index("start"), 0).initial_seed())
            self.prior = Prior(config)
        if start:
            if start.config.blocks > config.blocks or replace(start.config, blocks=config.blocks) != config:
                raise ValueError(f"expected a prior of these sizes to begin with, {config}, got {start.config}")
            self.prior.load_state_dict(self.prior.state_dict() | start.state_dict())
            for number in range(start.config.blocks, config.blocks):
                nn.init.zeros_(self.prior.get_parameter(f"blocks.{number}.convs.3.bias"))  # as its weight is
        self.prior.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] torch's types leave it out
        self.optimizer = torch.optim.Adam(self.prior.parameters(), lr=recipe.lr, fused=True)
        self.step_count = 0
        self._sum, self._steps, self._seconds = 0.0, 0, 0.0
        self._ordered: tuple[int, Tensor] | None = None

    @property
    def steps(self) -> int:
        return self.recipe.steps

    @property
    def finished(self) -> bool:
        return self.step_count >= self.steps

    def step(self) -> None:
        """Train on the next batch."""
        started = time.perf_counter()
        recipe, cells = self.recipe, self.prior.config.cells
        batch = self._batch_indices()
        codes, labels = self.codes[batch], self.labels[batch]
        generator = chance(recipe.seed, USES.index("hidden"), self.step_count)
        # Counts spread evenly over the batch have the same mean as counts drawn singly, and less noise.
        places = (torch.rand(1, generator=generator) + torch.arange(len(batch)) / len(batch)) % 1
        counts = (places * cells).long() + 1
        unlabelled = torch.rand(len(batch), generator=generator) < recipe.unlabelled
        classes = labels.masked_fill(unlabelled, self.prior.any_class)
        for group in self.optimizer.param_groups:
            group["lr"] = one_cycle(recipe.lr, self.step_count, recipe.steps)
        loss = nats(self.prior, codes, classes, counts, generator).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step_count += 1
        self._sum += float(loss.detach())
        self._steps += 1
        self._seconds += time.perf_counter() - started

    def snapshot(self) -> PriorSnapshot:
        """The figures since the last snapshot; ValueError where no step was taken since."""
        if not self._steps:
            raise ValueError("expected at least one step since the last snapshot, got none")
        left = self._seconds / self._steps * (self.recipe.steps - self.step_count)
        found = PriorSnapshot(self.step_count, self.recipe.steps, self._sum / self._steps, left)
        self._sum, self._steps, self._seconds = 0.0, 0, 0.0
        return found

    def state(self) -> dict[str, Tensor]:
        """Prior, optimiser and position as named tensors: all that going on needs beyond codes and recipe."""
        tensors = {f"prior.{name}": value for name, value in self.prior.state_dict().items()}
        for name, parameter in self.prior.named_parameters():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer.{name}.{key}"] = value
        tensors["step"] = torch.tensor(self.step_count)
        return {name: value.detach().clone().contiguous() for name, value in tensors.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take up a `state` again. Raises ValueError, and changes nothing, where it is another training's."""
        expected = {name: value.shape for name, value in self.state().items()}
        for name, parameter in self.prior.named_parameters():
            expected |= {f"optimizer.{name}.{key}": parameter.shape for key in ("exp_avg", "exp_avg_sq")}
            expected[f"optimizer.{name}.step"] = torch.Size()
        if {name: value.shape for name, value in tensors.items()} != expected:
            raise ValueError("expected the state of a training like this one, got another's")
        self.prior.load_state_dict(
            {name.removeprefix("prior."): value for name, value in tensors.items() if name.startswith("prior.")}
        )
        for name, parameter in self.prior.named_parameters():
            self.optimizer.state[parameter] = {
                key: (torch.empty_like(parameter) if key != "step" else torch.empty(())).copy_(
                    tensors[f"optimizer.{name}.{key}"]
                )
                for key in ("step", "exp_avg", "exp_avg_sq")
            }
        self.step_count = int(tensors["step"])

    def _batch_indices(self) -> Tensor:
        """The next grids, in an order that is another one in each epoch; the last short batch is left out."""
        size = min(self.recipe.batch_size, len(self.codes))
        epoch, position = divmod(self.step_count, len(self.codes) // size)
        if self._ordered is None or self._ordered[0] != epoch:
            generator = chance(self.recipe.seed, USES.index("order"), epoch)
            self._ordered = epoch, torch.randperm(len(self.codes), generator=generator)
        return self._ordered[1][position * size : (position + 1) * size]


def train(
    training: PriorTraining, every: int = 100, stop: Callable[[], bool] = lambda: False
) -> Iterator[PriorSnapshot]:
    """Go on to the end, or until `stop` says so; a snapshot every so many steps and at the end."""
    while not training.finished and not stop():
        training.step()
        if training.step_count % every == 0 or training.finished:
            yield training.snapshot()
