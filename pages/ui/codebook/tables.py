"""What figures show, as CSV: arrays in, text out; each column's name has its unit in brackets."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from torch import Tensor

from vqvae.analysis.ablation import Ablation
from vqvae.analysis.usage import Counts, Usage, by_use, entropy_bits, lift


class ComparedModel(NamedTuple):
    """How one model does on some digits, as two are compared."""

    model: str
    codes: int  # K
    perplexity: float
    ink_perplexity: float
    bits: float  # entropy
    dead: int
    nmse: float


def codes(usage: Usage, counts: Counts, ablation: Ablation | None, classes: Sequence[str]) -> str:
    """A row a code: its cells in all and by class, its rank, and what breaks without it as far as that is known."""
    total = counts.total.sum().clamp_min(1)
    ranks = by_use(counts.total).argsort() + 1
    return _csv(
        [
            "code (index)",
            "cells (count)",
            "cells (share)",
            "use (rank)",
            "dead (0 or 1)",
            *(f"cells in class {name} (count)" for name in classes),
            "NMSE with it (ratio)",
            "NMSE without it (ratio)",
        ],
        (
            [
                code,
                uses,
                uses / int(total),
                int(ranks[code]),
                int(usage.all_cells.total[code] == 0),
                *counts.by_class[:, code].tolist(),
                *(("", "") if ablation is None else (ablation.nmse, float(ablation.without[code]))),
            ]
            for code, uses in enumerate(counts.total.tolist())
        ),
    )


def classes(counts: Counts) -> str:
    """A row a class and code: how often, and how many times as often as overall."""
    return _pairs(counts.by_class, ["class (label)", "code (index)", "cells (count)"])


def neighbours(adjacency: Tensor) -> str:
    """A row for each two codes that ever stand side by side, and for both ways round: (K, K) counts."""
    return _pairs(adjacency, ["code (index)", "beside code (index)", "times side by side (count)"])


def positions(counts: Counts) -> str:
    """A row a position of the grid: cells counted there, entropy, and the code used most."""
    by_position = counts.by_position
    bits, cells = entropy_bits(by_position), by_position.sum(2)
    h, w, _ = by_position.shape
    return _csv(
        ["row (from 1)", "column (from 1)", "cells (count)", "entropy (bits)", "most used code (index)"],
        (
            [
                row + 1,
                column + 1,
                int(cells[row, column]),
                float(bits[row, column]),
                int(by_position[row, column].argmax()),
            ]
            for row in range(h)
            for column in range(w)
        ),
    )


def damage(ablation: Ablation) -> str:
    """A row a code, the most damaging first, with the digits that suffer most."""
    return _csv(
        [
            "rank",
            "code (index)",
            "NMSE with it (ratio)",
            "NMSE without it (ratio)",
            "images damaged most (indices)",
        ],
        (
            [
                rank,
                code,
                ablation.nmse,
                float(ablation.without[code]),
                " ".join(map(str, ablation.digits_of(code).tolist())),
            ]
            for rank, code in enumerate(ablation.ranking.tolist(), 1)
        ),
    )


def comparison(models: Sequence[ComparedModel]) -> str:
    """A row a model."""
    return _csv(
        [
            "model",
            "codes (count)",
            "codebook perplexity (codes)",
            "codebook perplexity over cells with ink (codes)",
            "entropy (bits)",
            "dead codes (count)",
            "NMSE (ratio)",
        ],
        models,
    )


def _pairs(table: Tensor, header: Sequence[str]) -> str:
    lifts = lift(table)
    met = table.nonzero().tolist()
    return _csv(
        [*header, "lift (ratio)"],
        ([row, column, int(table[row, column]), float(lifts[row, column])] for row, column in met),
    )


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
