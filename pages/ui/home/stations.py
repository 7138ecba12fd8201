"""Home's picture: a digit at the stations of its way through the model, drawn from the model's own tensors."""

import math
from collections.abc import Iterable
from html import escape
from pathlib import Path

import streamlit as st
import torch
from torch import Tensor
from torch.nn.functional import pad

from pages.ui import resources
from pages.ui.charts import pictures
from pages.ui.home.view import HomeView
from vqvae.analysis.activations import Activations
from vqvae.model import ModelConfig

AMBER, TEAL = torch.tensor([1.0, 0.68, 0.2]).view(3, 1, 1), torch.tensor([0.2, 0.8, 0.85]).view(3, 1, 1)
DARK = 0.16  # the grey between pictures
STYLE = Path(__file__).with_name("stations.css").read_text()


def draw(view: HomeView) -> None:
    checkpoint = view.scene.checkpoint
    nmse = float(view.activations.losses.reconstruction)
    rows = 5 if view.scene.presenting else 3  # of the codebook: a slide fills its screen
    st.html(stations_of(view.activations, resources.tiles(checkpoint), checkpoint.model.config, nmse, rows))


def stations_of(trace: Activations, tiles: Tensor, config: ModelConfig, nmse: float, rows_of_codes: int) -> str:
    """The whole way of one image as HTML; `tiles` are the codebook's (K, C, 4, 4) in [0, 1]."""
    C, H, W = config.image_shape
    rows, columns = config.grid
    bits = config.cells * config.bits_per_code
    used = set(trace.codes.flatten().tolist())
    way = [
        _station("Digit", _picture(trace.image, "The digit"), f"{H} × {W} pixels, {C * H * W} bytes"),
        _station(
            "Encoder",
            _picture(_framed(_signed(trace.latents)), "What the encoder makes of the digit"),
            f"{len(trace.latents)} numbers for each of {rows} × {columns} cells",
        ),
        _station(
            "Nearest codes",
            _grid(trace, tiles),
            f"{config.cells} codes × {config.bits_per_code} bits = {bits} bits, all that is kept",
        ),
        _station(
            "Decoder",
            _picture(_framed(_positive(trace.decoder[-1])), "What the decoder draws with"),
            f"{len(trace.decoder[-1])} feature maps, from the codes alone",
        ),
        _station(
            "Reconstruction",
            _picture(trace.reconstruction, "The reconstruction"),
            f"NMSE {nmse:.3f}: {nmse:.1%} of the digits’ variance is lost",
        ),
    ]
    codebook = _picture(_codebook(tiles, used, rows_of_codes), f"The codebook’s {len(tiles)} tiles")
    return (
        f"<style>{STYLE}</style><div class='stations'><div class='way'>{'<i>→</i>'.join(way)}</div>"
        f"<figure class='book'>{codebook}<figcaption><b>Codebook</b> All {len(tiles)} entries, each as the decoder "
        f"draws it; framed are the {len(used)} that this digit uses.</figcaption></figure></div>"
    )


def _station(name: str, picture: str, caption: str) -> str:
    return f"<figure><figcaption><b>{name}</b></figcaption>{picture}<figcaption>{caption}</figcaption></figure>"


def _grid(trace: Activations, tiles: Tensor) -> str:
    """The grid of tiles, each with its code's number."""
    codes = trace.codes.flatten().tolist()
    columns = trace.codes.shape[1]
    numbers = "".join(f"<span>{code}</span>" for code in codes)
    style = f"grid-template-columns: repeat({columns}, 1fr)"
    picture = _picture(pictures.montage(tiles[codes], columns), "The grid of codes")
    return f"<div class='cells'>{picture}<div style='{style}'>{numbers}</div></div>"


def _picture(pixels: Tensor, alt: str) -> str:
    """An image (C, H, W), values in [0, 1], as an HTML picture of sharp pixels."""
    return f"<img alt='{escape(alt)}' src='{pictures.data_uri((pixels.clamp(0, 1) * 255).round().to(torch.uint8))}'>"


def _positive(maps: Tensor) -> Tensor:
    """Feature maps (N, h, w) after a ReLU as grey pictures (N, 3, h, w), the strongest value white."""
    return (maps / maps.max().clamp_min(1e-12)).unsqueeze(1).expand(-1, 3, -1, -1)


def _signed(maps: Tensor) -> Tensor:
    """Feature maps (N, h, w) of either sign as pictures (N, 3, h, w): teal below zero, dark at it, amber above."""
    values = (maps / maps.abs().max().clamp_min(1e-12)).unsqueeze(1)
    return values.clamp_min(0) * AMBER + (-values).clamp_min(0) * TEAL


def _framed(images: Tensor, columns: int | None = None, framed: Iterable[int] = ()) -> Tensor:
    """Images (N, 3, h, w) in rows with a dark pixel around each, amber around those that are framed.

    About a square where the number of columns is not given.
    """
    count, _, h, w = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    sheet = pad(pictures.montage(images, columns, (1, 1), DARK), (1, 1, 1, 1), value=DARK)
    for index in framed:
        top, left = index // columns * (h + 1), index % columns * (w + 1)
        frame = sheet[:, top : top + h + 2, left : left + w + 2]
        frame[:, [0, -1]] = AMBER
        frame[:, :, [0, -1]] = AMBER
    return sheet


def _codebook(tiles: Tensor, used: set[int], rows: int) -> Tensor:
    """All tiles in rows, those that this digit uses framed."""
    return _framed(tiles.expand(-1, 3, -1, -1), -(-len(tiles) // rows), used)
