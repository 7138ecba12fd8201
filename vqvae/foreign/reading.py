"""Reading other people's state dicts: tensors asked for by name, and the layers that they are of.

A file says neither how large its images are nor how pixels become its network's input. Both are settings, and what
nobody set is assumed and said. Every name, shape and number is a stranger's.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqvae.model import Autoencoder, OtherSizes
from vqvae.quantizer import VectorQuantizer

FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
MOST_PIXELS = 1024 * 1024  # of an image
MOST_SCALE = 1000
OFFSET = 0.5  # every family takes pixels to an interval around 0, where the padding is
Convolution = TypeVar("Convolution", nn.Conv2d, nn.ConvTranspose2d)
Layer = TypeVar("Layer", nn.Conv2d, nn.ConvTranspose2d, nn.GroupNorm)


@dataclass(frozen=True)
class Conventions:
    """What a network takes for granted and its tensors do not say. Raises ValueError for what no model can have."""

    height: int  # of images, in pixels
    width: int
    scale: float  # the network sees (x - 0.5) times this: 1 for [-0.5, 0.5], 2 for [-1, 1]
    normalise: bool = False  # whether latents and codes are brought to length 1 before they are compared

    def __post_init__(self) -> None:
        for side in ("height", "width"):
            value = getattr(self, side)
            if type(value) is not int or not 1 <= value <= MOST_PIXELS:
                raise ValueError(f"expected the {side} of images in pixels, got {value!r:.80}")
        if self.height * self.width > MOST_PIXELS:
            raise ValueError(f"expected images of at most {MOST_PIXELS} pixels, got {self.height} x {self.width}")
        if type(self.scale) not in (int, float) or not 0 < self.scale <= MOST_SCALE:
            raise ValueError(f"expected a scale of pixels above 0 and up to {MOST_SCALE}, got {self.scale!r:.80}")
        object.__setattr__(self, "scale", float(self.scale))  # 2 and 2.0 are one model
        if type(self.normalise) is not bool:
            raise ValueError(f"expected whether codes are normalised, true or false, got {self.normalise!r:.80}")


@dataclass(frozen=True)
class Settings:
    """What somebody says of a network's conventions; None where the usual ones are to be assumed."""

    height: int | None = None
    width: int | None = None
    scale: float | None = None
    normalise: bool | None = None

    def over(self, usual: Conventions) -> Conventions:
        """The usual ones but for these; a height or width alone stands for both. Raises ValueError."""
        one = self.height if self.width is None else self.width
        said = asdict(self) | {side: one for side in ("height", "width") if getattr(self, side) is None}
        return replace(usual, **{name: value for name, value in said.items() if value is not None})

    def open_in(self, conventions: Conventions) -> tuple[str, ...]:
        """Which of these conventions nobody set, in words."""
        lines = {
            f"images of {conventions.height} x {conventions.width} pixels": self.height is None and self.width is None,
            f"pixels from {-conventions.scale / 2:g} to {conventions.scale / 2:g}": self.scale is None,
            "latents and codes of length 1": self.normalise is None and conventions.normalise,
        }
        return tuple(line for line, assumed in lines.items() if assumed)


NOTHING_SET = Settings()


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a model comes from: what opens it again, together with its tensors as they were named there."""

    family: str
    conventions: Conventions
    tensors: Mapping[str, Tensor]


class Foreign(NamedTuple):
    """Another project's model as one of ours."""

    model: Autoencoder  # on the CPU, in eval mode
    origin: Origin
    assumed: tuple[str, ...]  # what neither tensors nor settings said, in words


class Tensors:
    """A file's tensors, each asked for by its name and the shape it must have; in the end none is left over."""

    def __init__(self, tensors: Mapping[str, Tensor], ignored: str):
        """Names that match the pattern `ignored` do not count."""
        self.tensors = {name: value for name, value in tensors.items() if not re.search(ignored, name)}
        self._layers = {name[:end] for name in self.tensors for end in range(len(name)) if name[end] == "."}
        self._taken: dict[str, Tensor] = {}

    def __contains__(self, layer: str) -> bool:
        """Whether any tensor is of a layer of this name, or of one within it."""
        return layer in self._layers

    def take(self, name: str, *shape: int | None) -> Tensor:
        """The tensor of a name as float32; None stands for any size but 0.

        Raises ValueError where there is none, or not of this shape, or not of finite floats.
        """
        tensor = self.tensors.get(name)
        if tensor is None:
            raise ValueError(f"{name} is missing")
        fits = tensor.ndim == len(shape) and all(
            size == (wanted or size) and size for size, wanted in zip(tensor.shape, shape, strict=True)
        )
        if not fits:
            wanted = " x ".join("any" if size is None else str(size) for size in shape)
            came = " x ".join(map(str, tensor.shape))[:80] or "one number"
            raise ValueError(f"expected {name} as {wanted}, got {came}")
        if tensor.dtype not in FLOATS or tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise ValueError(f"expected {name} as a dense tensor of floats, got {tensor.dtype}")
        tensor = tensor.detach().to(torch.float32)
        if not torch.isfinite(tensor).all():
            raise ValueError(f"expected finite numbers, got NaN or infinity in {name}")
        self._taken[name] = tensor
        return tensor

    def conv(
        self,
        name: str,
        given: int | None,
        kernel: int,
        stride: int = 1,
        padding: int | None = None,
        bias: bool = True,
        out: int | None = None,
    ) -> nn.Conv2d:
        """A convolution from `given` to `out` channels, None for any; padded to the same size over the stride."""
        weight = self.take(f"{name}.weight", out, given, kernel, kernel)
        padding = (kernel - 1) // 2 if padding is None else padding
        with torch.device("meta"):
            layer = nn.Conv2d(weight.shape[1], len(weight), kernel, stride, padding, bias=bias)
        return filled(layer, weight, self.take(f"{name}.bias", len(weight)) if bias else None)

    def everywhere(self, name: str, channels: int) -> nn.Conv2d:
        """A linear layer at each place, which some keep as a convolution of kernel 1 and some as a matrix."""
        square = self.tensors.get(f"{name}.weight")
        kernel = (1, 1) if square is None or square.ndim != 2 else ()
        weight = self.take(f"{name}.weight", channels, channels, *kernel).view(channels, channels, 1, 1)
        with torch.device("meta"):
            layer = nn.Conv2d(channels, channels, 1)
        return filled(layer, weight, self.take(f"{name}.bias", channels))

    def conv_transpose(self, name: str, given: int, out: int | None = None) -> nn.ConvTranspose2d:
        """A transposed convolution of `given` channels that doubles the size: kernel 4, stride 2, padding 1."""
        weight = self.take(f"{name}.weight", given, out, 4, 4)
        with torch.device("meta"):
            layer = nn.ConvTranspose2d(given, weight.shape[1], 4, stride=2, padding=1)
        return filled(layer, weight, self.take(f"{name}.bias", weight.shape[1]))

    def folded(self, name: str, layer: Convolution) -> Convolution:
        """A convolution with the BatchNorm after it taken in: once trained, that is a factor and a shift a channel."""
        names = ("weight", "bias", "running_mean", "running_var")
        gamma, beta, mean, variance = (self.take(f"{name}.{part}", layer.out_channels) for part in names)
        factor = gamma / (variance.clamp_min(0) + nn.BatchNorm2d(1).eps).sqrt()
        along = (1, -1, 1, 1) if isinstance(layer, nn.ConvTranspose2d) else (-1, 1, 1, 1)
        return filled(layer, layer.weight * factor.view(along), (_bias(layer) - mean) * factor + beta)

    def all_taken(self) -> Mapping[str, Tensor]:
        """What was taken. Raises ValueError where something else is there."""
        extra = sorted(self.tensors.keys() - self._taken.keys())
        if extra:
            raise ValueError(f"{extra[0][:80]!r} does not belong to it")
        return self._taken


def scaled(layer: Convolution, factor: float) -> Convolution:
    """A convolution whose output is multiplied by a factor."""
    return filled(layer, layer.weight * factor, _bias(layer) * factor)


def sees_scaled(layer: Convolution, factor: float) -> Convolution:
    """A convolution whose input is multiplied by a factor: exact, since it pads with zeros."""
    return filled(layer, layer.weight * factor, layer.bias)


def _bias(layer: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    return torch.zeros(layer.out_channels) if layer.bias is None else layer.bias


def filled(layer: Layer, weight: Tensor, bias: Tensor | None) -> Layer:
    """The layer, now with these weights; it may have been laid out without memory."""
    layer.register_parameter("weight", nn.Parameter(weight, requires_grad=False))
    layer.register_parameter("bias", None if bias is None else nn.Parameter(bias, requires_grad=False))
    return layer


class UnitLength(nn.Module):
    """Bring each latent to length 1: (B, D, h, w) -> the same (Yu et al. 2021, "Vector-quantized Image Modeling with
    Improved VQGAN", section 3.2)."""

    def forward(self, z: Tensor) -> Tensor:
        return F.normalize(z, dim=1)


class Network(NamedTuple):
    """Both sides of a codebook, in units of pixels minus OFFSET."""

    encoder: nn.Sequential
    codebook: Tensor  # (K, D)
    decoder: nn.Sequential
    channels: int  # of images
    stride: int  # pixels a grid cell, in each direction
    features: int  # numbers a pixel in the widest feature map


def assembled(family: str, tensors: Tensors, network: Network, conventions: Conventions, settings: Settings) -> Foreign:
    """A network as a model. Raises ValueError for sizes that it cannot have, and for a tensor that is left over."""
    taken = tensors.all_taken()
    encoder, codebook, decoder, channels, stride, features = network
    if conventions.normalise:
        encoder, codebook = nn.Sequential(*encoder, UnitLength()), F.normalize(codebook, dim=1)
    H, W = conventions.height, conventions.width
    for side, pixels in (("height", H), ("width", W)):
        if pixels % stride:
            raise ValueError(f"expected a {side} of images divisible by {stride}, got {pixels}")
    K, D = codebook.shape
    sizes = OtherSizes(channels, H, W, K, D, H // stride, W // stride, OFFSET, features)
    model = Autoencoder(sizes, encoder, VectorQuantizer(K, D, codebook), decoder).requires_grad_(False).eval()
    for tensor in model.state_dict().values():  # what was multiplied may have become too large
        if not torch.isfinite(tensor).all():
            raise ValueError("expected weights that are finite in float32 once scale and BatchNorm are taken in")
    return Foreign(model, Origin(family, conventions, taken), settings.open_in(conventions))


class Family(NamedTuple):
    """Checkpoints of one project: what tells them from others, and how they become a model."""

    name: str
    marks: tuple[str, ...]  # what names of tensors begin with in them alone
    build: Callable[[Mapping[str, Tensor], Settings], Foreign]  # raises ValueError
