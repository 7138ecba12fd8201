"""How good a visitor's model is: measured in the background, a few at a time, since large ones take half a minute."""

from vqvae import data
from vqvae.background.jobs import CancelledError, Job, Jobs, turn
from vqvae.checkpoint import Checkpoint
from vqvae.data import Digits
from vqvae.evaluation import Evaluation, evaluate


class Measurements(Jobs[Evaluation]):
    """Those of this process. They wait for their turn among all that is computed (`VQVAE_COMPUTING`)."""

    @staticmethod
    def key(checkpoint: Checkpoint) -> str:
        """What a measurement is of: figures count in units of the variance."""
        return f"{checkpoint.fingerprint}-{checkpoint.variance!r}"

    def start(self, checkpoint: Checkpoint, digits: Digits, visitor: str) -> Job[Evaluation]:
        """The job that measures a model on these digits, as `ask` gives it."""

        def compute(job: Job[Evaluation]) -> Evaluation:
            def report(share: float) -> None:
                if not job.report(share):
                    raise CancelledError

            with turn(lambda: not job.cancelled):
                model = checkpoint.model
                return evaluate(model, data.fitted(digits, model.config), checkpoint.variance, report)

        return self.ask(self.key(checkpoint), compute, visitor)
