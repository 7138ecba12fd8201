"""Learning in the plane: how three recipes move the codes of a D = 2 model; a Streamlit component (Components v2).

Played in the browser from one recording (`vqvae/runs/learning.py`), which ships. It answers nothing.
"""

import base64
from pathlib import Path
from typing import Any

import numpy as np
from streamlit.components.v2 import component

from pages.ui.components.shared import module
from vqvae.runs import learning as recordings
from vqvae.runs.learning import Learning, Look

FOLDER = Path(__file__).parent
LEARNING = "learning"  # by which the carrier brings the recording
HTML = (FOLDER / "learning.html").read_text()
CSS = (FOLDER / "learning.css").read_text()
TOLD = {
    "gradient": (
        "Gradient",
        "Each step moves the codes that have vectors towards these. A code without vectors gets no gradient: it waits "
        "until the encoder’s vectors spread to where it is.",
    ),
    "ema": (
        "Moving average (EMA)",
        "Each code follows the average of its vectors. A code without vectors has nothing to follow, and may be left "
        "behind for good.",
    ),
    "ema-revival": (
        "EMA with dead-code replacement",
        "The same, but a code that stays unused is put onto a vector of the latest batch: hollow codes jump into the "
        "crowd.",
    ),
}


def learning_data() -> dict[str, Any] | None:
    """What `Learning.update` takes; None where no recording ships. Raises ValueError for a damaged one."""
    recording = recordings.load()
    return recording and described(recording)


def described(recording: Learning) -> dict[str, Any]:
    """A recording as the browser plays it: for each recipe positions in half precision, counts as 16-bit numbers."""
    some = next(iter(recording.recipes.values()))
    return {
        "steps": recording.steps,
        "K": some.num_embeddings,
        "commitment": some.commitment_cost,
        "cells": int(next(iter(recording.looks.values()))[0].counts.sum()),
        "said": f"Recorded, not staged: the same network, seed {some.seed}, {recording.trained_on} in the same order, "
        f"batches of {some.batch_size}. Dots: {len(next(iter(recording.looks.values()))[0].latents)} cells of "
        f"{recording.looked_at}. Usage and NMSE: all of their cells.",
        "recipes": [
            {"title": title, "words": words, **_packed(recording.looks[name])}
            for name, (title, words) in TOLD.items()
            if name in recording.looks
        ],
    }


def _packed(looks: list[Look]) -> dict[str, Any]:
    def text(kind: str, dtype: str) -> str:
        stacked = np.stack([np.asarray(getattr(look, kind)) for look in looks])
        return base64.b64encode(stacked.astype(dtype).tobytes()).decode()

    return {
        "latents": text("latents", "<f2"),  # (F, N, 2)
        "codebook": text("codebook", "<f2"),  # (F, K, 2)
        "means": text("means", "<f2"),  # (F, K, 2)
        "counts": text("counts", "<u2"),  # (F, K)
        "ink_counts": text("ink_counts", "<u2"),  # (F, K)
        "nmse": [look.nmse for look in looks],
    }


def learning(name: str, key: str, *, presenting: bool = False) -> None:
    """Draw the component; `name` is what the carrier brings `learning_data` by."""
    _component(key=key, data={"name": name, "presenting": presenting})


_component = component("vqvae_learning", html=HTML, css=CSS, js=module(FOLDER / "learning.js"))
