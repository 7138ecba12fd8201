"""`VectorQuantize` of vector-quantize-pytorch inside a small autoencoder, in the explorer.

    streamlit run app.py -- --model examples/lucidrains.py:make

It trains for a quarter of a minute when the explorer starts; a model of yours would load its weights in `make`.
"""

import torch
import torch.nn.functional as F
from torch import nn
from vector_quantize_pytorch import VectorQuantize

from vqvae import data


class Autoencoder(nn.Module):
    """28 x 28 digits as 7 x 7 codes, and what the explorer needs."""

    image_shape = (1, 28, 28)

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 4, stride=2, padding=1), nn.SiLU(), nn.Conv2d(32, 8, 4, stride=2, padding=1)
        )
        self.quantize = VectorQuantize(dim=8, codebook_size=64, accept_image_fmap=True, kmeans_init=True)
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(8, 32, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1),
        )

    @property
    def codebook(self):
        return self.quantize.codebook

    def latents(self, images):
        return self.encoder(images)

    def encode(self, images):
        return self.quantize(self.encoder(images))[1]

    def decode(self, codes):
        return self.decoder(self.codebook[codes].permute(0, 3, 1, 2))

    def decode_vectors(self, vectors):
        return self.decoder(vectors)


def make(steps: int = 300) -> Autoencoder:
    torch.manual_seed(0)
    digits, model = data.load(data.EMBEDDED, "train").images, Autoencoder()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(steps):
        images = digits[torch.randint(len(digits), (128,))]
        quantized, _, commitment = model.quantize(model.encoder(images))
        loss = F.mse_loss(model.decoder(quantized), images) + commitment
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()
