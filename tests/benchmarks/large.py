"""A codebook of 16,384 codes on 5,000 images of 256 x 256 in colour: python tests/benchmarks/large.py [--images 5000]

Each page is opened by a session of its own, as if from a link; the first time pays for encoding, tiles and pictures.
Wanted: every page under 2 s after the first look, and the server under 4 GB. The model is linear, a patch of 8 x 8
pixels a code: what is measured is the explorer.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, Yardstick, median, table

from pages.ui.shell import in_view
from tests.visiting import near_at_once, visit

ADAPTER = '''
import torch
import torch.nn.functional as F

K, D, SIDE, PATCH = 16_384, 8, 256, 8


class Patches:
    """Patches of 8 x 8 pixels projected onto eight patterns, which are orthonormal, and back."""

    image_shape = (3, SIDE, SIDE)

    def __init__(self, images):
        generator = torch.Generator().manual_seed(0)
        patterns, _ = torch.linalg.qr(torch.randn(3 * PATCH * PATCH, D, generator=generator))
        self.patterns = patterns.T.reshape(D, 3, PATCH, PATCH)
        self.pixels = photographs(images, generator)
        vectors = self.latents(self.pixels[:64] / 255).permute(0, 2, 3, 1).flatten(0, 2)
        self.codebook = vectors[torch.randperm(len(vectors), generator=generator)[:K]]

    def latents(self, images):
        return F.conv2d(images - 0.5, self.patterns, stride=PATCH)

    def encode(self, images):
        z = self.latents(images).permute(0, 2, 3, 1).flatten(0, 2)
        parts = [(self.codebook.square().sum(1) - 2 * part @ self.codebook.T).argmin(1) for part in z.split(4096)]
        return torch.cat(parts).view(len(images), SIDE // PATCH, SIDE // PATCH)

    def decode(self, codes):
        return self.decode_vectors(self.codebook[codes].permute(0, 3, 1, 2))

    def decode_vectors(self, vectors):
        return F.conv_transpose2d(vectors, self.patterns, stride=PATCH) + 0.5

    def images(self):
        return self.pixels, [n % 20 for n in range(len(self.pixels))], [f"kind {n}" for n in range(20)]


def photographs(count, generator):
    """Coloured noise of few frequencies, smooth as photographs are: (N, 3, SIDE, SIDE) uint8."""
    pixels = torch.empty(count, 3, SIDE, SIDE, dtype=torch.uint8)
    for part in pixels.split(100):
        coarse = torch.rand(len(part), 3, 9, 9, generator=generator)
        part.copy_(F.interpolate(coarse, (SIDE, SIDE), mode="bicubic").clamp(0, 1) * 255)
    return pixels


def make():
    return Patches(IMAGES)
'''
PAGES = {
    "codebook": {},
    "codebook, classes": {"section": "digits"},
    "codebook, positions": {"section": "positions"},
    "codebook, neighbours": {"section": "neighbours"},
    "map": {},
    "map of codes": {"show": "codes"},
    "map of cells": {"show": "cells"},
    "map by code histogram": {"by": "histogram"},
    "draw": {},
    "home": {},
    "generate": {},
    "train": {},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--looks", type=int, default=3, help="after the first one (%(default)s)")
    options = parser.parse_args()
    yardstick, rows = Yardstick(), []
    in_view._component = near_at_once  # all of each page counts
    with tempfile.TemporaryDirectory() as folder:
        adapter = Path(folder) / "patches.py"
        adapter.write_text(ADAPTER.replace("IMAGES)", f"{options.images})"))
        sys.argv = [str(ROOT / "app.py"), "--model", f"{adapter}:make"]
        for name, address in PAGES.items():
            times = []
            for _ in range(1 + options.looks):
                begun = time.perf_counter()
                page = visit(name.split()[0].rstrip(","), patience=3600, **address)
                times.append(time.perf_counter() - begun)
                if page.exception or page.error:
                    raise SystemExit(f"{name}: {page.exception or page.error}")
            yardstick()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            rows.append([name, f"{times[0]:.1f} s", f"{median(times[1:]):.2f} s", f"{peak:.2f} GB"])
            print(*rows[-1], flush=True)
    print()
    print(table(["page", "first look", f"after, median of {options.looks}", "memory, at most"], rows))
    print(yardstick.line)


if __name__ == "__main__":
    main()
