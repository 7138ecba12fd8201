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


# CompVis/taming-transformers, and LlamaGen with other names and latents of length 1


class Vqgan(NamedTuple):
    """The sizes of a small one; GroupNorm has 32 groups."""

    C: int = 3
    widths: tuple[int, ...] = (32, 64)  # of each level
    blocks: int = 1
    attended: tuple[int, ...] = (1,)  # levels
    z: int = 6
    D: int = 4
    K: int = 12

    def shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {"quantize.embedding.weight": (self.K, self.D)}

        def conv(name: str, given: int, out: int, kernel: int) -> None:
            shapes.update({f"{name}.weight": (out, given, kernel, kernel), f"{name}.bias": (out,)})

        def norm(name: str, channels: int) -> None:
            shapes.update({f"{name}.weight": (channels,), f"{name}.bias": (channels,)})

        def block(name: str, given: int, out: int) -> None:
            norm(f"{name}.norm1", given)
            conv(f"{name}.conv1", given, out, 3)
            norm(f"{name}.norm2", out)
            conv(f"{name}.conv2", out, out, 3)
            if given != out:
                conv(f"{name}.nin_shortcut", given, out, 1)

        def attention(name: str, channels: int) -> None:
            norm(f"{name}.norm", channels)
            for part in ("q", "k", "v", "proj_out"):
                conv(f"{name}.{part}", channels, channels, 1)

        def middle(side: str) -> None:
            block(f"{side}.mid.block_1", self.widths[-1], self.widths[-1])
            attention(f"{side}.mid.attn_1", self.widths[-1])
            block(f"{side}.mid.block_2", self.widths[-1], self.widths[-1])

        conv("encoder.conv_in", self.C, self.widths[0], 3)
        given, last = self.widths[0], len(self.widths) - 1
        for level, width in enumerate(self.widths):
            for number in range(self.blocks):
                block(f"encoder.down.{level}.block.{number}", given, width)
                if level in self.attended:
                    attention(f"encoder.down.{level}.attn.{number}", width)
                given = width
            if level != last:
                conv(f"encoder.down.{level}.downsample.conv", width, width, 3)
        middle("encoder")
        norm("encoder.norm_out", given)
        conv("encoder.conv_out", given, self.z, 3)
        conv("quant_conv", self.z, self.D, 1)
        conv("post_quant_conv", self.D, self.z, 1)
        conv("decoder.conv_in", self.z, given, 3)
        middle("decoder")
        for level in range(last, -1, -1):
            for number in range(self.blocks + 1):
                block(f"decoder.up.{level}.block.{number}", given, self.widths[level])
                given = self.widths[level]
                if level in self.attended:
                    attention(f"decoder.up.{level}.attn.{number}", given)
            if level:
                conv(f"decoder.up.{level}.upsample.conv", given, given, 3)
        norm("decoder.norm_out", given)
        conv("decoder.conv_out", given, self.C, 3)
        return shapes


def vqgan(w: Tensors, x: Tensor, unit_length: bool = False) -> Pass:
    def conv(name: str, x: Tensor, **how: int) -> Tensor:
        return F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], **how)

    def norm(name: str, x: Tensor) -> Tensor:
        grouped = x.unflatten(1, (32, -1))
        mean = grouped.mean((2, 3, 4), keepdim=True)
        spread = (grouped.var((2, 3, 4), correction=0, keepdim=True) + 1e-6).sqrt()
        even = ((grouped - mean) / spread).flatten(1, 2)
        return even * w[f"{name}.weight"].view(1, -1, 1, 1) + w[f"{name}.bias"].view(1, -1, 1, 1)

    def swish(x: Tensor) -> Tensor:
        return x * x.sigmoid()

    def block(name: str, x: Tensor) -> Tensor:
        h = conv(f"{name}.conv1", swish(norm(f"{name}.norm1", x)), padding=1)
        h = conv(f"{name}.conv2", swish(norm(f"{name}.norm2", h)), padding=1)
        return h + (conv(f"{name}.nin_shortcut", x) if f"{name}.nin_shortcut.weight" in w else x)

    def attention(name: str, x: Tensor) -> Tensor:
        if f"{name}.q.weight" not in w:
            return x
        q, k, v = (conv(f"{name}.{part}", norm(f"{name}.norm", x)).flatten(2) for part in "qkv")  # (B, C, N)
        weights = (torch.einsum("bci,bcj->bij", q, k) / q.shape[1] ** 0.5).softmax(-1)
        return x + conv(f"{name}.proj_out", torch.einsum("bij,bcj->bci", weights, v).view(x.shape))

    def middle(side: str, x: Tensor) -> Tensor:
        x = attention(f"{side}.mid.attn_1", block(f"{side}.mid.block_1", x))
        return block(f"{side}.mid.block_2", x)

    def level(name: str, x: Tensor) -> Tensor:
        number = 0
        while f"{name}.block.{number}.norm1.weight" in w:
            x = attention(f"{name}.attn.{number}", block(f"{name}.block.{number}", x))
            number += 1
        return x

    def end(side: str, x: Tensor) -> Tensor:
        return conv(f"{side}.conv_out", swish(norm(f"{side}.norm_out", x)), padding=1)

    levels = len({name.split(".")[2] for name in w if name.startswith("encoder.down.")})
    h = conv("encoder.conv_in", x, padding=1)
    for n in range(levels):
        h = level(f"encoder.down.{n}", h)
        if n < levels - 1:
            h = conv(f"encoder.down.{n}.downsample.conv", F.pad(h, (0, 1, 0, 1)), stride=2)
    z_e, codebook = conv("quant_conv", end("encoder", middle("encoder", h))), w["quantize.embedding.weight"]
    if unit_length:
        z_e, codebook = z_e / z_e.norm(dim=1, keepdim=True), codebook / codebook.norm(dim=1, keepdim=True)
    codes, z_q = quantised(z_e, codebook)
    h = middle("decoder", conv("decoder.conv_in", conv("post_quant_conv", z_q), padding=1))
    for n in reversed(range(levels)):
        h = level(f"decoder.up.{n}", h)
        if n:
            h = h.repeat_interleave(2, 2).repeat_interleave(2, 3)
            h = conv(f"decoder.up.{n}.upsample.conv", h, padding=1)
    return Pass(z_e, codes, end("decoder", h))


def llamagen_names(tensors: Tensors) -> Tensors:
    """The same network's tensors as LlamaGen calls them."""
    levels = len({name.split(".")[2] for name in tensors if name.startswith("encoder.down.")})
    names = {}
    for name, tensor in tensors.items():
        side, *rest = name.split(".")
        if rest[0] in ("down", "up"):
            number = int(rest[1]) if rest[0] == "down" else levels - 1 - int(rest[1])
            rest = ["conv_blocks", str(number), *("res" if part == "block" else part for part in rest[2:])]
        elif rest[0] == "mid":
            rest[1] = {"block_1": "0", "attn_1": "1", "block_2": "2"}[rest[1]]
        names[".".join((side, *rest))] = tensor
    return names
