"""One image's whole way through a model: what every layer makes of it, there and back."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vqvae.model import VQVAE, Bound, Losses, losses


class Activations(NamedTuple):
    """What happens to one image, all of it from one forward pass."""

    image: Tensor  # (C, H, W) in [0, 1]
    encoder: tuple[
        Tensor, ...
    ]  # feature maps after each layer and its ReLU: (channels, rows, columns); the last is z_e
    codes: Tensor  # (h, w) int64
    vectors: Tensor  # z_q: (D, h, w)
    decoder: tuple[Tensor, ...]  # feature maps after each layer but the last
    reconstruction: Tensor  # (C, H, W), not clamped to [0, 1]
    losses: Losses  # of this one image

    @property
    def latents(self) -> Tensor:
        """z_e: (D, h, w)."""
        return self.encoder[-1]


@torch.inference_mode()
def activations(model: VQVAE, image: Tensor, variance: float) -> Activations:
    """Follow an image (C, H, W) in [0, 1] through the model; `variance` is the one stored with it."""
    offset = model.config.offset
    x = image.unsqueeze(0).to(model.device) - offset
    encoder = _maps(model.encoder.convs, x)
    output = model(x)
    decoder = _maps(model.decoder.convs, output.quantized.vectors)
    return Activations(
        image=image,
        encoder=tuple(maps[0] for maps in encoder),
        codes=output.quantized.codes[0],
        vectors=output.quantized.vectors[0],
        decoder=tuple(maps[0] for maps in decoder[:-1]),
        reconstruction=output.reconstruction[0] + offset,
        losses=losses(output, x, variance),
    )


def _maps(layers: nn.Sequential, x: Tensor) -> list[Tensor]:
    """The output of each convolution, after its ReLU or bound where it has one."""
    maps = []
    for layer in layers:
        x = layer(x)
        if isinstance(layer, nn.ReLU | Bound):
            maps.pop()
        maps.append(x)
    return maps
