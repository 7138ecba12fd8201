"""VQGAN's networks: residual layers with GroupNorm and swish, at half the size level after level, attention among them.

Esser et al. 2021, "Taming Transformers for High-Resolution Image Synthesis", appendix; as in CompVis's
`taming-transformers`, in LlamaGen (Sun et al. 2024, "Autoregressive Model Beats Diffusion") and in diffusers: the same
sums under three sets of names. How many levels there are, and which have attention, is read from the tensors.
"""

import math
from collections.abc import Mapping
from functools import partial
from itertools import count
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqvae.foreign.reading import (
    Conventions,
    Family,
    Foreign,
    Network,
    Settings,
    Tensors,
    assembled,
    filled,
    scaled,
    sees_scaled,
)
from vqvae.layers import Residual

SIDE = 256  # of the images that the published ones were trained on
GROUPS = 32  # of a GroupNorm: no tensor says so
EPS = 1e-6
MOST_HALVINGS = 10  # of an image's sides
MOST_ATTENDED = 64 * 64  # places of a map: attention takes their number squared
IGNORED = (  # what only training needs, the discriminator and the perceptual loss first of all
    r"^(loss|model_ema)\.|^quantize\.(codebook_used|embedding\.(cluster_size|embed_avg))$"
)


class Names(NamedTuple):
    """What one project calls the same layers."""

    family: str
    down: str  # a level of the encoder, with {} for its number
    up: str  # one of the decoder
    finest_last: bool  # whether the decoder's levels are numbered as they follow, and not as the encoder's
    block: str = "block.{}"
    attention: str = "attn.{}"
    downsample: str = "downsample.conv"
    upsample: str = "upsample.conv"
    middle: tuple[str, str, str] = ("mid.block_1", "mid.attn_1", "mid.block_2")
    norm_out: str = "norm_out"
    shortcuts: tuple[tuple[str, int], ...] = (("nin_shortcut", 1), ("conv_shortcut", 3))  # and their kernels
    attends: tuple[tuple[str, ...], ...] = (("norm", "q", "k", "v", "proj_out"),)  # and what it was called before
    normalise: bool = False
    assumes: tuple[str, ...] = ()  # where the project lets its users choose and the tensors do not say


COMPVIS = Names("CompVis/taming-transformers", "encoder.down.{}", "decoder.up.{}", finest_last=False)
LLAMAGEN = Names(
    family="FoundationVision/LlamaGen",
    down="encoder.conv_blocks.{}",
    up="decoder.conv_blocks.{}",
    finest_last=True,
    block="res.{}",
    middle=("mid.0", "mid.1", "mid.2"),
    normalise=True,
)
DIFFUSERS = Names(
    family="huggingface/diffusers",
    down="encoder.down_blocks.{}",
    up="decoder.up_blocks.{}",
    finest_last=True,
    block="resnets.{}",
    attention="attentions.{}",
    downsample="downsamplers.0.conv",
    upsample="upsamplers.0.conv",
    middle=("mid_block.resnets.0", "mid_block.attentions.0", "mid_block.resnets.1"),
    norm_out="conv_norm_out",
    shortcuts=(("conv_shortcut", 1),),
    attends=(
        ("group_norm", "to_q", "to_k", "to_v", "to_out.0"),
        ("group_norm", "query", "key", "value", "proj_attn"),
    ),
    assumes=(f"normalisation in {GROUPS} groups",),
)


class SelfAttention(nn.Module):
    """Each place of a map takes from all others what they have, by how well they answer it, in one head.

    softmax(q k^T / sqrt(C)) v and a convolution after it (Vaswani et al. 2017, "Attention Is All You Need", eq. 1).
    """

    def __init__(self, q: nn.Module, k: nn.Module, v: nn.Module, out: nn.Module):
        super().__init__()
        self.q, self.k, self.v, self.out = q, k, v, out

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part(x).flatten(2).transpose(1, 2).unsqueeze(1) for part in (self.q, self.k, self.v))
        taken = F.scaled_dot_product_attention(q, k, v)  # (B, 1, H W, C)
        return self.out(taken.squeeze(1).transpose(1, 2).reshape(x.shape))


class _Side:
    """One side of the codebook, read layer by layer: how many channels it has by then, and how small its map is."""

    def __init__(self, names: Names, tensors: Tensors, side: str, channels: int, halvings: int = 0):
        self.names, self.tensors, self.side = names, tensors, side
        self.channels, self.halvings = channels, halvings
        self.layers: list[nn.Module] = []
        self.widest = channels  # numbers a pixel of the image in the widest map
        self.attended: int | None = None  # halvings of the largest map that attention looks at

    def conv(
        self, name: str, kernel: int, stride: int = 1, padding: int | None = None, out: int | None = None
    ) -> nn.Conv2d:
        layer = self.tensors.conv(name, self.channels, kernel, stride, padding, out=out)
        self.add(layer, layer.out_channels)
        return layer

    def add(self, layer: nn.Module, channels: int) -> None:
        self.layers.append(layer)
        self.channels = channels
        self.widest = max(self.widest, -(-channels // 4**self.halvings))

    def level(self, name: str) -> None:
        """Residual layers of one size, and what halves or doubles it afterwards."""
        for number in count():
            block = f"{name}.{self.names.block.format(number)}"
            if number and block not in self.tensors:
                break
            self.residual(block)
            self.attention(f"{name}.{self.names.attention.format(number)}")
        if f"{name}.{self.names.downsample}" in self.tensors:
            self.halvings += 1
            if self.halvings > MOST_HALVINGS:
                raise ValueError(f"expected sides that are halved at most {MOST_HALVINGS} times")
            self.layers.append(nn.ZeroPad2d((0, 1, 0, 1)))
            self.conv(f"{name}.{self.names.downsample}", kernel=3, stride=2, padding=0)
        elif f"{name}.{self.names.upsample}" in self.tensors:
            self.halvings -= 1
            if self.halvings < 0:
                raise ValueError("expected as many levels that double the size as halve it")
            self.layers.append(nn.Upsample(scale_factor=2))
            self.conv(f"{name}.{self.names.upsample}", kernel=3)

    def middle(self) -> None:
        first, attention, second = (f"{self.side}.{name}" for name in self.names.middle)
        self.residual(first)
        self.attention(attention)
        self.residual(second)

    def end(self, out: int | None = None) -> nn.Conv2d:
        norm = self.norm(f"{self.side}.{self.names.norm_out}", self.channels)
        self.layers += [norm, nn.SiLU()]
        return self.conv(f"{self.side}.conv_out", kernel=3, out=out)

    def residual(self, name: str) -> None:
        given, tensors = self.channels, self.tensors
        first = tensors.conv(f"{name}.conv1", given, kernel=3)
        out = first.out_channels
        second = tensors.conv(f"{name}.conv2", out, kernel=3, out=out)
        norms = self.norm(f"{name}.norm1", given), self.norm(f"{name}.norm2", out)
        shortcut = next(
            (
                tensors.conv(f"{name}.{called}", given, kernel, out=out)
                for called, kernel in self.names.shortcuts
                if f"{name}.{called}" in tensors
            ),
            None,
        )
        if shortcut is None and given != out:
            raise ValueError(f"{name}.{self.names.shortcuts[0][0]}.weight is missing")
        self.add(Residual(norms[0], nn.SiLU(), first, norms[1], nn.SiLU(), second, shortcut=shortcut), out)

    def attention(self, name: str) -> None:
        """Where the tensors have any."""
        if name not in self.tensors:
            return
        now = self.names.attends[0]
        parts = next((parts for parts in self.names.attends if f"{name}.{parts[1]}" in self.tensors), now)
        norm, *convs = (f"{name}.{part}" for part in parts)
        attention = SelfAttention(*(self.tensors.everywhere(conv, self.channels) for conv in convs))
        self.layers.append(Residual(self.norm(norm, self.channels), attention))
        self.attended = self.halvings if self.attended is None else min(self.attended, self.halvings)

    def norm(self, name: str, channels: int) -> nn.GroupNorm:
        if channels % GROUPS:
            raise ValueError(f"expected channels in {GROUPS} groups at {name}, got {channels}")
        weight, bias = (self.tensors.take(f"{name}.{part}", channels) for part in ("weight", "bias"))
        with torch.device("meta"):
            layer = nn.GroupNorm(GROUPS, channels, EPS)
        return filled(layer, weight, bias)


def build(names: Names, named: Mapping[str, Tensor], settings: Settings) -> Foreign:
    """A model of these names. Raises ValueError."""
    tensors = Tensors(named, IGNORED)
    first = tensors.conv("encoder.conv_in", None, kernel=3)
    there = _Side(names, tensors, "encoder", first.out_channels)
    levels = 0
    while (level := names.down.format(levels)) in tensors:
        there.level(level)
        levels += 1
    there.middle()
    there.end()
    there.conv("quant_conv", kernel=1)
    codebook = tensors.take("quantize.embedding.weight", None, there.channels)
    back = _Side(names, tensors, "decoder", there.channels, there.halvings)
    back.conv("post_quant_conv", kernel=1)
    back.conv("decoder.conv_in", kernel=3)
    back.middle()
    for number in range(levels) if names.finest_last else reversed(range(levels)):
        back.level(names.up.format(number))
    last = back.end(out=first.in_channels)
    if back.halvings:
        raise ValueError("expected as many levels that double the size as halve it")
    attended = [side.attended for side in (there, back) if side.attended is not None]
    conventions = settings.over(_usual(names, min(attended, default=None)))
    _check_attended(conventions, attended)
    scaled(last, 1 / conventions.scale)
    network = Network(
        encoder=nn.Sequential(sees_scaled(first, conventions.scale), *there.layers),
        codebook=codebook,
        decoder=nn.Sequential(*back.layers),
        channels=first.in_channels,
        stride=2**there.halvings,
        features=max(there.widest, back.widest),
    )
    foreign = assembled(names.family, tensors, network, conventions, settings)
    return foreign._replace(assumed=(*foreign.assumed, *names.assumes))


def _usual(names: Names, attended: int | None) -> Conventions:
    """The published models' own size, or the largest at which attention is within bounds."""
    side = SIDE if attended is None else min(SIDE, math.isqrt(MOST_ATTENDED) * 2**attended)
    return Conventions(side, side, scale=2, normalise=names.normalise)


def _check_attended(conventions: Conventions, attended: list[int]) -> None:
    for halvings in attended:
        places = (conventions.height >> halvings) * (conventions.width >> halvings)
        if places > MOST_ATTENDED:
            raise ValueError(
                f"expected smaller images: attention at {conventions.height} x {conventions.width} pixels compares "
                f"{places} places with each other, and at most {MOST_ATTENDED} are taken"
            )


FAMILIES = tuple(
    Family(names.family, (f"{names.down.format(0)}.{names.block.format(0)}.",), partial(build, names))
    for names in (COMPVIS, LLAMAGEN, DIFFUSERS)
)
