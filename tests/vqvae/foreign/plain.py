"""Other projects' networks written out once more as plain sums over their tensors, to compare with.

After the papers and the projects' sources; each takes the tensors under the names they have there.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Tensors = dict[str, Tensor]


class Pass(NamedTuple):
    """One pass, in the network's own units."""

    latents: Tensor  # (B, D, h, w)
    codes: Tensor  # (B, h, w)
    drawn: Tensor  # (B, C, H, W)


def random(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> Tensors:
    """Weights as networks start: each output's sum over its inputs of a variance near 1."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=generator) / max(1, torch.Size(shape[1:]).numel()) ** 0.5
        for name, shape in shapes.items()
    }


def among_latents(network: Callable[[Tensors, Tensor], Pass], w: Tensors, x: Tensor, codebook: str) -> Tensors:
    """The tensors with a codebook that lies among a network's latents, so that cells differ in their codes."""
    latents = network(w, x).latents.transpose(0, 1).flatten(1).t()  # (N, D)
    K = len(w[codebook])
    picks = torch.arange(K) * len(latents) // K
    return w | {codebook: latents[picks].clone()}


def quantised(z: Tensor, codebook: Tensor) -> tuple[Tensor, Tensor]:
    """Codes (B, h, w) and their vectors (B, D, h, w)."""
    differences = z.permute(0, 2, 3, 1).unsqueeze(-2) - codebook  # (B, h, w, K, D)
    codes = differences.square().sum(-1).argmin(-1)
    return codes, codebook[codes].permute(0, 3, 1, 2)


# zalandoresearch/pytorch-vq-vae and MishaLaskin/vqvae


def zalando_shapes(C: int = 3, hidden: int = 8, inner: int = 4, K: int = 11, D: int = 5, layers: int = 2) -> dict:
    convs = {
        "_encoder._conv_1": (hidden // 2, C, 4, 4),
        "_encoder._conv_2": (hidden, hidden // 2, 4, 4),
        "_encoder._conv_3": (hidden, hidden, 3, 3),
        "_pre_vq_conv": (D, hidden, 1, 1),
        "_decoder._conv_1": (hidden, D, 3, 3),
        "_decoder._conv_trans_1": (hidden, hidden // 2, 4, 4),
        "_decoder._conv_trans_2": (hidden // 2, C, 4, 4),
    }
    shapes = {f"{name}.weight": shape for name, shape in convs.items()}
    shapes |= {f"{name}.bias": (shape["trans" in name],) for name, shape in convs.items()}
    for side in ("_encoder", "_decoder"):
        for layer in range(layers):
            block = f"{side}._residual_stack._layers.{layer}._block"
            shapes |= {f"{block}.1.weight": (inner, hidden, 3, 3), f"{block}.3.weight": (hidden, inner, 1, 1)}
    return shapes | {"_vq_vae._embedding.weight": (K, D)}


def laskin_names(tensors: Tensors) -> Tensors:
    """The same network's tensors as Misha Laskin calls them."""
    renamed = {
        "_encoder._conv_1": "encoder.conv_stack.0",
        "_encoder._conv_2": "encoder.conv_stack.2",
        "_encoder._conv_3": "encoder.conv_stack.4",
        "_encoder._residual_stack._layers": "encoder.conv_stack.5.stack",
        "_pre_vq_conv": "pre_quantization_conv",
        "_vq_vae._embedding": "vector_quantization.embedding",
        "_decoder._conv_1": "decoder.inverse_conv_stack.0",
        "_decoder._residual_stack._layers": "decoder.inverse_conv_stack.1.stack",
        "_decoder._conv_trans_1": "decoder.inverse_conv_stack.2",
        "_decoder._conv_trans_2": "decoder.inverse_conv_stack.4",
        "_block": "res_block",
    }
    names = {}
    for name, tensor in tensors.items():
        for theirs, his in renamed.items():
            name = name.replace(theirs, his)
        names[name] = tensor
    return names


def zalando(w: Tensors, x: Tensor) -> Pass:
    def conv(name: str, x: Tensor, **how: int) -> Tensor:
        return F.conv2d(x, w[f"{name}.weight"], w.get(f"{name}.bias"), **how)

    def stack(side: str, x: Tensor) -> Tensor:
        layer = 0
        while (block := f"{side}._residual_stack._layers.{layer}._block") + ".1.weight" in w:
            h = F.relu_(x)  # in place, as theirs: x itself changes
            h = conv(f"{block}.3", F.relu_(conv(f"{block}.1", h, padding=1)))
            x = x + h
            layer += 1
        return F.relu(x)

    h = F.relu(conv("_encoder._conv_1", x, stride=2, padding=1))
    h = F.relu(conv("_encoder._conv_2", h, stride=2, padding=1))
    h = stack("_encoder", conv("_encoder._conv_3", h, padding=1))
    z_e = conv("_pre_vq_conv", h)
    codes, z_q = quantised(z_e, w["_vq_vae._embedding.weight"])
    h = stack("_decoder", conv("_decoder._conv_1", z_q, padding=1))
    for name in ("_decoder._conv_trans_1", "_decoder._conv_trans_2"):
        h = F.conv_transpose2d(h, w[f"{name}.weight"], w[f"{name}.bias"], stride=2, padding=1)
        h = h if name.endswith("2") else F.relu(h)
    return Pass(z_e, codes, h)


# ritheshkumar95/pytorch-vqvae


def kumar_shapes(C: int = 3, D: int = 6, K: int = 11) -> dict[str, tuple[int, ...]]:
    down, up, same, one = (D, C, 4, 4), (D, C, 4, 4), (D, D, 3, 3), (D, D, 1, 1)
    convs = {"encoder.0": (down, D), "encoder.3": ((D, D, 4, 4), D)}
    convs |= {"decoder.3": ((D, D, 4, 4), D), "decoder.6": (up, C)}
    norms = ["encoder.1", "decoder.4"]
    for block in ("encoder.4.block", "encoder.5.block", "decoder.0.block", "decoder.1.block"):
        convs |= {f"{block}.1": (same, D), f"{block}.4": (one, D)}
        norms += [f"{block}.2", f"{block}.5"]
    shapes: dict[str, tuple[int, ...]] = {"codebook.embedding.weight": (K, D)}
    for name, (shape, out) in convs.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": (out,)}
    for name in norms:
        shapes |= {f"{name}.{part}": (D,) for part in ("weight", "bias", "running_mean", "running_var")}
    return shapes


def kumar_random(C: int = 3, seed: int = 0) -> Tensors:
    tensors = random(kumar_shapes(C), seed)
    for name in list(tensors):
        if name.endswith("running_var"):
            tensors[name] = tensors[name].square() + 0.1
            tensors[name.replace("running_var", "num_batches_tracked")] = torch.tensor(7)
    return tensors


def kumar(w: Tensors, x: Tensor) -> Pass:
    def conv(name: str, x: Tensor, **how: int) -> Tensor:
        return F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], **how)

    def up(name: str, x: Tensor) -> Tensor:
        return F.conv_transpose2d(x, w[f"{name}.weight"], w[f"{name}.bias"], stride=2, padding=1)

    def norm(name: str, x: Tensor) -> Tensor:
        parts = (w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *parts)

    def block(name: str, x: Tensor) -> Tensor:
        h = F.relu_(x)  # in place, as theirs: x itself changes
        h = F.relu_(norm(f"{name}.block.2", conv(f"{name}.block.1", h, padding=1)))
        return x + norm(f"{name}.block.5", conv(f"{name}.block.4", h))

    h = F.relu(norm("encoder.1", conv("encoder.0", x, stride=2, padding=1)))
    h = conv("encoder.3", h, stride=2, padding=1)
    z_e = block("encoder.5", block("encoder.4", h))
    codes, z_q = quantised(z_e, w["codebook.embedding.weight"])
    h = F.relu(block("decoder.1", block("decoder.0", z_q)))
    h = F.relu(norm("decoder.4", up("decoder.3", h)))
    return Pass(z_e, codes, up("decoder.6", h).tanh())
