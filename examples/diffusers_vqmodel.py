"""A `VQModel` of diffusers, such as the first stage of a latent diffusion model, in the explorer.

    VQMODEL=my-model streamlit run app.py -- --model examples/diffusers_vqmodel.py:make --images my-images

`my-model` is a folder that `save_pretrained` wrote. Without it, a small model with random weights is shown.
"""

import os

import torch
from diffusers import VQModel


class Diffusers:
    """What the explorer needs: pictures in [0, 1] here, in [-1, 1] there."""

    def __init__(self, model: VQModel, size: int):
        self.model = model.eval()
        self.image_shape = (model.config.in_channels, size, size)
        self.codebook = model.quantize.embedding.weight

    def latents(self, images):
        return self.model.encode(2 * images - 1).latents

    def encode(self, images):
        z = self.latents(images)
        _, _, (_, _, codes) = self.model.quantize(z)
        return codes.view(len(z), *z.shape[2:])

    def decode(self, codes):
        vectors = self.codebook[codes].permute(0, 3, 1, 2)
        return self.decode_vectors(vectors)

    def decode_vectors(self, vectors):
        return self.model.decode(vectors, force_not_quantize=True).sample / 2 + 0.5


def make(folder: str | None = os.environ.get("VQMODEL")) -> Diffusers:
    if folder:
        model = VQModel.from_pretrained(folder, local_files_only=True)
        return Diffusers(model, model.config.sample_size)
    torch.manual_seed(0)
    model = VQModel(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 16, 32),
        latent_channels=4,
        num_vq_embeddings=256,
        norm_num_groups=8,
    )
    with torch.no_grad():  # where latents of random weights lie, so that some codes are used
        model.quantize.embedding.weight.normal_(std=0.5)
    return Diffusers(model, 64)
