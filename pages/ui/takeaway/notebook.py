"""The page in a notebook: `show(checkpoint)` as the last line of a cell."""

import html
from pathlib import Path

from pages.ui.takeaway import page, parts_of
from vqvae import checkpoint as checkpoints
from vqvae import data, prior_file
from vqvae.checkpoint import Checkpoint


class Shown:
    """A page as a notebook shows it: in a frame, with nothing from elsewhere."""

    def __init__(self, text: str, height: int) -> None:
        self.text = text
        self.height = height

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{html.escape(self.text)}" title="VQ-VAE Explorer" '
            f'style="width: 100%; height: {self.height}px; border: 0"></iframe>'
        )
