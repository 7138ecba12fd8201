"""Colours, each with one meaning everywhere: a class of digits, or a code.

Classes wear Petroff's ten ("Accessible Color Sequences for Data Visualization", 2021): apart in normal vision
and under the three colour deficiencies. Similar codes wear similar colours: principal components span OKLab
(Ottosson 2020), a space in which equal steps look equal. No colour ever stands without an index or a tile beside it.
"""

import torch
from torch import Tensor

CLASS_COLORS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)


def class_colors(count: int) -> list[str]:
    """A colour for each of so many classes; after ten they come again, which the names beside them tell apart."""
    return [CLASS_COLORS[label % len(CLASS_COLORS)] for label in range(count)]


# OKLab to linear sRGB, by way of cube-rooted cone responses (Ottosson 2020).
_TO_CONES = torch.tensor(
    [[1.0, 0.3963377774, 0.2158037573], [1.0, -0.1055613458, -0.0638541728], [1.0, -0.0894841775, -1.2914855480]]
)
_TO_RGB = torch.tensor(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def code_colors(codebook: Tensor) -> list[str]:
    """A colour for each code: (K, D) -> K strings such as "#3f90da", all of middling lightness."""
    K = len(codebook)
    centred = (codebook - codebook.mean(0)).cpu().double()
    _, _, axes = torch.linalg.svd(centred, full_matrices=False)  # (min(K, D), D)
    # An axis has no sign of its own: fix it, so that the same codebook is coloured alike on every machine.
    signs = axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
    components = torch.zeros(K, 3)
    kept = min(3, len(axes))
    components[:, :kept] = (centred @ (axes * signs)[:kept].t()).float()
    # Ranks rather than values: codebooks crowd near their middle, and crowded codes would look alike.
    ranks = components.argsort(0).argsort(0).float() / max(K - 1, 1) * 2 - 1  # (K, 3) in [-1, 1]
    a, b, lightness = (ranks * torch.tensor([0.13, 0.13, 0.09])).unbind(1)
    return [_hex(color) for color in torch.stack((0.66 + lightness, a, b), 1)]


def _hex(oklab: Tensor) -> str:
    linear = (_TO_RGB @ (_TO_CONES @ oklab) ** 3).clamp(0, 1)
    encoded = torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (round(float(channel) * 255) for channel in encoded)
    return f"#{red:02x}{green:02x}{blue:02x}"
