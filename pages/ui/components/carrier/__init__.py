"""What is large and never changes, brought to the browser once: a model, and its prior (Components v2).

Any change of a component's data sends all of it again. So weights come by this component, which shows nothing, and
what changes by others, which find the weights in `shared/carried.js`. It is given an address alone, of a gzipped JSON,
which the browser keeps from visit to visit.
"""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import torch
from streamlit.components.v2 import component
from torch import nn

from pages.ui.components.canvas import describe, describe_stack
from pages.ui.components.shared import module
from vqvae.checkpoint import Checkpoint
from vqvae.prior_file import TrainedPrior

FOLDER = Path(__file__).parent


def carry(name: str, address: str | None, key: str) -> None:
    """Bring what is packed at an address, which components find by its name: a model by its fingerprint."""
    _component(key=key, data={"name": name, "address": address}, on_lost_change=lambda: None)


def pack_model(checkpoint: Checkpoint, trained: TrainedPrior | None) -> bytes:
    """A model and its prior. Raises CanvasError for a model that cannot run in the browser."""
    return _packed({"model": describe(checkpoint), "prior": trained and describe_prior(trained)})


def pack(data: dict[str, Any]) -> bytes:
    """Other constant data."""
    return _packed({"data": data})


def _packed(content: dict[str, Any]) -> bytes:
    return gzip.compress(json.dumps(content).encode(), mtime=0)


def describe_prior(trained: TrainedPrior) -> dict[str, object]:
    """The prior as `prior.js` loads it: sizes, layers, and float16 weights: three tables, then those of the layers."""
    prior, config = trained.prior, trained.prior.config
    stack = describe_stack(nn.Sequential(prior.blocks, prior.head))
    tables = [prior.codes.weight, prior.classes.weight, prior.cells.permute(1, 2, 0)]
    values = torch.cat([tensor.detach().half().flatten() for tensor in (*tables, *stack.weights)])
    return {
        "model": trained.model,
        "K": config.num_embeddings,
        "height": config.height,
        "width": config.width,
        "classes": config.classes,
        "channels": config.channels,
        "layers": stack.layers,
        "weights": base64.b64encode(values.numpy().astype("<f2").tobytes()).decode(),
    }


_component = component("vqvae_carrier", html="", js=module(FOLDER / "carrier.js"))
