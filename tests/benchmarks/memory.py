"""What watching a long run costs in memory: python tests/benchmarks/memory.py

A browser watches a run on the Train page; printed is the resident memory of the server and of the training process
after a minute and at the end. Promised: each grows by less than 50 MB between minute 1 and minute 30.
"""

import argparse
import asyncio
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from common import table
from pen import app
from train_page import STEP, train_page

EPOCHS = 1000  # more than half an hour


def process(*words: str) -> int:
    """The process whose command line has all these words."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            said = path.read_bytes().decode(errors="replace").split("\0")
            if all(any(word in part for part in said) for word in words) and int(path.parent.name) != os.getpid():
                return int(path.parent.name)
    raise RuntimeError(f"expected a process with {' '.join(words)} on its command line")


def resident(number: int) -> float:
    """MB of a process in memory."""
    for line in Path(f"/proc/{number}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {number} has ended")


async def watched(address: str, folder: str, minutes: float) -> list[tuple[float, float, float]]:
    """Minutes since the start, and the memory of server and child then, every half minute."""
    server = process("streamlit", address.rsplit(":", 1)[1])
    async with train_page(address, EPOCHS) as (page, start):
        await start.click()
        await page.get_by_text(STEP).wait_for()
        child = process("vqvae", "--run", folder)
        found, begun = [], time.monotonic()
        while (now := (time.monotonic() - begun) / 60) <= minutes:
            found.append((now, resident(server), resident(child)))
            await asyncio.sleep(30 - (time.monotonic() - begun) % 30)
        found.append((now, resident(server), resident(child)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="how long (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["VQVAE_RUNS"] = str(Path(folder) / "runs")
        with app(Path(folder)) as address:
            found = asyncio.run(watched(address, folder, options.minutes))
    first = min(found, key=lambda one: abs(one[0] - 1))
    last = found[-1]
    rows = [
        (name, f"{first[at]:.0f} MB", f"{last[at]:.0f} MB", f"{max(one[at] for one in found):.0f} MB",
         f"{last[at] - first[at]:+.0f} MB", "under 50 MB")
        for at, name in ((1, "server"), (2, "training process"))
    ]  # fmt: skip
    print(table(("memory", f"minute {first[0]:.1f}", f"minute {last[0]:.1f}", "highest", "growth", "promised"), rows))


if __name__ == "__main__":
    main()
