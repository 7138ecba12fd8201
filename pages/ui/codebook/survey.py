"""What the Codebook page looks at: one model's codebook on some digits, counted with background cells or without."""

from typing import NamedTuple

from torch import Tensor

from pages.ui import resources
from pages.ui.codebook.tables import Standing
from vqvae.analysis.ablation import Ablation
from vqvae.analysis.encoding import Encoded
from vqvae.analysis.usage import Counts, Usage, entropy_bits
from vqvae.checkpoint import Checkpoint
from vqvae.data import EMBEDDED, Digits
from vqvae.evaluation import perplexity


class Survey(NamedTuple):
    """What all figures of the page are drawn from. Shared by all visitors but for the last field: change none of it."""

    checkpoint: Checkpoint
    source: tuple[str, str]  # data set and split
    digits: Digits
    encoded: Encoded
    usage: Usage
    with_background: bool

    @property
    def K(self) -> int:
        return self.checkpoint.model.config.num_embeddings

    @property
    def counts(self) -> Counts:
        return self.usage.all_cells if self.with_background else self.usage.ink_cells

    @property
    def adjacency(self) -> Tensor:
        """How often codes stand side by side: (K, K)."""
        return resources.adjacency(self.checkpoint, *self.source, self.with_background)

    @property
    def ablation(self) -> Ablation | None:
        """What breaks without each code, on `embedded`; None where it was not measured, or K is 1."""
        return resources.ablations().find(resources.ablation_key(self.checkpoint), self.K)

    @property
    def embedded(self) -> Digits:
        """The digits that ablations are measured on, whatever else is looked at."""
        return resources.fitted_digits(self.checkpoint, EMBEDDED, "all")

    @property
    def measured_on(self) -> str:
        """The digits and cells that figures count, for captions."""
        cells = "all cells" if self.with_background else "cells with ink"
        return f"Measured on {self.digits.described}, {cells}."

    def standing(self, title: str) -> Standing:
        """The figures that two models are compared by."""
        return Standing(
            title,
            self.K,
            perplexity(self.counts.total),
            float(entropy_bits(self.counts.total)),
            len(self.usage.dead),
            float(resources.reconstructions(self.checkpoint, *self.source).nmse.mean()),
        )


def survey(checkpoint: Checkpoint, source: tuple[str, str], with_background: bool) -> Survey:
    """Encode the digits, or take up where that is done. Raises DataError."""
    return Survey(
        checkpoint,
        source,
        resources.fitted_digits(checkpoint, *source),
        resources.encoded(checkpoint, *source),
        resources.usage(checkpoint, *source),
        with_background,
    )
