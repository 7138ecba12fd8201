"""How long it takes to ban each code in turn, on the 5,000 embedded digits: python tests/benchmarks/ablation.py

The Codebook page promises under 45 s for 128 codes, for a model that nobody has measured yet.
"""

import time

from common import Yardstick, table

from vqvae import checkpoint, data
from vqvae.analysis.ablation import ablate


def main() -> None:
    yardstick, rows = Yardstick(), []
    digits = data.load(data.EMBEDDED, "all")
    for name, path in checkpoint.SHIPPED.items():
        opened = checkpoint.load(path)
        yardstick()
        started = time.perf_counter()
        found = ablate(opened.model, digits, opened.variance)
        seconds = time.perf_counter() - started
        yardstick()
        worst = int(found.ranking[0])
        rows.append([name, f"{seconds:.1f}", worst, f"{found.nmse:.4f}", f"{float(found.without[worst]):.4f}"])
    print(f"{digits.described}\n")
    print(table(["checkpoint", "seconds", "worst code", "NMSE", "without it"], rows))
    print(f"\n{yardstick.line}")


if __name__ == "__main__":
    main()
