"""The tutorial's VQ-VAE on MNIST: a three-layer encoder, a codebook, a three-layer decoder.

Van den Oord et al. 2017, "Neural Discrete Representation Learning". An image becomes a small grid of vectors, each
vector is swapped for its nearest codebook entry, and the decoder draws the image again from the entries alone.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqvae.quantizer import Quantized, VectorQuantizer

MOST_OFFSET = 1000  # pixels lie in [0, 1]
STRIDE = 4  # pixels a grid cell, in each direction: two convolutions of stride 2
MOST_CHANNELS = 4
BATCH = 500  # images of 28 x 28 at once where no gradients are needed: some 100 MB of activations
LIVE = 2**25  # numbers of the widest maps at once: with what is made of them some 1 GB


class Sizes:
    """The sizes of any model: what pages ask of it before they draw anything."""

    channels: int
    height: int
    width: int
    num_embeddings: int  # K
    embedding_dim: int  # D
    offset: float  # subtracted from pixels in [0, 1] before the encoder, added after the decoder

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of codes an image."""
        raise NotImplementedError

    @property
    def cells(self) -> int:
        """Codes an image."""
        return self.grid[0] * self.grid[1]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.channels, self.height, self.width

    @property
    def images_at_once(self) -> int:
        """How many images pass through together where no gradients are needed, so that memory stays bounded."""
        return max(1, BATCH * 28 * 28 // (self.height * self.width))

    @property
    def bits_per_code(self) -> int:
        """Whole bits that one code takes: 7 for K = 128."""
        return (self.num_embeddings - 1).bit_length()

    def record(self) -> dict[str, object]:
        """The sizes as a file keeps them."""
        raise NotImplementedError

    def _check(self) -> None:
        """Raises ValueError for sizes that no model can have."""
        for name in ("channels", "height", "width", "num_embeddings", "embedding_dim"):
            if type(getattr(self, name)) is not int:
                raise ValueError(f"expected {name} to be a whole number, got {getattr(self, name)!r}")
        if type(self.offset) not in (int, float) or not abs(self.offset) <= MOST_OFFSET:
            raise ValueError(f"expected the offset to be a number up to {MOST_OFFSET}, got {self.offset!r}")
        if self.num_embeddings < 1 or self.embedding_dim < 1:
            raise ValueError(
                f"expected at least one code of one dimension, got K = {self.num_embeddings}, D = {self.embedding_dim}"
            )


@dataclass(frozen=True)
class ModelConfig(Sizes):
    """The sizes of the tutorial's model. Raises ValueError for sizes it cannot have."""

    channels: int = 1
    height: int = 28
    width: int = 28
    num_embeddings: int = 128
    embedding_dim: int = 16
    offset: float = 0.5
    levels: tuple[int, ...] | None = None  # of each number of a latent, where the encoder bounds it (FSQ)

    def __post_init__(self) -> None:
        self._check()
        if self.channels not in (1, 3):
            raise ValueError(f"expected 1 or 3 channels, got {self.channels}")
        for side, pixels in (("height", self.height), ("width", self.width)):
            if pixels < STRIDE or pixels % STRIDE:
                raise ValueError(f"expected a {side} divisible by {STRIDE}, got {pixels}")
        if self.levels is not None:
            object.__setattr__(self, "levels", tuple(self.levels))  # JSON has lists
            whole = all(type(level) is int and level > 1 for level in self.levels)
            if not whole or len(self.levels) != self.embedding_dim or math.prod(self.levels) != self.num_embeddings:
                raise ValueError(
                    f"expected {self.embedding_dim} levels whose product is {self.num_embeddings}, got {self.levels}"
                )

    @property
    def grid(self) -> tuple[int, int]:
        return self.height // STRIDE, self.width // STRIDE

    def record(self) -> dict[str, object]:
        """As in a file; a model without levels is written as it was before there were any."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class OtherSizes(Sizes):
    """The sizes of a model that is not the tutorial's. Raises ValueError for sizes that no model can have."""

    channels: int
    height: int
    width: int
    num_embeddings: int
    embedding_dim: int
    rows: int  # of the grid of codes
    columns: int
    offset: float = 0.0
    features: int = 1  # numbers a pixel in the widest feature map: what memory a pass takes

    def __post_init__(self) -> None:
        self._check()
        if not 1 <= self.channels <= MOST_CHANNELS:
            raise ValueError(f"expected 1 to {MOST_CHANNELS} channels, got {self.channels}")
        for name in ("height", "width", "rows", "columns", "features"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                raise ValueError(f"expected {name} to be a whole number above 0, got {getattr(self, name)!r}")

    @property
    def grid(self) -> tuple[int, int]:
        return self.rows, self.columns

    @property
    def images_at_once(self) -> int:
        widest = self.features * self.height * self.width
        return max(1, min(super().images_at_once, LIVE // widest))

    def record(self) -> dict[str, object]:
        return asdict(self)


class Bound(nn.Module):
    """Squash each channel onto its levels' range, so that rounding finds one of them: (B, D, H, W) -> the same.

    tanh(x + shift) scale - offset, in units in which the levels reach from -1 to 1; 0 stays 0 (Mentzer et al. 2023,
    appendix A, with the inverse of tanh where the paper's listing has tan). Nothing in it is learned.
    """

    MARGIN = 1e-3  # beyond the outer levels, so that they are reached

    shift: Tensor  # (D, 1, 1), as are the others
    scale: Tensor
    offset: Tensor

    def __init__(self, levels: tuple[int, ...]):
        super().__init__()
        L = torch.tensor(levels, dtype=torch.float64, device="cpu").view(-1, 1, 1)
        half, unit = (L - 1) * (1 + self.MARGIN) / 2, L // 2
        offset = 0.5 * (L % 2 == 0)  # an even number of levels has no middle: one more lies below 0 than above
        # Not persistent, and real even where a model is laid out without memory: they follow from the levels.
        for name, values in (("shift", (offset / half).atanh()), ("scale", half / unit), ("offset", offset / unit)):
            self.register_buffer(name, values.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.shift).tanh() * self.scale - self.offset


class Encoder(nn.Module):
    """(B, in_dim, H, W) -> (B, latent_dim, H / 4, W / 4), bounded where there are levels."""

    def __init__(self, in_dim: int = 3, latent_dim: int = 16, levels: tuple[int, ...] | None = None):
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(in_dim, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(64, latent_dim, 1),
            *([Bound(levels)] if levels else []),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.convs(x)


class Decoder(nn.Module):
    """(B, latent_dim, H / 4, W / 4) -> (B, out_dim, H, W)."""

    def __init__(self, out_dim: int = 1, latent_dim: int = 16):
        super().__init__()
        self.convs = nn.Sequential(
            nn.ConvTranspose2d(latent_dim, 64, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(32, out_dim, 3, padding=1),
        )

    def forward(self, z_q: Tensor) -> Tensor:
        return self.convs(z_q)


class Layers(NamedTuple):
    """The networks on both sides of a codebook, in the model's own units: pixels minus the offset."""

    encoder: nn.Module
    decoder: nn.Module


class Output(NamedTuple):
    """One pass through the model, in its own units: pixels minus the offset."""

    reconstruction: Tensor  # (B, C, H, W)
    latents: Tensor  # z_e: (B, D, H / 4, W / 4)
    quantized: Quantized


class Autoencoder(nn.Module):
    """An encoder, a codebook and a decoder: any one-grid VQ model, of whatever layers.

    `forward` is for training, in the model's own units. The other public methods take and give images in [0, 1] (the
    output of a decoder may leave that range a little: it is not clamped) and need no gradients.
    """

    any_grid = True  # whether it decodes grids of other sizes than its own, as convolutions do
    has_latents = True

    def __init__(self, config: Sizes, encoder: nn.Module, vq_layer: VectorQuantizer, decoder: nn.Module):
        super().__init__()
        self.config = config
        self.encoder = encoder
        self.vq_layer = vq_layer
        self.decoder = decoder

    def forward(self, x: Tensor) -> Output:
        """(B, C, H, W) pixels minus the offset -> `Output`."""
        z_e = self.encoder(x)
        quantized = self.vq_layer(z_e)
        return Output(self.decoder(quantized.vectors), z_e, quantized)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.config.image_shape

    @property
    def codebook(self) -> Tensor:
        """The vectors that codes stand for: (K, D)."""
        return self.vq_layer.codebook

    @property
    def layers(self) -> Layers:
        """The networks on both sides of the codebook."""
        return Layers(self.encoder, self.decoder)

    @torch.inference_mode()
    def latents(self, images: Tensor) -> Tensor:
        """z_e, what the encoder makes of images before quantising: (B, C, H, W) in [0, 1] -> (B, D, h, w)."""
        check_images(images, self.config)
        return self._in_batches(lambda batch: self.encoder(batch - self.config.offset), images)

    @torch.inference_mode()
    def encode(self, images: Tensor) -> Tensor:
        """Images to codes: (B, C, H, W) in [0, 1] -> (B, h, w) int64 in [0, K)."""
        check_images(images, self.config)
        return self._in_batches(lambda x: self.vq_layer.nearest(self.encoder(x - self.config.offset)), images)

    @torch.inference_mode()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes to images: (B, h, w) int64 in [0, K), any grid size -> (B, C, s h, s w), not clamped to [0, 1]."""
        return self._in_batches(lambda batch: self.decode_vectors(self.vq_layer.lookup(batch)), codes)

    @torch.inference_mode()
    def decode_vectors(self, vectors: Tensor) -> Tensor:
        """Any latents, quantised or not, to images: (B, D, h, w) -> (B, C, s h, s w), not clamped to [0, 1]."""
        D = self.config.embedding_dim
        if vectors.ndim != 4 or vectors.shape[1] != D:
            raise ValueError(f"expected latents of shape (B, {D}, h, w), got {tuple(vectors.shape)}")
        return self._in_batches(lambda batch: self.decoder(batch) + self.config.offset, vectors)

    def reconstruct(self, images: Tensor) -> Tensor:
        """There and back through the codes: (B, C, H, W) in [0, 1] -> the same shape, not clamped."""
        return self.decode(self.encode(images))

    @property
    def device(self) -> torch.device:
        return self.vq_layer.embeddings.weight.device

    def _in_batches(self, function: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        """`function` over slices of the first dimension, on the model's device; an empty input is one empty slice."""
        return torch.cat([function(part.to(self.device)) for part in inputs.split(self.config.images_at_once)])


class VQVAE(Autoencoder):
    """The tutorial's. Its state dict has thirteen tensors."""

    config: ModelConfig
    encoder: Encoder
    decoder: Decoder

    def __init__(self, config: ModelConfig = ModelConfig(), vq_layer: VectorQuantizer | None = None):
        super().__init__(
            config,
            Encoder(config.channels, config.embedding_dim, config.levels),
            vq_layer or VectorQuantizer(config.num_embeddings, config.embedding_dim),
            Decoder(config.channels, config.embedding_dim),
        )


def check_images(images: Tensor, config: Sizes) -> None:
    """Raises TypeError or ValueError for what are not images (B, C, H, W) in [0, 1] of a model's size."""
    if images.dtype != torch.float32:
        raise TypeError(f"expected float32 images in [0, 1], got {images.dtype}")
    if images.ndim != 4 or tuple(images.shape[1:]) != config.image_shape:
        C, H, W = config.image_shape
        raise ValueError(f"expected images of shape (B, {C}, {H}, {W}), got {tuple(images.shape)}")
    if images.numel():
        low, high = (float(bound) for bound in images.aminmax())
        if not (0 <= low and high <= 1):  # false for NaN as well
            raise ValueError(f"expected pixels from 0 to 1, got {low:g} to {high:g}")


class Losses(NamedTuple):
    """The three terms of the tutorial's loss; each a scalar tensor."""

    reconstruction: Tensor  # mean squared error over the data's variance
    codebook: Tensor
    commitment: Tensor  # before its weight, the commitment cost

    def total(self, commitment_cost: float) -> Tensor:
        """Van den Oord et al. 2017, eq. 3, with the first term scaled by the data's variance."""
        return self.reconstruction + self.codebook + commitment_cost * self.commitment


def losses(output: Output, x: Tensor, variance: float) -> Losses:
    """The loss terms of one pass over x (B, C, H, W); `variance` is that of all training pixels."""
    return Losses(
        reconstruction=F.mse_loss(output.reconstruction, x) / variance,
        codebook=output.quantized.codebook_loss,
        commitment=output.quantized.commitment_loss,
    )


def best_device() -> torch.device:
    """CUDA where there is one, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")
