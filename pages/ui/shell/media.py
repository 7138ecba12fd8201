"""Large things that never change, at addresses that a browser fetches them from when it needs them."""

import streamlit as st
from streamlit import runtime

from pages.ui import resources
from pages.ui.components.carrier import carry
from vqvae.checkpoint import Checkpoint
from vqvae.prior_file import TrainedPrior

GZIP = "application/gzip"  # compressed once, where the server would compress any other text for each visitor anew


def address_of(content: bytes, kind: str, place: str) -> str | None:
    """Where this page's visitor can fetch these bytes of a media type, until the page is drawn again; said each time.

    `place` tells them from all others on the page. None where there is no server. Whoever knows the address can fetch
    them too: it is a hash of the content, which nobody can guess who does not have it.
    """
    if not runtime.exists():
        return None
    path = runtime.get_instance().media_file_mgr.add(content, kind, place)
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"/{base}{path}" if base else path


def bring(name: str, packed: bytes, key: str) -> None:
    """Have the browser fetch what `carrier.pack` has packed, which components then find by its name."""
    carry(name, address_of(packed, GZIP, key), key)


def bring_model(checkpoint: Checkpoint, trained: TrainedPrior | None, key: str) -> None:
    """Have the browser fetch a model, and its prior. Raises CanvasError for one that cannot run in the browser."""
    bring(checkpoint.fingerprint, resources.carried(checkpoint, trained), key)
