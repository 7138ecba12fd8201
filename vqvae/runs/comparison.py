"""Why codes die: the same network, images, order and seeds under recipes that differ in what makes and moves codes.

Each recipe gets the best of three learning rates, chosen on held-out training images, and then the same number of
images. A recorded comparison is one JSON file and the first seed's models beside it. Each run is written down as it
ends, so that hours of recording can be interrupted anywhere and go on by the same command, in several processes too.
"""

import csv
import io
import json
import math
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, Self

import torch
from filelock import FileLock, Timeout

from vqvae import checkpoint
from vqvae.data import Digits
from vqvae.evaluation import Evaluation, evaluate
from vqvae.files import write_atomically
from vqvae.paths import ASSETS
from vqvae.runs.resume import as_checkpoint
from vqvae.training import RECOMMENDED, TUTORIAL, Hyperparameters, Training, train

# Equal for all: network, batches, and a rate that rises and falls once. `tutorial` alone keeps the tutorial's constant
# rate. The names stand in files: `ema-revival` is the moving average with dead-code replacement.
EQUAL = replace(TUTORIAL, schedule="one-cycle")
LATE = {"kmeans_init": True, "warm_up": 150}  # k-means once the encoder's vectors mean something
DIVEQ = replace(EQUAL, quantizer="diveq", commitment_cost=0.0, initialisation="uniform")  # the paper needs no such loss
RECIPES = {
    "tutorial": TUTORIAL,
    "gradient": EQUAL,
    "gradient-kmeans": replace(EQUAL, **LATE),
    "gradient-replacement": replace(EQUAL, dead_code_replacement=True),
    "gradient-entropy": replace(EQUAL, initialisation="uniform", entropy_bonus=0.1),
    "ema": replace(EQUAL, quantizer="ema"),
    "ema-revival": replace(EQUAL, quantizer="ema", dead_code_replacement=True),
    "ema-kmeans-replacement": replace(EQUAL, quantizer="ema", dead_code_replacement=True, **LATE),
    "recommended": replace(RECOMMENDED, epochs=TUTORIAL.epochs, lr=TUTORIAL.lr),
    "rotation": replace(EQUAL, quantizer="rotation", initialisation="uniform"),  # as the authors' code starts it
    "rotation-kmeans-replacement": replace(EQUAL, quantizer="rotation", dead_code_replacement=True, **LATE),
    "simvq": replace(EQUAL, quantizer="simvq"),
    "simvq-kmeans": replace(EQUAL, quantizer="simvq", **LATE),
    "diveq": DIVEQ,
    "diveq-kmeans-replacement": replace(DIVEQ, dead_code_replacement=True, **LATE),
    "fsq": replace(EQUAL, quantizer="fsq", embedding_dim=3),
}
EPOCHS, SEEDS = 5, 3
RATES = (3e-3, 1e-2, 3e-2)  # learning rates that each recipe tries: 1e-3 was too low for the first four of them
TRIAL_EPOCHS = 3  # of a trial, on every third training image; its NMSE is measured on every sixth, which are others
POINTS = 80  # of a curve
FAILED = 3  # times the NMSE of a recipe's best run: one that is beyond it has failed
FORMAT = 2
CLAIMS = ".claims"  # a folder in that of a recording: empty files by which processes keep apart
SHIPPED = ASSETS / "comparison"
LONGER = ASSETS / "comparison-40-epochs"  # of its four best recipes, one seed each


class Trial(NamedTuple):
    """A short run of a recipe at one learning rate."""

    recipe: str
    lr: float
    nmse: float  # on training images that the trial did not train on; NaN where the rate broke the run


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
    lr: float = TUTORIAL.lr  # the best of RATES; earlier versions had one for all


@dataclass(frozen=True)
class Comparison:
    """Runs that can be compared: same images, same number of epochs."""

    dataset: str
    images: int  # of training
    epochs: int
    results: tuple[Result, ...] = ()
    trials: tuple[Trial, ...] = ()
    settings: Mapping[str, Hyperparameters] = field(default_factory=dict)  # what a recipe was when it first ran
    versions: tuple[tuple[str, str], ...] = ()  # of all libraries that trained any of it

    @property
    def recipes(self) -> list[str]:
        """Those with a result, in the order of RECIPES, and last what it has no more."""
        present = dict.fromkeys(result.recipe for result in self.results)
        return [name for name in (*RECIPES, *(sorted(present.keys() - RECIPES.keys()))) if name in present]

    def of(self, recipe: str) -> list[Result]:
        """All seeds of one recipe."""
        return sorted(result for result in self.results if result.recipe == recipe)

    def rate(self, recipe: str) -> float | None:
        """The learning rate whose trial ended at the lowest NMSE; None while a trial is missing."""
        tried = [trial for trial in self.trials if trial.recipe == recipe and trial.lr in RATES]
        if {trial.lr for trial in tried} != {*RATES}:
            return None
        return min(tried, key=lambda trial: math.inf if math.isnan(trial.nmse) else trial.nmse).lr

    def best(self, count: int) -> Self:
        """The comparison of the recipes with the lowest mean NMSE on the test images alone."""
        names = sorted(self.recipes, key=lambda name: verdict(self.of(name)).nmse.mean)[:count]
        return replace(
            self,
            results=tuple(result for result in self.results if result.recipe in names),
            trials=tuple(trial for trial in self.trials if trial.recipe in names),
        )


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
    lr: float
    nmse: Spread
    perplexity: Spread
    ink_perplexity: Spread | None  # None where an earlier version recorded it
    codes_used: Spread
    cpu_seconds: Spread


def verdict(results: Sequence[Result]) -> Verdict:
    """The figures of one recipe over its seeds; ValueError for no result."""
    if not results:
        raise ValueError("expected at least one result, got none")
    on_ink = [result.test.ink_perplexity for result in results if result.test.ink_perplexity is not None]
    return Verdict(
        results[0].recipe,
        len(results),
        results[0].lr,
        spread([result.test.nmse for result in results]),
        spread([result.test.perplexity for result in results]),
        spread(on_ink) if len(on_ink) == len(results) else None,
        spread([result.test.codes_used for result in results]),
        spread([result.cpu_seconds for result in results]),
    )


def failed(results: Sequence[Result]) -> list[Result]:
    """The runs of one recipe that broke: their NMSE is no number, no better than one grey for all pixels has, or over
    `FAILED` times the recipe's best.
    """
    most = min([1.0, *(FAILED * result.test.nmse for result in results if math.isfinite(result.test.nmse))])
    return [result for result in results if not result.test.nmse < most]


def described(comparison: Comparison) -> str:
    """What the figures were measured with, and the command that measures them again."""
    seeds = sorted({result.seed for result in comparison.results})
    libraries = ", ".join(f"{name} {number}" for name, number in comparison.versions) or "versions unknown"
    tried = {trial.recipe for trial in comparison.trials}
    best = f" --best {len(tried)}" if tried and tried < RECIPES.keys() else ""
    return (
        f"{comparison.images:,} training images of {comparison.dataset}, {comparison.epochs} epochs, seeds "
        f"{', '.join(map(str, seeds))}; {libraries}; python -m vqvae compare --dataset {comparison.dataset} "
        f"--epochs {comparison.epochs} --seeds {len(seeds)}{best}"
    )


PERPLEXITIES = ("perplexity over all cells", "perplexity over ink cells")
HEADER = ("recipe", "seeds", "learning rate", "NMSE", *PERPLEXITIES, "codes used", "CPU s")


def markdown(comparison: Comparison) -> str:
    """A row for each recipe, mean ± standard deviation over its seeds on the test images, and how they were made."""
    rows = [
        (
            f"`{one.recipe}`",
            f"{one.seeds}",
            f"{one.lr:g}",
            f"{one.nmse:.4f}",
            f"{one.perplexity:.1f}",
            f"{one.ink_perplexity:.1f}" if one.ink_perplexity else "–",
            f"{one.codes_used:.1f}",
            f"{one.cpu_seconds:.0f}",
        )
        for one in (verdict(comparison.of(name)) for name in comparison.recipes)
    ]
    said = f"Mean and standard deviation over the seeds. {described(comparison)}"
    return "\n".join([*_table(HEADER, rows), "", said])


def rates_tried(comparison: Comparison) -> str:
    """The trials as Markdown, a row for each recipe: NMSE by learning rate, the chosen one in bold."""
    rates, rows = sorted({trial.lr for trial in comparison.trials}), []
    for name in dict.fromkeys(trial.recipe for trial in comparison.trials):
        found = {trial.lr: f"{trial.nmse:.4f}" for trial in comparison.trials if trial.recipe == name}
        chosen = comparison.rate(name)
        cells = [f"**{found[lr]}**" if lr == chosen else found.get(lr, "–") for lr in rates]
        rows.append((f"`{name}`", *cells))
    said = (
        f"NMSE on a sixth of the {comparison.images:,} training images, after {TRIAL_EPOCHS} epochs of another third, "
        "seed 0."
    )
    return "\n".join([*_table(("recipe", *(f"rate {lr:g}" for lr in rates)), rows), "", said])


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)]


def comma_separated(comparison: Comparison) -> str:
    """A row for each run, after a comment on how they were made."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["recipe", "seed", *HEADER[2:]])
    for name in comparison.recipes:
        for one in comparison.of(name):
            test = one.test
            ink = "" if test.ink_perplexity is None else test.ink_perplexity
            figures = (test.nmse, test.perplexity, ink, test.codes_used, one.cpu_seconds)
            writer.writerow([one.recipe, one.seed, one.lr, *figures])
    return f"# {described(comparison)}\n{text.getvalue()}"


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation of at least one value."""
    return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


def record(
    folder: Path,
    images: Digits,
    test: Digits,
    epochs: int = EPOCHS,
    seeds: int = SEEDS,
    before: Comparison | None = None,
) -> Iterator[Trial | Result]:
    """Do what the folder's comparison lacks: the trials, then the runs seed by seed. Each is given once written down.

    `before` names the recipes of a longer comparison and has their trials. Several processes may record into one
    folder: none takes up what another one is at. Raises ValueError where the folder holds a comparison on other images,
    of other length or by other recipes, OSError.
    """
    recipes = {name: RECIPES[name] for name in (before.recipes if before else RECIPES)}
    blank = Comparison(images.dataset, len(images), epochs, trials=before.trials if before else ())
    trials = [(name, None, lr) for name in recipes for lr in RATES]
    wanted = trials + [(name, seed, None) for seed in range(seeds) for name in recipes]
    begun = _so_far(folder, blank, recipes)
    if begun.results and not begun.settings and not all(_done(begun, *one) for one in wanted):
        raise ValueError(
            f"{folder} holds a comparison of an earlier version, at one learning rate for all: name another --out, or "
            f"delete the folder"
        )
    while True:
        now = _so_far(folder, blank, recipes)
        for name, seed, lr in wanted:
            rate = lr or now.rate(name)
            if _done(now, name, seed, lr) or rate is None:  # without a rate, another process is at one of its trials
                continue
            with _claim(folder, f"{name}-{lr or seed}") as mine:
                if not mine or _done(_so_far(folder, blank, recipes), name, seed, lr):
                    continue
                recipe = replace(recipes[name], lr=rate)
                if seed is None:
                    outcome = _try(name, replace(recipe, epochs=TRIAL_EPOCHS), images)
                else:
                    outcome, training = _run(name, replace(recipe, epochs=epochs, seed=seed), images, test)
                    if seed == 0:
                        checkpoint.save(as_checkpoint(training, (outcome.test,)), model_file(folder, name))
                _add(outcome, folder, blank, recipes)
            yield outcome
            break
        else:
            return  # all is done, or others are at what is left


def _so_far(folder: Path, blank: Comparison, recipes: Mapping[str, Hyperparameters]) -> Comparison:
    found = load(folder)
    if found is None:
        return blank
    if (found.dataset, found.images, found.epochs) != (blank.dataset, blank.images, blank.epochs):
        raise ValueError(
            f"{folder} holds a comparison on {found.images} images of {found.dataset}, {found.epochs} epochs: "
            f"name another --out, or delete the folder"
        )
    other = [name for name in recipes if found.settings.get(name, recipes[name]) != recipes[name]]
    if other:
        raise ValueError(f"{folder} holds runs of another recipe {other[0]}: name another --out, or delete the folder")
    return found


def _done(comparison: Comparison, name: str, seed: int | None, lr: float | None) -> bool:
    if seed is not None:
        return any((one.recipe, one.seed) == (name, seed) for one in comparison.results)
    if name not in comparison.settings and comparison.of(name):
        return True  # by an earlier version, which had no trials
    return any((one.recipe, one.lr) == (name, lr) for one in comparison.trials)


@contextmanager
def _claim(folder: Path, what: str) -> Iterator[bool]:
    """Whether this process alone may do something; the system takes the claim back when the process ends."""
    (folder / CLAIMS).mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / CLAIMS / what)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _try(name: str, recipe: Hyperparameters, images: Digits) -> Trial:
    every = torch.arange(len(images))
    training = Training(images.take(every[::3]), replace(recipe, print_freq=1))
    for snapshot in train(training):
        if not math.isfinite(snapshot.loss):
            return Trial(name, recipe.lr, math.nan)  # before k-means meets encodings that are no numbers
    return Trial(name, recipe.lr, evaluate(training.model, images.take(every[1::6]), training.variance).nmse)


def _run(name: str, recipe: Hyperparameters, images: Digits, test: Digits) -> tuple[Result, Training]:
    steps = math.ceil(len(images) / recipe.batch_size) * recipe.epochs
    training = Training(images, replace(recipe, print_freq=max(1, steps // POINTS)))
    started = time.process_time()
    curve = tuple(Point(one.step, one.nmse, one.perplexity, one.codes_used) for one in train(training))
    cpu_seconds = time.process_time() - started
    measured = evaluate(training.model, test, training.variance)
    return Result(name, recipe.seed, cpu_seconds, curve, measured, recipe.lr), training


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
        if said["format"] not in (1, FORMAT):
            raise ValueError(f"format {said['format']}, expected {FORMAT}")
        results = tuple(
            Result(name, seed, cpu_seconds, tuple(Point(*point) for point in curve), Evaluation(*test), *lr)
            for name, seed, cpu_seconds, curve, test, *lr in said["results"]
        )
        return Comparison(
            said["dataset"],
            said["images"],
            said["epochs"],
            results,
            tuple(Trial(*trial) for trial in said.get("trials", ())),
            {name: Hyperparameters.from_record(record) for name, record in said.get("settings", {}).items()},
            tuple((library, number) for library, number in said.get("versions", ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it to record again") from error


def _add(outcome: Trial | Result, folder: Path, blank: Comparison, recipes: Mapping[str, Hyperparameters]) -> None:
    """Write one more outcome down, beside what other processes have written meanwhile."""
    with FileLock(folder / CLAIMS / "file"):
        comparison = _so_far(folder, blank, recipes)
        if isinstance(outcome, Trial):
            comparison = replace(comparison, trials=(*comparison.trials, outcome))
        else:
            comparison = replace(comparison, results=(*comparison.results, outcome))
        said = {"format": FORMAT} | {one.name: getattr(comparison, one.name) for one in fields(Comparison)}
        settings = {outcome.recipe: recipes[outcome.recipe], **comparison.settings}
        said["settings"] = {name: asdict(recipe) for name, recipe in settings.items()}
        today = tuple((name, version(name)) for name in checkpoint.LIBRARIES)
        said["versions"] = tuple(dict.fromkeys((*comparison.versions, *today)))
        write_atomically(folder / "comparison.json", json.dumps(said).encode())
