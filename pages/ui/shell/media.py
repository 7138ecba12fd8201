"""Large things that never change, at addresses that a browser fetches them from when it needs them."""

import streamlit as st
from streamlit import runtime


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
