"""Arrays to take away."""

import io

import numpy as np
import torch
from safetensors.torch import load

from vqvae.analysis.arrays import arrays_of, as_npz, as_safetensors
from vqvae.analysis.encoding import encode
from vqvae.data import to_unit


def test_arrays_say_what_the_model_computes(make_model, digits):
    model = make_model()
    arrays = arrays_of(model, digits, encode(model, digits))
    latents = model.latents(to_unit(digits.pixels))
    assert torch.equal(arrays["z_e"], latents)
    nearest = torch.cdist(latents.movedim(1, -1).flatten(0, 2), arrays["codebook"]).argmin(1)
    assert torch.equal(arrays["codes"].flatten().long(), nearest)
    assert torch.equal(arrays["codebook"], model.vq_layer.codebook)
    assert torch.equal(arrays["labels"].long(), digits.labels)


def test_both_files_hold_every_array(make_model, digits):
    model = make_model()
    arrays = arrays_of(model, digits, encode(model, digits))
    unpacked = np.load(io.BytesIO(as_npz(arrays)))
    opened = load(as_safetensors(arrays))
    for name, array in arrays.items():
        assert np.array_equal(unpacked[name], array.numpy())
        assert torch.equal(opened[name], array)
