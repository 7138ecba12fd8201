"""Home's picture: a digit at the stations of its way through the model, drawn from the model's own tensors."""

import base64
import io
from html import escape
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image
from torch import Tensor

from pages.ui import resources
from pages.ui.home.view import HomeView
from vqvae.analysis.activations import Activations
from vqvae.model import ModelConfig

AMBER, TEAL = np.array([1.0, 0.68, 0.2]), np.array([0.2, 0.8, 0.85])
STYLE = Path(__file__).with_name("stations.css").read_text()


def draw(view: HomeView) -> None:
    checkpoint = view.scene.checkpoint
    nmse = float(view.activations.losses.reconstruction)
    st.html(stations_of(view.activations, resources.tiles(checkpoint), checkpoint.model.config, nmse))


def stations_of(trace: Activations, tiles: Tensor, config: ModelConfig, nmse: float) -> str:
    """The whole way of one image as HTML; `tiles` are the codebook's (K, C, 4, 4) in [0, 1]."""
    C, H, W = config.image_shape
    rows, columns = config.grid
    bits = config.cells * config.bits_per_code
    used = set(trace.codes.flatten().tolist())
    way = [
        _station("Digit", _picture(trace.image, "The digit"), f"{H} × {W} pixels, {C * H * W} bytes"),
        _station(
            "Encoder",
            _picture(_montage(_signed(trace.latents)), "What the encoder makes of the digit"),
            f"{len(trace.latents)} numbers for each of {rows} × {columns} cells",
        ),
        _station(
            "Nearest codes",
            _grid(trace, tiles),
            f"{config.cells} codes × {config.bits_per_code} bits = {bits} bits, all that is kept",
        ),
        _station(
            "Decoder",
            _picture(_montage(_positive(trace.decoder[-1])), "What the decoder draws with"),
            f"{len(trace.decoder[-1])} feature maps, from the codes alone",
        ),
        _station(
            "Reconstruction",
            _picture(trace.reconstruction, "The reconstruction"),
            f"NMSE {nmse:.3f}: {nmse:.1%} of the digits’ variance is lost",
        ),
    ]
    codebook = _picture(_codebook(tiles, used), f"The codebook’s {len(tiles)} tiles")
    return (
        f"<style>{STYLE}</style><div class='stations'><div class='way'>{'<i>→</i>'.join(way)}</div>"
        f"<figure class='book'>{codebook}<figcaption><b>Codebook</b> All {len(tiles)} entries, each as the decoder "
        f"draws it; framed are the {len(used)} that this digit uses.</figcaption></figure></div>"
    )


def _station(name: str, picture: str, caption: str) -> str:
    return f"<figure><figcaption><b>{name}</b></figcaption>{picture}<figcaption>{caption}</figcaption></figure>"


def _grid(trace: Activations, tiles: Tensor) -> str:
    """The grid of tiles, each with its code's number."""
    codes = trace.codes.tolist()
    chosen = tiles[trace.codes]  # (h, w, C, 4, 4)
    h, w, C, rows, columns = chosen.shape
    picture = chosen.permute(2, 0, 3, 1, 4).reshape(C, h * rows, w * columns)
    numbers = "".join(f"<span>{code}</span>" for row in codes for code in row)
    style = f"grid-template-columns: repeat({w}, 1fr)"
    return f"<div class='cells'>{_picture(picture, 'The grid of codes')}<div style='{style}'>{numbers}</div></div>"


def _picture(pixels: Tensor | np.ndarray, alt: str) -> str:
    """An image (C, H, W) or (H, W, 3), values in [0, 1], as an HTML picture of sharp pixels."""
    values = np.asarray(pixels, dtype=np.float32)
    if values.ndim == 3 and values.shape[0] in (1, 3):
        values = values.transpose(1, 2, 0)
    image = Image.fromarray((values.clip(0, 1) * 255).round().astype(np.uint8).squeeze())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return f"<img alt='{escape(alt)}' src='data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}'>"


def _positive(maps: Tensor) -> np.ndarray:
    """Feature maps (N, h, w) after a ReLU as grey pictures (N, h, w, 3), the strongest value white."""
    values = maps.numpy()
    return np.repeat((values / max(float(values.max()), 1e-12))[..., None], 3, axis=-1)


def _signed(maps: Tensor) -> np.ndarray:
    """Feature maps (N, h, w) of either sign as pictures (N, h, w, 3): teal below zero, dark at it, amber above."""
    values = maps.numpy() / max(float(maps.abs().max()), 1e-12)
    return values.clip(0, 1)[..., None] * AMBER + (-values).clip(0, 1)[..., None] * TEAL


def _montage(pictures: np.ndarray, columns: int | None = None, framed: set[int] = frozenset()) -> np.ndarray:
    """Pictures (N, h, w, 3) in rows with a dark pixel between them, amber around those that are framed.

    About a square where the number of columns is not given.
    """
    count, h, w, _ = pictures.shape
    columns = columns or int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    sheet = np.full((rows * (h + 1) + 1, columns * (w + 1) + 1, 3), 0.16)
    corners = [(index // columns * (h + 1), index % columns * (w + 1)) for index in range(count)]
    for index in framed:
        top, left = corners[index]
        sheet[top : top + h + 2, left : left + w + 2] = AMBER
    for (top, left), picture in zip(corners, pictures, strict=True):
        sheet[top + 1 : top + 1 + h, left + 1 : left + 1 + w] = picture
    return sheet


def _codebook(tiles: Tensor, used: set[int]) -> np.ndarray:
    """All tiles in three rows, those that this digit uses framed."""
    colour = tiles.clamp(0, 1).expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()  # (K, 4, 4, 3)
    return _montage(colour, columns=-(-len(colour) // 3), framed=used)
