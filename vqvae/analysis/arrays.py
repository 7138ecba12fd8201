"""What a model makes of a data set, as arrays to take away: its codebook, every latent, every grid, the labels."""

import io

import numpy as np
import torch
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from vqvae.analysis.encoding import Encoded
from vqvae.data import Digits, to_unit
from vqvae.explorable import Model


@torch.inference_mode()
def arrays_of(model: Model, digits: Digits, encoded: Encoded) -> dict[str, Tensor]:
    """`encoded` are the digits' codes under this model. On the CPU:

    codebook (K, D) float32; z_e (N, D, h, w) float32, before quantising; codes (N, h, w) int32 in [0, K), so that
    codebook[codes] is z_q; labels (N,) uint8.
    """
    return {
        "codebook": model.codebook.detach().cpu().float().contiguous(),
        "z_e": model.latents(to_unit(digits.pixels)).cpu().float().contiguous(),
        "codes": encoded.codes.int().contiguous(),
        "labels": digits.labels.byte().contiguous(),
    }


def as_npz(arrays: dict[str, Tensor]) -> bytes:
    """A file for `numpy.load`."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **{name: array.numpy() for name, array in arrays.items()})
    return content.getvalue()


def as_safetensors(arrays: dict[str, Tensor]) -> bytes:
    """A file for `safetensors`."""
    return safetensors_bytes(arrays)
