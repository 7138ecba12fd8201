"""What a run of a page repeats: few figures are built; no image is encoded, no weights are hashed."""

from collections import Counter

import plotly.graph_objects as go
import pytest

from tests.visiting import text_of, visit
from vqvae.model import VQVAE


@pytest.fixture
def counted(monkeypatch) -> Counter:
    """How often something costly was done, by its name."""
    counted: Counter = Counter()

    def count(owner: object, name: str) -> None:
        original = getattr(owner, name)

        def counting(*arguments, **options):
            counted[name] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, counting)

    count(go.Figure, "__init__")
    count(VQVAE, "latents")
    count(VQVAE, "encode")
    count(VQVAE, "state_dict")  # which a fingerprint hashes
    return counted


@pytest.mark.parametrize(
    ("page", "address", "figures"),
    [
        ("codebook", {}, 0),
        ("codebook", {"section": "neighbours"}, 0),
        ("codebook", {"section": "compare"}, 1),  # the curves of both
        ("map", {}, 0),
        ("map", {"show": "codes", "method": "pca"}, 1),  # the classes of those selected
    ],
)
def test_a_rerun_builds_no_figure_that_all_share_and_encodes_and_hashes_nothing(counted, page, address, figures):
    opened = visit(page, **address)
    counted.clear()
    text_of(opened.run())
    assert counted["__init__"] == figures
    assert counted["latents"] + counted["encode"] + counted["state_dict"] == 0
