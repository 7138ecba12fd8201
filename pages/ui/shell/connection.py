"""A lost connection is no end: a quiet mark says so, and what runs in the browser goes on.

Streamlit opens a dialog over the whole page then, which takes every pointer and key away from the pen. It is closed as
it opens; the mark is shown for as long as the connection is gone. Once it is back, the page runs by itself: behind it
may be a server that knows nothing of this page.
"""

from pathlib import Path

from streamlit.components.v2 import component

_component = component(
    "vqvae_lifeline",
    html='<p role="status">No connection to the server. Drawing and editing go on; the rest waits.</p>',
    css=Path(__file__).with_suffix(".css").read_text(),
    js=Path(__file__).with_suffix(".js").read_text(),
    isolate_styles=False,  # the app's own element says whether there is a connection
)


def lifeline() -> None:
    """Draw the mark, unseen while all is well."""
    _component(key="lifeline", on_back_change=_run)


def _run() -> None:
    """The word of it makes the page run again; that is all."""
