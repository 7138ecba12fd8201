"""What benchmarks share: the repository on the path, a fixed matrix product as a yardstick, and a table.

Seconds differ between machines and moments; beside each stands the time of the same matrix product, measured in the
same run, so that figures of two runs can be compared.
"""

import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # the library, and the tutorial written out

import torch  # noqa: E402


class Yardstick:
    """The seconds of a fixed matrix product, 2048 x 2048 in float32; each call times it once more."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.a, self.b = (torch.randn(2048, 2048, generator=generator) for _ in range(2))
        self.seconds: list[float] = []
        _ = self.a @ self.b  # the first one pays for threads and memory

    def __call__(self) -> float:
        started = time.perf_counter()
        _ = self.a @ self.b
        self.seconds.append(time.perf_counter() - started)
        return self.seconds[-1]

    @property
    def line(self) -> str:
        return (
            f"matrix product 2048 x 2048: {1000 * statistics.median(self.seconds):.0f} ms (median of "
            f"{len(self.seconds)}, {1000 * min(self.seconds):.0f} to {1000 * max(self.seconds):.0f}), "
            f"{torch.get_num_threads()} threads, torch {torch.__version__}"
        )


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as they need to be: words to the left, figures to the right."""
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
