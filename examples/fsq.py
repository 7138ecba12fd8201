"""Finite scalar quantisation (Mentzer et al. 2023) in a torch module of one's own, in the explorer.

    streamlit run app.py -- --model examples/fsq.py:make

There is no codebook to learn: all combinations of a few levels are its codes, and the explorer shows which are used. It
trains for a quarter of a minute when the explorer starts; a model of yours would load its weights in `make`.
"""

import torch
import torch.nn.functional as F
from torch import nn

from vqvae import data

LEVELS = torch.tensor([5, 5, 5])  # odd ones need no shift: 125 codes


class FSQ(nn.Module):
    """28 x 28 digits as 7 x 7 codes, and what the explorer needs."""

    image_shape = (1, 28, 28)

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 4, stride=2, padding=1), nn.ReLU(), nn.Conv2d(32, len(LEVELS), 4, stride=2, padding=1)
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(len(LEVELS), 32, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1),
        )
        # Where codes lie in the space of the search: whole numbers around 0, the last one the fastest.
        self.codebook = torch.cartesian_prod(*(torch.arange(L) - L // 2 for L in LEVELS.tolist())).float()

    def latents(self, images):
        half = (LEVELS - 1).view(-1, 1, 1) / 2
        return self.encoder(images).tanh() * half

    def encode(self, images):
        places = self.latents(images).round().long() + (LEVELS // 2).view(-1, 1, 1)
        a, b, c = places.unbind(1)
        return (a * LEVELS[1] + b) * LEVELS[2] + c

    def decode(self, codes):
        return self.decode_vectors(self.codebook[codes].permute(0, 3, 1, 2))

    def decode_vectors(self, vectors):
        return self.decoder(vectors)


def make(steps: int = 300) -> FSQ:
    torch.manual_seed(0)
    digits, model = data.load(data.EMBEDDED, "train").images, FSQ()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(steps):
        images = digits[torch.randint(len(digits), (128,))]
        z = model.latents(images)
        loss = F.mse_loss(model.decoder(z + (z.round() - z).detach()), images)  # straight-through estimator
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()
