"""A visitor's own checkpoints: files in the visitor's folder, each under a name made from its content.

A name in an address is a stranger's text: only one of the right form that is in this collection ever becomes a path.
"""

import json
import math
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from vqvae import checkpoint as checkpoints
from vqvae import data, prior_file
from vqvae.checkpoint import Checkpoint, CheckpointError
from vqvae.data import Digits
from vqvae.evaluation import Evaluation, evaluate
from vqvae.files import write_atomically
from vqvae.limits import CHECKPOINTS, CHECKPOINTS_EACH, mb
from vqvae.model import Sizes
from vqvae.prior_training import quick_recipe
from vqvae.runs.process import PRIOR
from vqvae.runs.run import ALIVE, PriorRunConfig, Run
from vqvae.runs.visitor import Visitor, check_disk

LONGEST_TITLE = 60
# What pages compute for a model grows with these: thousands of digits in its size, distances to all its codes.
LARGEST_SIDE = 64  # pixels of a square image in colour
MOST_VALUES = 3 * LARGEST_SIDE**2  # of an image
MOST_CODES = 4096
MOST_DIMENSIONS = 1024
MOST_GRID = 16  # rows and columns of a grid that a prior writes


class Entry(NamedTuple):
    """One checkpoint of a collection."""

    name: str  # as in an address: "own-" and the model's fingerprint
    title: str  # as its owner calls it
    created: float  # seconds since 1970


def is_own(name: str) -> bool:
    """Whether a name has the form of one in a collection."""
    return re.fullmatch(r"own-[0-9a-f]{12}", name) is not None


class OwnCheckpoints:
    """The checkpoints of one visitor."""

    def __init__(self, visitor: Visitor):
        self.visitor = visitor
        self.folder = visitor.folder / "checkpoints"

    def entries(self) -> list[Entry]:
        """All of them, the oldest first; a file whose title cannot be read is called by its name."""
        found = [self._entry(path) for path in self.folder.glob("own-*.safetensors") if is_own(path.stem)]
        return sorted(found, key=lambda entry: (entry.created, entry.name))

    def add(
        self,
        checkpoint: Checkpoint,
        title: str,
        digits: Digits,
        report: Callable[[float], object] = lambda share: None,
        renames: bool = True,
    ) -> Entry:
        """Measure a model on the embedded digits, and keep it.

        Weights that are here already take the new title only if it `renames`. `report` hears the share measured, in
        [0, 1], and may raise to stop. Raises what `prepared` and `keep` raise.
        """
        checkpoint = self.prepared(checkpoint)
        fitted = data.fitted(digits, checkpoint.model.config)
        figures = evaluate(checkpoint.model, fitted, checkpoint.variance, report)
        report(1.0)  # the last moment to call it off
        before = None if renames else self.same_weights(checkpoint)
        return self.keep(checkpoint, before.title if before else title, figures)

    def prepared(self, checkpoint: Checkpoint) -> Checkpoint:
        """What is to be measured and kept: with all that is known of the same weights here.

        Raises CheckpointError where the model is too large for the pages, or where there are too many, of this visitor
        or of all together.
        """
        check_size(checkpoint.model.config)
        before = self.same_weights(checkpoint)
        if before is not None:
            with suppress(CheckpointError):  # a damaged file is written anew
                return together(self.open(before.name), checkpoint)
        else:
            self._check_room()
        return checkpoint

    def keep(self, checkpoint: Checkpoint, title: str, figures: Evaluation) -> Entry:
        """Keep what was prepared, and measured on the embedded digits; the same weights once more take the new title.

        Raises CheckpointError where the model gives no finite picture, or where there are too many by now; OSError.
        """
        if not math.isfinite(figures.mse):
            raise CheckpointError("This model’s pictures are not finite: expected one that can draw a digit.")
        others = [one for one in checkpoint.measured if one[:2] != figures[:2]]
        name = f"own-{checkpoint.fingerprint}"
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / "lock"):  # against the visitor's other tabs, or as many as these would be too many
            before = self.same_weights(checkpoint)
            if before is None:
                self._check_room()
            # The title first: whoever finds the checkpoint finds its title.
            entry = self._call(name, title, before.created if before else time.time())
            checkpoints.save(replace(checkpoint, measured=(*others, figures)), self._path(name))
            return entry

    def same_weights(self, checkpoint: Checkpoint) -> Entry | None:
        """The entry that holds this very model, whatever else either file says; None for a model that is new here."""
        name = f"own-{checkpoint.fingerprint}"
        return self._entry(self._path(name)) if self.holds(name) else None

    def open(self, name: str) -> Checkpoint:
        """One of these checkpoints. Raises CheckpointError where there is none of this name, or it is damaged."""
        if not self.holds(name):
            raise CheckpointError("There is no such checkpoint among yours.")
        return checkpoints.load(self._path(name), "Its file")  # its own name says nothing to its owner

    def prior_file(self, name: str) -> Path:
        """Where the prior of one of these checkpoints is, or would be. CheckpointError as `open` does."""
        if not self.holds(name):
            raise CheckpointError("There is no such checkpoint among yours.")
        return self.folder / f"{name}{prior_file.ENDING}"

    def prior_run(self, name: str) -> Run | None:
        """The run that trains, or trained, the prior of a checkpoint, if there was one."""
        run = self._prior_run(name)
        return run if self.holds(name) and run.exists else None

    def unfinished_prior(self) -> str | None:
        """A checkpoint whose prior is being trained, or was until something came between, if there is one."""
        known = {run.folder.stem: run.status() for run in self.visitor.priors()}
        unfinished = (name for name, status in known.items() if status.state in ALIVE or status.message)
        return next(filter(self.holds, unfinished), None)

    def train_prior(self, name: str) -> Run:
        """Begin to train a prior on the images that a checkpoint was trained on; `prior_file` will be there.

        Raises RunError; CheckpointError as `open` does, for a grid that is too large, and where there is no room.
        """
        opened = self.open(name)
        check_grid(opened.model.config)
        self._check_disk()
        dataset, limit = trained_on(opened)
        images = data.training_images(dataset)
        recipe = quick_recipe(opened.model.config, min(images, limit or images))
        return self.visitor.train_prior(self._prior_run(name).folder, PriorRunConfig(recipe, dataset, limit))

    def changed(self, name: str) -> int:
        """When a checkpoint was last written, in nanoseconds; 0 where there is none."""
        try:
            return self._path(name).stat().st_mtime_ns if is_own(name) else 0
        except OSError:
            return 0

    def holds(self, name: str) -> bool:
        return is_own(name) and self._path(name).is_file()

    def content(self, name: str) -> bytes:
        """The file, for taking away. Raises OSError; CheckpointError as `open` does."""
        if not self.holds(name):
            raise CheckpointError("There is no such checkpoint among yours.")
        return self._path(name).read_bytes()

    def rename(self, name: str, title: str) -> None:
        """Raises OSError; CheckpointError as `open` does."""
        if not self.holds(name):
            raise CheckpointError("There is no such checkpoint among yours.")
        self._call(name, title, self._entry(self._path(name)).created)

    def delete(self, name: str) -> None:
        """Put it away, until `undelete`, or until the next one is put away. Raises OSError."""
        if not self.holds(name):
            return
        training = self.prior_run(name)
        if training is not None and training.alive():
            training.stop()  # it can go on once the checkpoint is back
        for old in self._deleted.glob("*"):
            old.unlink(missing_ok=True)
            if not self.holds(old.stem):
                shutil.rmtree(self._prior_run(old.stem).folder, ignore_errors=True)
        self._deleted.mkdir(exist_ok=True)
        self._move(name, self.folder, self._deleted)

    def undelete(self, name: str) -> None:
        """Take back what was deleted last. Raises OSError; CheckpointError where it is gone for good."""
        if not (is_own(name) and (self._deleted / f"{name}.safetensors").is_file()):
            raise CheckpointError("This checkpoint is gone for good: another one was deleted after it.")
        self._move(name, self._deleted, self.folder)

    def _check_room(self) -> None:
        """Raises CheckpointError where no further checkpoint can be kept."""
        if len(self.entries()) >= (most := CHECKPOINTS_EACH.value):
            raise CheckpointError(f"You have {most} checkpoints already: delete one first.")
        self._check_disk()

    def _check_disk(self) -> None:
        try:
            check_disk(self.folder)
        except OSError as error:
            raise CheckpointError(
                f"Nothing more can be kept here, since {error.strerror}: delete some checkpoints, or ask whoever runs "
                "the explorer to make room."
            ) from error
        total = 0
        for path in self.folder.parents[1].glob("*/checkpoints/**/*.safetensors"):
            with suppress(FileNotFoundError):  # its owner deleted it just now
                total += path.stat().st_size
        if total >= CHECKPOINTS.value * 2**20:
            raise CheckpointError(
                f"All visitors’ checkpoints together take {mb(total)}, and no more are kept here: delete some, or ask "
                "whoever runs the explorer to make room."
            )

    @property
    def _deleted(self) -> Path:
        return self.folder / "deleted"

    def _prior_run(self, name: str) -> Run:
        return Run(self.folder / f"{name}{PRIOR}")

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"

    def _move(self, name: str, source: Path, target: Path) -> None:
        endings = (".json", prior_file.ENDING, ".safetensors")
        # Whoever finds the checkpoint finds its title: the checkpoint itself comes last, and goes first.
        for ending in endings if target == self.folder else reversed(endings):
            with suppress(FileNotFoundError):
                (source / f"{name}{ending}").replace(target / f"{name}{ending}")

    def _call(self, name: str, title: str, created: float) -> Entry:
        title = " ".join(title.split())[:LONGEST_TITLE] or name
        content = json.dumps({"title": title, "created": created}).encode()
        write_atomically(self.folder / f"{name}.json", content)
        return Entry(name, title, created)

    def _entry(self, path: Path) -> Entry:
        try:
            said = json.loads(path.with_suffix(".json").read_text())
            return Entry(path.stem, str(said["title"])[:LONGEST_TITLE], float(said["created"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Entry(path.stem, path.stem, 0.0)


def together(old: Checkpoint, new: Checkpoint) -> Checkpoint:
    """What two files of the same weights say of them: the one that had to assume less leads, the other fills its gaps.

    Of equals the new one leads. Figures count in units of a variance: those of another variance stay behind.
    """
    lead, rest = sorted((new, old), key=lambda file: len(file.assumed))
    gaps = {
        name: getattr(rest, name)
        for name in ("dataset", "recipe", "training_images", "steps", "versions")
        if not getattr(lead, name)
    }
    known = {figures[:2] for figures in lead.measured}
    more = [figures for figures in rest.measured if rest.variance == lead.variance and figures[:2] not in known]
    return replace(lead, **gaps, measured=(*lead.measured, *more))


def on_digits(checkpoint: Checkpoint, digits: Digits) -> Evaluation | None:
    """The figures on these digits that a checkpoint carries, if it does."""
    kind = (digits.dataset, digits.split, len(digits))
    return next((one for one in checkpoint.measured if one[:3] == kind), None)


def trained_on(checkpoint: Checkpoint) -> tuple[str, int | None]:
    """The images that a model was trained on, for its prior to learn from: data set, and how many where not all.

    Of a model that does not say, the embedded digits.
    """
    if checkpoint.dataset not in data.DATASETS:
        return data.EMBEDDED, None
    images = checkpoint.training_images
    return checkpoint.dataset, images if images and 0 < images < data.training_images(checkpoint.dataset) else None


def check_grid(config: Sizes) -> None:
    """Raises CheckpointError, in a sentence, for a grid that no prior is trained for."""
    height, width = config.grid
    if max(height, width) > MOST_GRID:
        raise CheckpointError(
            f"This model’s grid has {height} x {width} codes, and a prior is trained for {MOST_GRID} x {MOST_GRID} at "
            "most, so that a browser can write it: train a model of smaller images."
        )


def check_size(config: Sizes) -> None:
    """Raises CheckpointError, in a sentence, for a model that is too large for the pages."""
    C, H, W = config.image_shape
    if C * H * W > MOST_VALUES:
        raise CheckpointError(
            f"This model draws images of {C} x {H} x {W}: expected at most {MOST_VALUES:,} values, so that pages can "
            f"show thousands of images in its size. Where its file does not say the size, say a smaller one."
        )
    if config.num_embeddings > MOST_CODES or config.embedding_dim > MOST_DIMENSIONS:
        raise CheckpointError(
            f"This model has K = {config.num_embeddings} and D = {config.embedding_dim}: expected at most "
            f"{MOST_CODES} and {MOST_DIMENSIONS}."
        )
