"""The canvas: pen, codes and reconstruction in the browser, as one Streamlit component (Components v2).

The model itself travels to the browser once; there every movement of the pen is one forward pass, and Python hears of
a drawing when the pen is lifted. What comes back is a stranger's message: checked here before anything uses it.
"""

import base64
import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from streamlit.components.v2 import component
from torch import Tensor, nn

from pages.ui.charts.pictures import data_uri
from pages.ui.components.shared import module
from vqvae.analysis.encoding import Encoded
from vqvae.analysis.neighbours import telling_cells
from vqvae.analysis.usage import Usage
from vqvae.checkpoint import Checkpoint
from vqvae.data import NOUNS, Digits
from vqvae.layers import Residual, ScaledTanh
from vqvae.model import Bound, Decoder, Encoder, ModelConfig

MAX_WEIGHTS = 2_000_000  # 8 MB to the browser
MAX_CODES = 4096  # tiles in a palette
MAX_PRODUCTS = 60_000_000  # a pass, some 200 ms of a slow machine
PLAIN = {nn.ReLU: "relu", nn.SiLU: "silu", nn.Tanh: "tanh"}  # layers without a number of their own
FOLDER = Path(__file__).parent


class CanvasError(ValueError):
    """A model that cannot run in the browser; the message says in one sentence why."""


class Drawing(NamedTuple):
    """What is on the canvas, the codes the browser found for it, and what the person did with them."""

    pixels: Tensor  # (C, H, W) uint8
    codes: Tensor  # (h, w) int64 in [0, K), edits among them
    edits: Tensor  # (h, w) int64 in [-1, K): -1 where the encoder's choice stands
    cell: int | None  # the one that was chosen, in reading order
    step: int  # of the tour; 0 outside it


def describe(checkpoint: Checkpoint) -> dict[str, Any]:
    """The model as `vqvae.js` loads it: sizes, layers, and float32 weights in torch's layout, the codebook last.

    Raises CanvasError for layers that `describe_stack` does not know, for more than MAX_WEIGHTS weights, or more than
    MAX_PRODUCTS products a pass.
    """
    model, config = checkpoint.model, checkpoint.model.config
    if model.layers is None:
        raise CanvasError("This model shows no layers that a browser could run.")
    encoder, decoder = (describe_stack(stack) for stack in model.layers)
    weights = [*encoder.weights, *decoder.weights, model.codebook]
    count = sum(tensor.numel() for tensor in weights)
    if count > MAX_WEIGHTS:
        raise CanvasError(
            f"This model has {count / 1e6:.1f} million weights: expected at most "
            f"{MAX_WEIGHTS / 1e6:.0f} million, to follow a pen in the browser."
        )
    if config.num_embeddings > MAX_CODES:
        raise CanvasError(
            f"This model has {config.num_embeddings:,} codes: expected at most {MAX_CODES:,}, to be laid out beside a "
            f"pen."
        )
    products = (
        count_products(encoder.layers, (config.height, config.width))
        + config.cells * model.codebook.numel()
        + count_products(decoder.layers, config.grid)
    )
    if products > MAX_PRODUCTS:
        raise CanvasError(
            f"This model takes {products / 1e6:.0f} million multiplications a picture: expected at most "
            f"{MAX_PRODUCTS / 1e6:.0f} million, to follow a pen in the browser."
        )
    values = torch.cat([tensor.detach().cpu().to(torch.float32).flatten() for tensor in weights])
    return {
        "fingerprint": checkpoint.fingerprint,
        "noun": noun_of(checkpoint),
        "channels": config.channels,
        "height": config.height,
        "width": config.width,
        "offset": config.offset,
        "variance": checkpoint.variance,
        "K": config.num_embeddings,
        "D": config.embedding_dim,
        "encoder": encoder.layers,
        "decoder": decoder.layers,
        "weights": base64.b64encode(values.numpy().astype("<f4").tobytes()).decode(),
    }


def noun_of(checkpoint: Checkpoint) -> str:
    """What components call a model's pictures: "digit" or "picture"; a model that does not say goes by its size."""
    config = checkpoint.model.config
    if checkpoint.dataset is None:
        return "digit" if config.image_shape == ModelConfig().image_shape else "picture"  # MNIST's
    return "digit" if NOUNS.get(checkpoint.dataset) == "digit" else "picture"


class Stack(NamedTuple):
    """Layers in the order in which `layers.js` builds them, and the weights that it takes for them."""

    layers: list[dict[str, Any]]
    weights: list[Tensor]


def describe_stack(module: nn.Module) -> Stack:
    """A network of layers one after another, some of them around others. Raises CanvasError for what it is not.

    A layer with `back` takes, or an "add" adds, the map that stands so many layers before the last one.
    """
    if isinstance(module, Residual):
        inner = describe_stack(module.convs)
        if module.shortcut is None:
            return Stack([*inner.layers, {"kind": "add", "back": len(inner.layers)}], inner.weights)
        shortcut = Stack([_layer(module.shortcut) | {"back": len(inner.layers)}], _weights(module.shortcut))
        return Stack([*inner.layers, *shortcut.layers, {"kind": "add", "back": 1}], [*inner.weights, *shortcut.weights])
    if not isinstance(module, nn.Sequential | Encoder | Decoder):  # whose layers nothing but their order connects
        return Stack([_layer(module)], _weights(module))
    stacks = [describe_stack(child) for child in module.children()]
    return Stack([one for stack in stacks for one in stack.layers], [one for stack in stacks for one in stack.weights])


def _layer(module: Any) -> dict[str, Any]:
    if type(module) in PLAIN:
        return {"kind": PLAIN[type(module)]}
    if type(module) is ScaledTanh:
        return {"kind": "tanh", "by": module.scale}
    if type(module) is Bound:
        return {"kind": "bound"} | {
            name: getattr(module, name).flatten().tolist() for name in ("shift", "scale", "offset")
        }
    if type(module) not in (nn.Conv2d, nn.ConvTranspose2d):
        raise CanvasError(
            f"This model has a layer {type(module).__name__}: expected convolutions, transposed ones, ReLU, SiLU and "
            f"tanh, which the browser can run."
        )
    if module.groups != 1 or tuple(module.dilation) != (1, 1) or module.padding_mode != "zeros":
        raise CanvasError(
            f"This model has a {type(module).__name__} with groups, dilation or other padding than zeros: expected "
            f"plain ones, which the browser can run."
        )
    if isinstance(module.padding, str):
        raise CanvasError(f"This model pads its convolutions by name ({module.padding}): expected numbers.")
    layer: dict[str, object] = {
        "kind": "conv" if type(module) is nn.Conv2d else "conv_transpose",
        "in": module.in_channels,
        "out": module.out_channels,
        "kernel": list(module.kernel_size),
        "stride": list(module.stride),
        "padding": list(module.padding),
    }
    if type(module) is nn.ConvTranspose2d:
        layer["output_padding"] = list(module.output_padding)
    return layer


def _weights(module: Any) -> list[Tensor]:
    """Weight and bias of a layer; a bias that it does not have is zeros."""
    if type(module) not in (nn.Conv2d, nn.ConvTranspose2d):
        return []
    bias = module.bias if module.bias is not None else torch.zeros(module.out_channels)
    return [module.weight, bias]


def count_products(layers: list[dict[str, Any]], size: tuple[int, int]) -> int:
    """How many multiplications described layers take for an input of this height and width."""
    sizes, products = [size], 0
    for layer in layers:
        height, width = sizes[-1]
        if "kernel" in layer:
            given = sizes[-1 - layer.get("back", 0)]
            height, width = (_length(layer, axis, length) for axis, length in enumerate(given))
            windows = height * width if layer["kind"] == "conv" else math.prod(given)
            products += windows * layer["in"] * layer["out"] * math.prod(layer["kernel"])
        sizes.append((height, width))
    return products


def _length(layer: dict[str, Any], axis: int, length: int) -> int:
    """Rows or columns that a convolution makes of so many."""
    kernel, stride, padding = (layer[name][axis] for name in ("kernel", "stride", "padding"))
    if layer["kind"] == "conv":
        return (length + 2 * padding - kernel) // stride + 1
    return (length - 1) * stride - 2 * padding + kernel + layer["output_padding"][axis]


class Answer(NamedTuple):
    """What the browser says."""

    drawing: Drawing | None  # None while it has not said so for this model and this serial
    asks_for_prior: bool  # whether somebody there has something to ask the model's prior


class Put(NamedTuple):
    """What Python puts on the canvas. Drawing goes on over it until the serial changes."""

    serial: str  # "session:count"; the part before the colon is another one in every session
    pixels: Tensor | None  # (C, H, W) uint8 of the model's shape; None for a blank canvas
    edits: Tensor | None = None  # (h, w) int64 in [-1, K); None for none
    cell: int | None = None  # the one to be chosen, in reading order
    example: bool = False  # whether the first stroke of the pen begins a new drawing instead
    aim: str = ""  # another one whenever Python chooses a cell, or none, without putting a picture there


STEPS = 7  # of the tour


class Tour(NamedTuple):
    """Where the tour stands, and what it is told with."""

    serial: str  # another one whenever Python sets the step
    step: int = 0  # 1 to STEPS; 0 for the canvas alone
    presenting: bool = False  # one screen for an audience, instead of a page
    examples: dict[str, object] | None = None  # out of `describe_examples`; without it the last step says less
    code: int | None = None  # picked on another page: its cells are marked


def canvas(checkpoint: Checkpoint, described: dict[str, Any], put: Put, tour: Tour, classes: int, key: str) -> Answer:
    """Draw the component; `described` is `describe`'s, `classes` are those of the model's prior, 0 where it has none.

    The prior itself comes by the `carrier`, once it is asked for.
    """
    answer = _component(
        key=key,
        data={"model": described, **canvas_data(put, tour, classes)},
        default={"drawing": None, "prior": None},
        on_drawing_change=lambda: None,
        on_prior_change=lambda: None,
    )
    return Answer(checked(answer.drawing, checkpoint, put.serial), answer.prior == checkpoint.fingerprint)


def canvas_data(put: Put, tour: Tour, classes: int) -> dict[str, Any]:
    """What the component takes beside the model."""
    return {"set": put_data(put), "tour": tour._asdict(), "classes": classes}


def put_data(put: Put) -> dict[str, Any]:
    """What Python puts on a canvas, as the browser reads it: channels last."""
    pixels = None if put.pixels is None else put.pixels.permute(1, 2, 0).flatten().tolist()
    edits = None if put.edits is None else put.edits.flatten().tolist()
    return put._asdict() | {"pixels": pixels, "edits": edits}


def checked(answer: object, checkpoint: Checkpoint, serial: str) -> Drawing | None:
    """The browser's message as a drawing; None where it is no such message, or for another model or serial."""
    config = checkpoint.model.config
    if not isinstance(answer, dict) or answer.get("serial") != serial:
        return None
    if answer.get("fingerprint") != checkpoint.fingerprint:
        return None
    K, cells = config.num_embeddings, config.cells
    pixels = _whole(0, 256, answer.get("pixels"), config.channels * config.height * config.width)
    codes, edits = _whole(0, K, answer.get("codes"), cells), _whole(-1, K, answer.get("edits"), cells)
    cell, step = _whole(-1, cells, [answer.get("cell")], 1), _whole(0, STEPS + 1, [answer.get("step")], 1)
    if pixels is None or codes is None or edits is None or cell is None or step is None:
        return None
    picture = pixels.view(config.height, config.width, config.channels).permute(2, 0, 1)
    return Drawing(
        picture.to(torch.uint8).contiguous(),
        codes.view(config.grid),
        edits.view(config.grid),
        None if int(cell) < 0 else int(cell),
        int(step),
    )


def describe_examples(digits: Digits, encoded: Encoded, usage: Usage, count: int = 10) -> dict[str, Any]:
    """For each code the digits that say best what it stands for, all in one picture, and how it is used.

    `of[code]` lists [place in the picture, cell]; pictures stand in rows of `columns`, each of the model's size.
    """
    width = encoded.codes.shape[2]
    K = usage.all_cells.total.shape[0]
    cells = [telling_cells(encoded, code, count) for code in range(K)]
    shown = torch.cat([of[:, 0] for of in cells]).unique()  # (P,)
    C, H, W = digits.pixels.shape[1:]
    columns = max(1, math.isqrt(len(shown)))
    sheet = torch.zeros(C, -(-len(shown) // columns) * H, columns * W, dtype=torch.uint8)
    for place, image in enumerate(shown.tolist()):
        top, left = place // columns * H, place % columns * W
        sheet[:, top : top + H, left : left + W] = digits.pixels[image]
    rates = usage.all_cells.by_class / usage.images.clamp_min(1).unsqueeze(1)  # (10, K) uses an image
    return {
        "picture": data_uri(sheet),
        "columns": columns,
        "of": [
            [[place, row * width + column] for place, (_, row, column) in zip(places, of.tolist(), strict=True)]
            for of, places in ((of, torch.searchsorted(shown, of[:, 0].contiguous()).tolist()) for of in cells)
        ],
        "uses": usage.all_cells.total.tolist(),
        "favourite": rates.argmax(0).tolist(),
        "classes": list(digits.classes) if digits.labelled else [],
        "digits": digits.described,
    }


def _whole(low: int, high: int, numbers: object, count: int) -> Tensor | None:
    """Exactly `count` whole numbers from low to below high as int64, or None."""
    if not isinstance(numbers, list) or len(numbers) != count:
        return None
    if not all(type(number) is int and low <= number < high for number in numbers):
        return None
    return torch.tensor(numbers, dtype=torch.int64)


_component = component(
    "vqvae_canvas",
    html=(FOLDER / "canvas.html").read_text(),
    css=(FOLDER / "canvas.css").read_text(),
    js=module(FOLDER / "canvas.js"),
)
