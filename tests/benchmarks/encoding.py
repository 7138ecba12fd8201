"""Seconds from 60,000 digits to codes and their usage: python tests/benchmarks/encoding.py

The shipped default model on MNIST's training set, as the Codebook page uses it: codes, quantisation errors, cells of
background, counts by class and position, codebook perplexity. Needs full MNIST.
"""

import argparse
import time

from common import Yardstick, median, table

from vqvae import checkpoint, data
from vqvae.analysis.encoding import encode
from vqvae.analysis.usage import usage
from vqvae.evaluation import perplexity


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()

    model = checkpoint.load(checkpoint.SHIPPED["default"]).model
    digits = data.load("mnist", "train")
    yardstick = Yardstick()
    encoding, counting = [], []
    for _ in range(options.runs):
        yardstick()
        started = time.perf_counter()
        encoded = encode(model, digits)
        between = time.perf_counter()
        usage(encoded, model.config.num_embeddings)
        counts = encoded.codes.flatten().bincount(minlength=model.config.num_embeddings)
        uses = perplexity(counts)
        encoding.append(between - started)
        counting.append(time.perf_counter() - between)

    whole = [a + b for a, b in zip(encoding, counting, strict=True)]
    rows = [
        (name, *(f"{value:.2f}" for value in (median(seconds), min(seconds), max(seconds))))
        for name, seconds in (("to codes", encoding), ("to usage", counting), ("together", whole))
    ]
    print(table([f"{len(digits):,} digits", "s, median", "lowest", "highest"], rows))
    print(f"codebook perplexity {uses:.1f}, {int((counts > 0).sum())} codes used")
    print(f"{options.runs} runs; {yardstick.line}")
    print(f"asked for: under 10 s together; got {median(whole):.2f}")


if __name__ == "__main__":
    main()
