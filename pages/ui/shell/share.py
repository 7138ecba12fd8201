"""A link that restores what is on the screen, to copy, and as a QR code for those who watch; a page to take home."""

from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st
from streamlit.components.v2 import component

from pages.ui.shell import take_home
from pages.ui.shell.link_codec import LONGEST, qr_code, write_link
from vqvae.runs.own_checkpoints import is_own

DISPENSABLE = ("edits", "drawing")  # what a link leaves out where it would be too long
LEFT_OUT = {"edits": "the edited codes", "drawing": "the drawing"}

HTML = '<div><input readonly aria-label="Link to this view" /><button>Copy link</button></div>'
STYLE = """
div { display: flex; gap: 0.5rem; }
input, button {
  font: inherit; padding: 0.45rem 0.7rem;
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius);
}
input { flex: 1; min-width: 0; color: var(--st-text-color); background: var(--st-secondary-background-color); }
button { cursor: pointer; color: var(--st-background-color); background: var(--st-primary-color); font-weight: 600; }
"""
_copy = component("vqvae_copy", html=HTML, css=STYLE, js=Path(__file__).with_suffix(".js").read_text())


@st.dialog("Share this view")
def share(fields: dict[str, str], not_in_link: str, taken: take_home.Taken) -> None:
    """Show the link to this page with these fields of the address, but for the stage, which is the speaker's."""
    page = st.context.url or ""
    fields = {name: text for name, text in fields.items() if name != "present"}
    link, gone = write_link(page.split("?")[0], fields, DISPENSABLE)
    _copy(key="share.copy", data={"link": link})
    st.html(f'<div style="max-width: 24rem; margin: 0 auto">{qr_code(link)}</div>')
    notes = [f"{len(link):,} characters. Whoever opens it sees this page as it is now; what they change stays theirs."]
    if not_in_link:
        notes.append(not_in_link)
    if gone:
        left_out = " and ".join(LEFT_OUT[name] for name in gone)
        notes.append(f"A link holds {LONGEST:,} characters at most, so {left_out} had to be left out.")
    if any(map(is_own, fields.values())):
        notes.append("Your own models are on this server and yours alone: others see a shipped one in their place.")
    if urlsplit(page).hostname in ("localhost", "127.0.0.1", "::1"):
        notes.append(
            "This address works on this machine alone. For an audience, start the app with "
            "`--server.address 0.0.0.0` and open it by the machine’s name."
        )
    for note in notes:
        st.caption(note)
    take_home.offer(taken)
