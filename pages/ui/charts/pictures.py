"""Pixels in, pictures for a page's HTML out; no Streamlit here. Only numbers ever enter the HTML."""

import base64
import io
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

STYLE = """<style>
.patches { display: grid; grid-template-columns: repeat(8, 1fr); gap: 0.35rem 0.3rem; max-width: 34rem; }
.patches figure { margin: 0; text-align: center; line-height: 1.15; }
.patches figcaption { font-size: 0.85rem; }
.patches img, .tile { width: 100%; aspect-ratio: 1;
  outline: 1px solid rgba(128, 140, 145, .5); outline-offset: -1px;
  image-rendering: pixelated; border-radius: 3px; display: block;
  background: repeating-linear-gradient(45deg, rgba(128, 140, 145, .45) 0 2px, rgba(128, 140, 145, .15) 2px 5px); }
.patches .none { aspect-ratio: 1; border-radius: 3px; border: 1px dashed rgba(128, 140, 145, .45); }
</style>"""


def data_uri(pixels: Tensor, inside: Tensor | None = None) -> str:
    """A PNG as an address: (C, H, W) uint8 of 1 or 3 channels; transparent where `inside` (H, W) is false."""
    channels = pixels.expand(3, -1, -1)
    if inside is not None:
        channels = torch.cat((channels, inside.unsqueeze(0).to(torch.uint8) * 255))
    content = io.BytesIO()
    Image.fromarray(channels.permute(1, 2, 0).contiguous().numpy()).save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def montage(pictures: Tensor, columns: int, gap: tuple[int, int] = (0, 0), between: float = 0) -> Tensor:
    """Pictures (N, C, H, W) in rows of so many columns, as one: (C, height, width).

    `gap` are the pixels between rows and between columns; these, and the places left over, have the value `between`.
    """
    N, C, H, W = pictures.shape
    rows, (down, right) = max(1, -(-N // columns)), gap
    places = pictures.new_full((rows * columns, C, H + down, W + right), between)
    places[:N, :, :H, :W] = pictures
    whole = places.view(rows, columns, C, H + down, W + right).permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)
    return whole[:, : rows * (H + down) - down, : columns * (W + right) - right]


def tile(pixels: Tensor, code: int) -> str:
    """A code's tile (C, 4, 4) in [0, 1], as large as its place is wide."""
    picture = data_uri((pixels * 255).round().to(torch.uint8))
    return f'{STYLE}<img class="tile" src="{picture}" alt="Tile of code {code}">'


def patches(pixels: Tensor, inside: Tensor, captions: Sequence[str], titles: Sequence[str], places: int) -> str:
    """Patches (M, C, height, width) uint8, each with its class below; `places` keeps its room where there are fewer.

    Hatching shows what lies beyond the border. `titles` say more of each patch, on hover and to screen readers.
    """
    figures = [
        f'<figure title="{title}"><img src="{data_uri(patch, within)}" alt="{title}"><figcaption>{caption}</figcaption>'
        "</figure>"
        for patch, within, caption, title in zip(pixels, inside, captions, titles, strict=True)
    ]
    empty = '<figure aria-hidden="true"><div class="none"></div><figcaption>&nbsp;</figcaption></figure>'
    return f'{STYLE}<div class="patches">{"".join(figures)}{empty * (places - len(figures))}</div>'


def stacks(layers: Sequence[Tensor], columns: int, title: str) -> str:
    """Pictures above one another, layers of (M, C, H, W) uint8 each, as one picture of so many columns of stacks."""
    M, _, H, W = layers[0].shape
    gap = max(1, H // 14)
    stacked = torch.cat(tuple(layers), 2)  # (M, C, layers H, W)
    sheet = montage(stacked, columns, (2 * gap, gap))
    filled = montage(torch.ones(M, 1, len(layers) * H, W, dtype=torch.bool), columns, (2 * gap, gap))[0]
    return (
        '<img style="width: 100%; image-rendering: pixelated; display: block; border-radius: 4px" '
        f'src="{data_uri(sheet, filled)}" alt="{title}">'
    )


def tiles(pictures: Tensor, codes: Sequence[int]) -> str:
    """The tiles (M, C, 4, 4) in [0, 1] of codes, each above its number."""
    shades = (pictures * 255).round().to(torch.uint8)
    figures = [
        f'<figure title="code {code}"><img src="{data_uri(one)}" alt="Tile of code {code}">'
        f"<figcaption>{code}</figcaption></figure>"
        for one, code in zip(shades, codes, strict=True)
    ]
    return f'{STYLE}<div class="patches">{"".join(figures)}</div>'
