"""What test_distributed.py has torchrun start in several processes: train by each recipe, and write down what came out.

torchrun --standalone --nproc-per-node 3 tests/vqvae/in_processes.py FILE
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from vqvae import data, distributed
from vqvae.data import Digits
from vqvae.training import Hyperparameters, Snapshot, Training, train

# 60 images in batches of 25, 25 and 10, of which three processes get 9, 8 and 8, or 4, 3 and 3.
QUICK = Hyperparameters(batch_size=25, num_embeddings=10, embedding_dim=4, epochs=17, print_freq=1)
RECIPES = {
    "gradient": QUICK,
    "gradient, warmed up": replace(QUICK, kmeans_init=True, warm_up=4, dead_code_replacement=True),
    "ema": replace(QUICK, quantizer="ema", kmeans_init=True, dead_code_replacement=True, schedule="one-cycle"),
    "diveq": replace(QUICK, quantizer="diveq", initialisation="uniform", dead_code_replacement=True),
    "entropy": replace(QUICK, initialisation="uniform", entropy_bonus=0.1),
}
DEADLY = 5  # steps, after which three codes are put where nothing uses them: by themselves, codes die in hundreds
LEFT = 7  # steps, after which a run is left and taken up


COMMAND = replace(RECIPES["ema"], epochs=40)  # what the command line trains and is killed at


def some_digits() -> Digits:
    return data.load(data.EMBEDDED, "train").evenly(60)


def middles() -> Digits:
    """12 x 12 pixels train faster than 28 x 28."""
    digits = some_digits()
    return replace(digits, pixels=digits.pixels[:, :, 8:20, 8:20])


def begun(recipe: Hyperparameters) -> Training:
    return Training(middles(), recipe, torch.device("cpu"))


def stepped(run: Training) -> Iterator[Snapshot]:
    for snapshot in train(run):
        if run.step_count == DEADLY:
            run.model.vq_layer.replace(
                torch.arange(3), torch.full((3, run.hyperparameters.embedding_dim), 100.0), count=0.0
            )
        yield snapshot


def trained(run: Training) -> dict[str, Tensor]:
    """The loss and the usage of every step, its perplexity over ink cells, and the state at the end."""
    snapshots = list(stepped(run))
    figures = {
        "losses": torch.tensor([one.loss for one in snapshots], dtype=torch.float64),
        "usage": torch.tensor([one.usage for one in snapshots]),
        "ink": torch.tensor([one.ink_perplexity for one in snapshots], dtype=torch.float64),
        "codebook": run.model.vq_layer.codebook.detach().clone(),
    }
    return figures | {f"state.{name}": value for name, value in run.state().items()}


def resumed(recipe: Hyperparameters) -> dict[str, Tensor]:
    """The state at the end of a run that was left on its way, and taken up by another one."""
    left, taken_up = begun(recipe), begun(recipe)
    for _ in islice(stepped(left), LEFT):
        pass
    taken_up.restore(left.state())
    for _ in stepped(taken_up):
        pass
    return {f"resumed.{name}": value for name, value in taken_up.state().items()}


def failed_on_the_second() -> Tensor:
    """How work ends in each process that fails in the second one alone: 1 with its error, 2 quietly."""

    def work() -> None:
        if distributed.rank() == 1:
            raise ValueError("expected data, got none")

    try:
        distributed.together(work)
        ended = 0
    except ValueError:
        ended = 1
    except SystemExit:
        ended = 2
    return distributed.gather(torch.tensor([ended]))


def main() -> None:
    with distributed.joined():
        outcomes = {"failed": failed_on_the_second()}
        for name, recipe in RECIPES.items():
            outcomes |= {f"{name}/{key}": value for key, value in (trained(begun(recipe)) | resumed(recipe)).items()}
        command = Training(some_digits(), COMMAND, torch.device("cpu"))
        for _ in train(command):
            pass
        outcomes |= {f"command/state.{key}": value for key, value in command.state().items()}
        for key, value in outcomes.copy().items():
            others = distributed.total((value != distributed.from_first(value)).sum())
            outcomes[f"apart/{key}"] = others  # elements in which some process differs from the first one
        if distributed.is_first():
            save_file(outcomes, Path(sys.argv[1]))


if __name__ == "__main__":
    main()
    distributed.leave(0)
