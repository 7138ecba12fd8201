"""Colours that stay apart for every eye, measured with independent implementations of the published formulae."""

import itertools

import colour
import numpy as np
import pytest
import torch
from colour.blindness import matrix_cvd_Machado2009

from pages.ui.charts.colors import CLASS_COLORS, code_colors

VISION = {
    "normal": np.eye(3),
    **{name: matrix_cvd_Machado2009(name, 1.0) for name in ("Protanomaly", "Deuteranomaly", "Tritanomaly")},
}


def lab(hexes: list[str], vision: np.ndarray = VISION["normal"]) -> np.ndarray:
    """CIE Lab of hex colours as an eye with this vision sees them; the deficiencies act on linear light."""
    encoded = np.array([[int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)] for text in hexes])
    seen = np.clip(colour.models.eotf_sRGB(encoded) @ vision.T, 0, 1)
    return colour.XYZ_to_Lab(colour.RGB_to_XYZ(seen, "sRGB"))


@pytest.mark.parametrize("vision", VISION)
def test_any_two_class_colours_differ_by_ten_or_more_in(vision):
    seen = lab(list(CLASS_COLORS), VISION[vision])
    differences = [colour.delta_E(a, b, method="CIE 2000") for a, b in itertools.combinations(seen, 2)]
    assert len(CLASS_COLORS) == 10
    assert min(differences) >= 10


def test_similar_codes_wear_similar_colours():
    codebook = torch.randn(128, 16, generator=torch.Generator().manual_seed(0))
    codebook[:, :3] *= 4  # most of its variance lies in three directions, as a trained codebook's does
    seen = lab(code_colors(codebook))
    apart = torch.cdist(codebook, codebook)
    rows = range(len(codebook))
    nearest = [int(apart[row].argsort()[1]) for row in rows]
    farthest = [int(apart[row].argmax()) for row in rows]
    to_nearest = np.median([np.linalg.norm(seen[row] - seen[nearest[row]]) for row in rows])
    to_farthest = np.median([np.linalg.norm(seen[row] - seen[farthest[row]]) for row in rows])
    assert to_nearest < 0.5 * to_farthest


@pytest.mark.parametrize(("K", "D"), [(1, 16), (2, 1), (37, 5), (512, 64)])
def test_every_codebook_gets_one_colour_a_code(K, D):
    colors = code_colors(torch.randn(K, D, generator=torch.Generator().manual_seed(1)))
    assert len(colors) == K
    assert all(len(color) == 7 and int(color[1:], 16) >= 0 for color in colors)
