"""A page to take home: one HTML file with a model, its prior, and the app's own components; no server, no network.

What Python's wrappers give to components lies in the file, packed; `takeaway.js` mounts the same modules as the app
does. What the server alone can do is not in the page.
"""

import html
from collections.abc import Mapping
from pathlib import Path

from pages.ui.components.shared import module
from pages.ui.takeaway.contents import Start, parts_of
from pages.ui.takeaway.theme import theme
from vqvae import data, owner, prior_file
from vqvae.checkpoint import SHIPPED, Checkpoint
from vqvae.images import find
from vqvae.prior_file import TrainedPrior

__all__ = ["Shown", "Start", "page", "parts_of", "parts_of_model", "show"]

FOLDER = Path(__file__).parent


def page(title: str, parts: Mapping[str, str], *, embedded: bool = False) -> str:
    """The whole page, of the parts that `parts_of` gives; `embedded` shows the canvas alone, as `?embed=1` does."""
    inlined = "\n".join(
        f'<script type="application/octet-stream" data-part="{name}">{text}</script>' for name, text in parts.items()
    )
    fills = {
        "title": html.escape(title),
        "embedded": "data-embedded" if embedded else "",
        "style": theme() + (FOLDER / "page.css").read_text(),
        "parts": inlined,
        "boot": _in_html(module(FOLDER / "boot.js")),
    }
    text = (FOLDER / "page.html").read_text()
    for name, fill in fills.items():
        text = text.replace(f"<!--{name}-->", fill)
    return text


def _in_html(script: str) -> str:
    """The same script; none of its strings ends the element that it stands in, or begins a comment there."""
    return script.replace("</", "<\\/").replace("<!--", "<\\!--")


def parts_of_model(model: str, images: Path | None = None) -> tuple[str, dict[str, str]]:
    """A page's title and parts, of a checkpoint's file, or of another model as `vqvae.owner` names them.

    The page begins with one of these images, else of those that the model brings along or was trained on. The prior is
    the one beside the model's file, if there is one. Raises AdapterError, CheckpointError, DataError, and CanvasError
    for a model that cannot run in the browser.
    """
    checkpoint, brought = owner.opened(model)
    if images is not None:
        brought = find(images).read(checkpoint.model.config.image_shape).everything
    shown = brought or data.load(data.PHOTOS if checkpoint.dataset == data.PHOTOS else data.EMBEDDED, "all")
    title = owner.file_of(model).stem
    trained = prior_file.load(owner.prior_beside(model), checkpoint.fingerprint)
    return title, parts_of(title, checkpoint, trained, shown)


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


def show(
    checkpoint: Checkpoint | Path | str = SHIPPED["default"],
    trained: TrainedPrior | None = None,
    *,
    whole: bool = False,
    height: int = 720,
) -> Shown:
    """A model's canvas for a notebook, where it stands as the last line of a cell; `whole` shows the whole page.

    A checkpoint in a file comes with the prior beside it, one that is at hand with `trained`, if given. `height` is in
    pixels. Raises what `parts_of_model` does.
    """
    if isinstance(checkpoint, Checkpoint):
        title, parts = "Your model", parts_of("Your model", checkpoint, trained, data.load(data.EMBEDDED, "all"))
    else:
        title, parts = parts_of_model(str(checkpoint))
    return Shown(page(title, parts, embedded=not whole), height)
