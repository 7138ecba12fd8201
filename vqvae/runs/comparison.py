"""Why codes die: the same network, data, order and seed under recipes that differ in how the codebook learns.

A recorded comparison is one JSON file and the first seed's models beside it. Each run is written down as it ends, so
that an hour of recording can be interrupted anywhere and goes on by the same command.
"""

import json
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from vqvae import checkpoint
from vqvae.data import Digits
from vqvae.evaluation import Evaluation, evaluate
from vqvae.files import write_atomically
from vqvae.paths import ASSETS
from vqvae.runs.resume import as_checkpoint
from vqvae.training import TUTORIAL, Hyperparameters, Training, train

# All else is the tutorial's. The names stand in files: `ema-revival` is the moving average with dead-code replacement.
RECIPES = {
    "gradient": TUTORIAL,
    "gradient-kmeans": replace(TUTORIAL, kmeans_init=True),
    "ema": replace(TUTORIAL, quantizer="ema"),
    "ema-revival": replace(TUTORIAL, quantizer="ema", dead_code_replacement=True),
    "rotation": replace(TUTORIAL, quantizer="rotation"),
    "simvq": replace(TUTORIAL, quantizer="simvq"),
}
EPOCHS, SEEDS = 5, 3
POINTS = 80  # of a curve
FORMAT = 1
SHIPPED = ASSETS / "comparison"


class Point(NamedTuple):
    """One place of a curve: figures of the training batches since the place before."""

    step: int
    nmse: float
    perplexity: float
    codes_used: int


class Result(NamedTuple):
    """One run of a comparison."""

    recipe: str  # a name out of RECIPES
    seed: int
    cpu_seconds: float  # of training: all threads together, whatever else the machine does meanwhile
    curve: tuple[Point, ...]
    test: Evaluation


@dataclass(frozen=True)
class Comparison:
    """Runs that can be compared: same images, same number of epochs."""

    dataset: str
    images: int  # of training
    epochs: int
    results: tuple[Result, ...] = ()

    @property
    def recipes(self) -> list[str]:
        """Those with a result, in the order of RECIPES."""
        present = {result.recipe for result in self.results}
        return [name for name in RECIPES if name in present]

    def of(self, recipe: str) -> list[Result]:
        """All seeds of one recipe."""
        return sorted(result for result in self.results if result.recipe == recipe)


class Spread(NamedTuple):
    """A figure over some seeds."""

    mean: float
    deviation: float | None  # the sample's standard deviation; None for a single seed

    def __format__(self, form: str) -> str:
        mean = format(self.mean, form)
        return mean if self.deviation is None else f"{mean} ± {format(self.deviation, form)}"


class Verdict(NamedTuple):
    """What a recipe came to on the test images."""

    recipe: str
    seeds: int
    nmse: Spread
    perplexity: Spread
    codes_used: Spread
    cpu_seconds: Spread


def verdict(results: Sequence[Result]) -> Verdict:
    """The figures of one recipe over its seeds; ValueError for no result."""
    if not results:
        raise ValueError("expected at least one result, got none")
    return Verdict(
        results[0].recipe,
        len(results),
        spread([result.test.nmse for result in results]),
        spread([result.test.perplexity for result in results]),
        spread([result.test.codes_used for result in results]),
        spread([result.cpu_seconds for result in results]),
    )


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation of at least one value."""
    return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


def record(folder: Path, images: Digits, test: Digits, epochs: int = EPOCHS, seeds: int = SEEDS) -> Iterator[Result]:
    """Do what the folder's comparison lacks, seed by seed, and give each result once it is written down.

    Raises ValueError where the folder holds a comparison on other images or of other length, OSError.
    """
    comparison = Comparison(images.dataset, len(images), epochs)
    found = load(folder)
    if found is not None:
        if replace(found, results=()) != comparison:
            raise ValueError(
                f"{folder} holds a comparison on {found.images} images of {found.dataset}, {found.epochs} epochs: "
                f"name another --out, or delete the folder"
            )
        comparison = found
    done = {(result.recipe, result.seed) for result in comparison.results}
    for seed in range(seeds):
        for name, recipe in RECIPES.items():
            if (name, seed) not in done:
                result, training = _run(name, replace(recipe, epochs=epochs, seed=seed), images, test)
                if seed == 0:
                    checkpoint.save(as_checkpoint(training, (result.test,)), model_file(folder, name))
                comparison = replace(comparison, results=(*comparison.results, result))
                _save(comparison, folder)
                yield result


def _run(name: str, recipe: Hyperparameters, images: Digits, test: Digits) -> tuple[Result, Training]:
    steps = math.ceil(len(images) / recipe.batch_size) * recipe.epochs
    training = Training(images, replace(recipe, print_freq=max(1, steps // POINTS)))
    started = time.process_time()
    curve = tuple(Point(one.step, one.nmse, one.perplexity, one.codes_used) for one in train(training))
    cpu_seconds = time.process_time() - started
    return Result(name, recipe.seed, cpu_seconds, curve, evaluate(training.model, test, training.variance)), training


def model_file(folder: Path, recipe: str) -> Path:
    """The first seed's model of a recipe, its codebook the effective one."""
    return folder / f"{recipe}.safetensors"


def load(folder: Path = SHIPPED) -> Comparison | None:
    """The comparison that a folder holds; None where there is none. Raises ValueError for a damaged one."""
    path = folder / "comparison.json"
    try:
        said = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): delete it to record again") from error
    try:
        if said["format"] != FORMAT:
            raise ValueError(f"format {said['format']}, expected {FORMAT}")
        results = tuple(
            Result(name, seed, cpu_seconds, tuple(Point(*point) for point in curve), Evaluation(*test))
            for name, seed, cpu_seconds, curve, test in said["results"]
        )
        return Comparison(said["dataset"], said["images"], said["epochs"], results)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it to record again") from error


def _save(comparison: Comparison, folder: Path) -> None:
    said = {
        "format": FORMAT,
        "dataset": comparison.dataset,
        "images": comparison.images,
        "epochs": comparison.epochs,
        "results": comparison.results,
    }
    write_atomically(folder / "comparison.json", json.dumps(said).encode())
