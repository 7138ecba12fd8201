"""What a first visitor gets from the Train page: python tests/benchmarks/first_visit.py

Opens the page, presses Start as it stands (Quick on the embedded digits, 4,500 for training), and waits with the page
open. Figures are on the 500 held-out digits, as the run's checkpoint has them. Promised on the idle machine: in
under 180 s an NMSE below 0.06, with at least 120 of 128 codes used.
"""

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

from common import Yardstick, table
from pen import app
from train_page import train_page

from vqvae import checkpoint


async def visited(address: str) -> float:
    """The seconds from the press to the end of the run."""
    async with train_page(address) as (page, start):
        begun = time.perf_counter()
        await start.click()
        await page.get_by_text("Finished").wait_for()
        return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    yardstick = Yardstick()
    yardstick()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["VQVAE_RUNS"] = str(Path(folder) / "runs")
        with app(Path(folder)) as address:
            seconds = asyncio.run(visited(address))
        (path,) = Path(folder).glob("runs/visitors/*/runs/*/model.safetensors")
        found = checkpoint.load(path)
    yardstick()
    (figures,) = found.measured
    rows = [
        ("from Start to Finished", f"{seconds:.0f} s", "under 180 s"),
        (f"NMSE on {figures.images} held-out digits", f"{figures.nmse:.4f}", "below 0.06"),
        ("codes used by them", f"{figures.codes_used} of {found.model.config.num_embeddings}", "at least 120"),
        ("codebook perplexity, all cells", f"{figures.perplexity:.1f}", ""),
        ("codebook perplexity, cells with ink", f"{figures.ink_perplexity:.1f}", ""),
        ("steps", f"{found.steps:,}", ""),
    ]
    print(table(("first visit", "measured", "promised"), rows))
    print(yardstick.line)


if __name__ == "__main__":
    main()
