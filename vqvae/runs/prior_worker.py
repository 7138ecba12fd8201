"""The child's side of a run that trains a prior for one of a visitor's checkpoints, and leaves it beside that.

Folder, prior and checkpoint stand side by side: own-….prior, own-….prior.safetensors and own-….safetensors.
"""

import math

import torch

from vqvae import checkpoint, data, prior_file
from vqvae.prior import mean_nats
from vqvae.prior_training import PriorTraining, grids
from vqvae.runs.child import Child
from vqvae.runs.recording import History, PriorMetrics
from vqvae.runs.run import RunError

HELD_OUT = 200  # images, for the figures while it trains; the last ones are of the whole test set


class PriorWorker(Child[PriorTraining]):
    """Publishes nats a code, of the training batches and now and then of held-out images."""

    held_out_share = 20  # a step is slow and the run short: else there were too few for a curve
    too_large = "try again when the machine has less to do"

    def begin(self) -> str:
        folder, config = self.run.folder, self.run.prior_config()
        self.model_file, self.state = folder.with_suffix(".safetensors"), folder / "state.safetensors"
        opened = checkpoint.load(self.model_file)
        self.fingerprint = opened.fingerprint
        self.images, self.test = (data.load(config.dataset, split) for split in ("train", "test"))
        if config.limit is not None:
            self.images, self.test = self.images.evenly(config.limit), self.test.evenly(config.limit)
        self.say(message="Encoding the images.")
        codes, self.test_codes = (grids(opened.model, digits) for digits in (self.images, self.test))
        held_out = self.test.evenly(HELD_OUT)
        self.held_out = grids(opened.model, held_out), held_out.labels
        K, message = opened.model.config.num_embeddings, ""
        classes = len(self.images.classes)
        self.training = PriorTraining(codes, self.images.labels, K, config.recipe, classes=classes)
        try:
            prior_file.go_on(self.training, self.fingerprint, self.state)
        except ValueError:
            message = "What was saved of this training is damaged: it begins again by itself."
        step = self.figured = self.training.step_count
        self.history = History(self.run.history_file, step, PriorMetrics)
        return message

    def add_figures(self) -> None:
        training = self.training
        if training.step_count == self.figured:
            return
        held_out = self.when_due(self._held_out)
        snapshot = training.snapshot()
        if not math.isfinite(snapshot.nats):
            raise RunError("The loss is no longer a number: train it again from the start")
        self.history.add(PriorMetrics(snapshot.step, snapshot.nats, held_out, snapshot.seconds_left))
        self.figured = training.step_count

    def _held_out(self) -> float:
        """Nats a code, every second image without its class, as in training."""
        codes, labels = self.held_out
        known = torch.arange(len(labels)) % 2 == 0
        return mean_nats(self.training.prior, codes, labels.where(known, self.training.prior.any_class))

    def keep(self) -> None:
        prior_file.keep(self.training, self.fingerprint, self.state)

    def end(self) -> None:
        trained = prior_file.finished(self.training, self.fingerprint, self.images.dataset, self.test_codes, self.test)
        if not self.model_file.exists():
            raise RunError("The checkpoint was deleted meanwhile: take that back, and go on")
        prior_file.save(trained, self.run.folder.with_name(f"{self.run.folder.stem}{prior_file.ENDING}"))
        self.state.unlink(missing_ok=True)
