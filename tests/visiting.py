"""A page as a visitor without a browser finds it: Streamlit's AppTest through the app's own entry script."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from pages.ui import caches, resources

APP = str(Path(__file__).parents[1] / "app.py")
PATIENCE = 180  # seconds: the first run of a process imports torch, and the machine may be busy


def visit(page: str, *, token: str | None = None, patience: float = PATIENCE, **address: str) -> AppTest:
    """The page in a new session, as from a link with these fields; of the visitor with this token, if any."""
    visitor = AppTest.from_file(APP, default_timeout=patience)
    if page != "home":
        visitor.switch_page(f"pages/{page}.py")
    if token is not None:
        visitor.session_state["visitor.token"] = token
    for name, value in address.items():
        visitor.query_params[name] = value
    return visitor.run()


def near_at_once(*, on_near_change: Callable[[], None], **_: object) -> None:
    """What the browser of a visitor who looks at all of a page says of each part that waits to be looked at."""
    on_near_change()


def text_of(page: AppTest) -> str:
    """Every word that stands on the page outside its widgets and pictures."""
    assert not page.exception, page.exception
    kinds = (page.subheader, page.markdown, page.caption, page.info, page.warning, page.error)
    return "\n".join([*(element.value for kind in kinds for element in kind), html_of(page)])


def html_of(page: AppTest) -> str:
    """The page's own HTML, such as scales and montages."""
    return "\n".join(element.proto.body for element in page.get("html"))


def forget_images() -> None:
    """Nothing is kept any more of what was made of images: others may stand for them."""
    for each in (*caches._BySource.all, *caches._Computed.all):
        each.clear()
    resources.built.clear()


def colour_images(count: int = 40) -> bytes:
    """An npz file of images of CIFAR-10's size, of two classes in turn."""
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    np.savez_compressed(file, images=pixels, labels=np.arange(count) % 2)
    return file.getvalue()


def uploaded(page: AppTest, name: str, content: bytes) -> AppTest:
    """The page once a visitor has brought images of their own."""
    (uploader,) = [one for one in page.file_uploader if one.label == "Upload images"]
    return uploader.set_value((name, content, "application/octet-stream")).run()
