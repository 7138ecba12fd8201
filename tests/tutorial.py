"""The tutorial's VQ-VAE and its training loop, written out once more without the library: what tests and benchmarks
compare with. Plain NCHW tensors, plain Adam, nothing clever.
"""

from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Encoder(nn.Module):
    def __init__(self, in_dim: int = 3, latent_dim: int = 16):
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(in_dim, 32, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(64, latent_dim, kernel_size=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.convs(x)


class Decoder(nn.Module):
    def __init__(self, out_dim: int = 1, latent_dim: int = 16):
        super().__init__()
        self.convs = nn.Sequential(
            nn.ConvTranspose2d(latent_dim, 64, kernel_size=3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 32, kernel_size=3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(32, out_dim, kernel_size=3, padding=1),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.convs(z)


class VQLayer(nn.Module):
    def __init__(self, num_embeddings: int = 128, embedding_dim: int = 16, commitment_cost: float = 0.25):
        super().__init__()
        self.embeddings = nn.Embedding(num_embeddings, embedding_dim)
        self.commitment_cost = commitment_cost

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        z = z.permute(0, 2, 3, 1).contiguous()
        flat = z.view(-1, z.shape[-1])
        weight = self.embeddings.weight
        distances = (flat**2).sum(dim=1, keepdim=True) + (weight**2).sum(dim=1) - 2 * torch.matmul(flat, weight.t())
        z_q = self.embeddings(distances.argmin(dim=1)).view(z.shape)
        loss = F.mse_loss(z_q, z.detach()) + self.commitment_cost * F.mse_loss(z, z_q.detach())
        z_q = z + (z_q - z).detach()
        return z_q.permute(0, 3, 1, 2).contiguous(), loss


class VQVAE(nn.Module):
    def __init__(self, channels: int = 1, num_embeddings: int = 128, embedding_dim: int = 16):
        super().__init__()
        self.encoder = Encoder(channels, embedding_dim)
        self.vq_layer = VQLayer(num_embeddings, embedding_dim)
        self.decoder = Decoder(channels, embedding_dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z_q, vq_loss = self.vq_layer(self.encoder(x))
        return self.decoder(z_q), vq_loss


def epoch(model: VQVAE, loader: Iterable, optimizer: torch.optim.Optimizer, variance: float) -> Iterator[float]:
    """Train on every batch of images in [0, 1] with their labels; the loss of each step."""
    for x, _ in loader:
        x = x - 0.5
        optimizer.zero_grad()
        reconstruction, vq_loss = model(x)
        loss = F.mse_loss(reconstruction, x) / variance + vq_loss
        loss.backward()
        optimizer.step()
        yield loss.item()
