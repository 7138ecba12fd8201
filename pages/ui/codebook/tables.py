"""What figures show, as CSV: arrays in, text out; each column's name has its unit in brackets."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch

from vqvae.analysis.ablation import Ablation
from vqvae.analysis.usage import Counts, Pairs, Usage, by_use, entropy_bits, lift


class ComparedModel(NamedTuple):
    """How one model does on some digits, as two are compared."""

    model: str
    codes: int  # K
    perplexity: float  # over all cells
    ink_perplexity: float
    bits: float  # entropy over all cells
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
    table, lifts = counts.by_class, lift(counts.by_class)
    return _csv(
        ["class (label)", "code (index)", "cells (count)", "lift (ratio)"],
        ([row, column, int(table[row, column]), float(lifts[row, column])] for row, column in table.nonzero().tolist()),
    )


def neighbours(pairs: Pairs, num_embeddings: int) -> str:
    """A row for each two codes that ever stand side by side, and for both ways round."""
    one, other = torch.cat(pairs), torch.cat(pairs[::-1])
    met, counts = (one * num_embeddings + other).unique(return_counts=True)
    uses = torch.bincount(one, minlength=num_embeddings).double()
    rows, columns = met // num_embeddings, met % num_embeddings
    lifts = counts * len(one) / (uses[rows] * uses[columns])
    return _csv(
        ["code (index)", "beside code (index)", "times side by side (count)", "lift (ratio)"],
        zip(rows.tolist(), columns.tolist(), counts.tolist(), lifts.tolist(), strict=True),
    )


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
            "codebook perplexity over all cells (codes)",
            "codebook perplexity over ink cells (codes)",
            "entropy over all cells (bits)",
            "dead codes (count)",
            "NMSE (ratio)",
        ],
        models,
    )


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
