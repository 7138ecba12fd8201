"""How good a visitor's model is: measured in the background, a few at a time, since large ones take half a minute."""

from vqvae import data
from vqvae.background.jobs import ASKED_FOR, Job, JobsInTurn
from vqvae.checkpoint import Checkpoint
from vqvae.data import Digits
from vqvae.evaluation import Evaluation, evaluate


class Measurements(JobsInTurn[Evaluation]):
    """Those of this process."""

    def __init__(self) -> None:
        super().__init__(ASKED_FOR)

    @staticmethod
    def key(checkpoint: Checkpoint) -> str:
        """What a measurement is of: figures count in units of the variance."""
        return f"{checkpoint.fingerprint}-{checkpoint.variance!r}"

    def measure(self, checkpoint: Checkpoint, digits: Digits, visitor: str) -> Job[Evaluation]:
        """The job that measures a model on these digits, as `ask` gives it."""
        model = checkpoint.model
        return self.start(
            self.key(checkpoint),
            lambda report: evaluate(model, data.fitted(digits, model.config), checkpoint.variance, report),
            visitor,
        )
