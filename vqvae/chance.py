"""Chance as a function of a seed, a use and a step alone, so that what stops anywhere goes on to the same bits."""

import numpy as np
import torch


def chance(seed: int, use: int, step: int) -> torch.Generator:
    """A generator for one use at one step, independent of all others."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence([seed, use, step]).generate_state(1)[0]))
