"""Networks after DeepMind's own: two strided convolutions, residual layers, a codebook, and the same way back.

Van den Oord et al. 2017, section 4.1, as written again by zalandoresearch (`pytorch-vq-vae`), by Misha Laskin
(`vqvae`) and by Rithesh Kumar (`pytorch-vqvae`). All three begin a residual layer with a ReLU in place, so that what
it adds to is relu(x). In some versions one layer stands several times in the list: then its tensors do so as well.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from vqvae.foreign.reading import (
    Conventions,
    Family,
    Foreign,
    Network,
    Settings,
    Tensors,
    assembled,
    scaled,
    sees_scaled,
)
from vqvae.layers import Residual, ScaledTanh

STRIDE = 4  # pixels a grid cell
Convolution = nn.Conv2d | nn.ConvTranspose2d


class Names(NamedTuple):
    """What one author calls the same layers."""

    family: str
    scale: float  # of pixels minus 0.5
    encoder: tuple[str, str, str]
    encoder_stack: str  # of residual layers, with {} for their numbers
    before: str  # the convolution just before the codebook
    codebook: str
    decoder: str
    decoder_stack: str
    up: tuple[str, str]
    ignored: str = r"(?!)"


ZALANDO = Names(
    family="zalandoresearch/pytorch-vq-vae",
    scale=1,
    encoder=("_encoder._conv_1", "_encoder._conv_2", "_encoder._conv_3"),
    encoder_stack="_encoder._residual_stack._layers.{}._block",
    before="_pre_vq_conv",
    codebook="_vq_vae._embedding.weight",
    decoder="_decoder._conv_1",
    decoder_stack="_decoder._residual_stack._layers.{}._block",
    up=("_decoder._conv_trans_1", "_decoder._conv_trans_2"),
    ignored=r"^_vq_vae\._ema_(cluster_size|w)$",  # what training by moving averages needs
)
LASKIN = Names(
    family="MishaLaskin/vqvae",
    scale=2,
    encoder=("encoder.conv_stack.0", "encoder.conv_stack.2", "encoder.conv_stack.4"),
    encoder_stack="encoder.conv_stack.5.stack.{}.res_block",
    before="pre_quantization_conv",
    codebook="vector_quantization.embedding.weight",
    decoder="decoder.inverse_conv_stack.0",
    decoder_stack="decoder.inverse_conv_stack.1.stack.{}.res_block",
    up=("decoder.inverse_conv_stack.2", "decoder.inverse_conv_stack.4"),
)


def after_sonnet(names: Names, named: Mapping[str, Tensor], settings: Settings) -> Foreign:
    """zalandoresearch's and Misha Laskin's: one network under two sets of names. Raises ValueError."""
    tensors = Tensors(named, names.ignored)
    first = tensors.conv(names.encoder[0], None, kernel=4, stride=2)
    second = tensors.conv(names.encoder[1], first.out_channels, kernel=4, stride=2)
    third = tensors.conv(names.encoder[2], second.out_channels, kernel=3)
    residual = _stack(tensors, names.encoder_stack, third.out_channels)
    before = tensors.conv(names.before, third.out_channels, kernel=1)
    codebook = tensors.take(names.codebook, None, before.out_channels)
    after = tensors.conv(names.decoder, before.out_channels, kernel=3)
    residual_too = _stack(tensors, names.decoder_stack, after.out_channels)
    up = tensors.conv_transpose(names.up[0], after.out_channels)
    last = tensors.conv_transpose(names.up[1], up.out_channels, out=first.in_channels)
    conventions = settings.over(_usual(first.in_channels, names.scale))
    first, last = sees_scaled(first, conventions.scale), scaled(last, 1 / conventions.scale)
    network = Network(
        encoder=nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third, *residual, nn.ReLU(), before),
        codebook=codebook,
        decoder=nn.Sequential(after, *residual_too, nn.ReLU(), up, nn.ReLU(), last),
        channels=first.in_channels,
        stride=STRIDE,
        features=_features(half=(first, up), quarter=(second, third, after)),
    )
    return assembled(names.family, tensors, network, conventions, settings)


def _stack(tensors: Tensors, names: str, channels: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    while (block := names.format(len(layers) // 2)) in tensors:
        inner = tensors.conv(f"{block}.1", channels, kernel=3, bias=False)
        outer = tensors.conv(f"{block}.3", inner.out_channels, kernel=1, bias=False, out=channels)
        layers += [nn.ReLU(), Residual(inner, nn.ReLU(), outer)]  # the ReLU was in place
    return layers


KUMAR = "ritheshkumar95/pytorch-vqvae"


def with_norm(named: Mapping[str, Tensor], settings: Settings) -> Foreign:
    """Rithesh Kumar's: BatchNorm after convolutions, and tanh at the end. Raises ValueError."""
    tensors = Tensors(named, ignored=r"\.num_batches_tracked$")
    first = tensors.folded("encoder.1", tensors.conv("encoder.0", None, kernel=4, stride=2))
    second = tensors.conv("encoder.3", first.out_channels, kernel=4, stride=2)
    D = second.out_channels
    codebook = tensors.take("codebook.embedding.weight", None, D)
    residual, residual_too = (
        [layer for name in names for layer in (nn.ReLU(), _with_norm(tensors, f"{name}.block", D))]
        for names in (("encoder.4", "encoder.5"), ("decoder.0", "decoder.1"))
    )
    up = tensors.folded("decoder.4", tensors.conv_transpose("decoder.3", D))
    last = tensors.conv_transpose("decoder.6", up.out_channels, out=first.in_channels)
    conventions = settings.over(_usual(first.in_channels, scale=2))
    first = sees_scaled(first, conventions.scale)
    network = Network(
        encoder=nn.Sequential(first, nn.ReLU(), second, *residual),
        codebook=codebook,
        decoder=nn.Sequential(*residual_too, nn.ReLU(), up, nn.ReLU(), last, ScaledTanh(1 / conventions.scale)),
        channels=first.in_channels,
        stride=STRIDE,
        features=_features(half=(first, up), quarter=(second,)),
    )
    return assembled(KUMAR, tensors, network, conventions, settings)


def _with_norm(tensors: Tensors, block: str, channels: int) -> Residual:
    inner = tensors.folded(f"{block}.2", tensors.conv(f"{block}.1", channels, kernel=3))
    outer = tensors.conv(f"{block}.4", inner.out_channels, kernel=1, out=channels)
    return Residual(inner, nn.ReLU(), tensors.folded(f"{block}.5", outer))


def _usual(channels: int, scale: float) -> Conventions:
    """MNIST's size for grey images, CIFAR's for others: these networks take any."""
    side = 28 if channels == 1 else 32
    return Conventions(side, side, scale)


def _features(half: tuple[Convolution, ...], quarter: tuple[Convolution, ...]) -> int:
    """Numbers a pixel in the widest map, of layers that leave maps of half and of a quarter of the image's size."""
    widest = max(*(4 * layer.out_channels for layer in half), *(layer.out_channels for layer in quarter))
    return -(-widest // 16)


FAMILIES = (
    Family(ZALANDO.family, ("_vq_vae._embedding.", "_encoder._conv_1."), partial(after_sonnet, ZALANDO)),
    Family(LASKIN.family, ("vector_quantization.embedding.", "encoder.conv_stack."), partial(after_sonnet, LASKIN)),
    Family(KUMAR, ("codebook.embedding.", "encoder.4.block."), with_norm),
)
