"""The frame around every page: title, menu, the picker of checkpoints, what stands below it, one heading and its lead.

On a stage, for an audience, there is the heading alone; a clicker's keys lead from page to page in the menu's order.
"""

import atexit
import gc
import sys
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import NamedTuple

import streamlit as st
from streamlit.components.v2 import component

from pages.ui import resources
from pages.ui.shell import presenting
from pages.ui.shell.connection import lifeline
from pages.ui.shell.in_view import in_view
from pages.ui.shell.messages import plain
from pages.ui.shell.share import share
from pages.ui.shell.take_home import Taken
from pages.ui.shell.url_state import Field, PageState, whole
from pages.ui.shell.visitor import visitor
from vqvae.checkpoint import SHIPPED, Checkpoint, CheckpointError
from vqvae.data import DataError
from vqvae.explorable import AdapterError
from vqvae.prior_file import TrainedPrior
from vqvae.runs.own_checkpoints import Entry, OwnCheckpoints, is_own
from vqvae.runs.visitor import Visitor

STYLE = Path(__file__).with_name("frame.css").read_text()
ICON = Path(__file__).with_name("icon.svg")  # a named icon would be fetched from elsewhere

MENU = (
    ("app.py", "Home", ":material/home:"),
    ("pages/draw.py", "Draw", ":material/draw:"),
    ("pages/generate.py", "Generate", ":material/auto_awesome:"),
    ("pages/codebook.py", "Codebook", ":material/grid_view:"),
    ("pages/map.py", "Map", ":material/scatter_plot:"),
    ("pages/train.py", "Train", ":material/model_training:"),
)
NEXT = "model.next"  # the checkpoint that the next page opens with, where one page says so
_menu = component("vqvae_menu", js=Path(__file__).with_name("menu.js").read_text())


class Scene(NamedTuple):
    """What every page works on."""

    name: str  # of the checkpoint, as in the address
    checkpoint: Checkpoint
    state: PageState
    visitor: Visitor | None  # None in the moment before the browser has said who it is
    titles: dict[str, str]  # of all checkpoints that the picker offers, by their names
    presenting: bool  # for an audience: the page shows one picture on one screen

    def open(self, name: str) -> Checkpoint:
        """Another checkpoint of those offered. Raises CheckpointError."""
        return _open(name, OwnCheckpoints(self.visitor) if self.visitor else None)

    def open_next(self, name: str) -> None:
        """Let the page that follows open with another checkpoint: on this one, its picker stands already."""
        st.session_state[NEXT] = name

    def fragment(self, function: Callable[[], None], run_every: float | None = None) -> None:
        """Draw a part of the page that also runs alone; each of its runs ends as the page's do."""

        @wraps(function)  # Streamlit tells fragments apart by their names
        def whole() -> None:
            with _ending_well(self.state):
                function()

        st.fragment(whole, run_every=run_every)()

    def further_down(self, function: Callable[[], None]) -> None:
        """Draw such a part once the visitor comes near it."""
        with st.container():
            if in_view(self.state, function.__name__):
                self.fragment(function)


def told_apart(entries: Sequence[Entry]) -> dict[str, str]:
    """The titles of a visitor's models by their names: no two the same, since a list knows its options by them."""
    titles: dict[str, str] = {}
    taken = set(resources.everybodys().values())
    for name, title, _ in entries:
        number = 2
        told = title
        while told in taken:
            told, number = f"{title} ({number})", number + 1
        titles[name] = told
        taken.add(told)
    return titles


def name_of_model(offered: Container[str] | None = None) -> Callable[[str], str]:
    """A parser of checkpoints' names: of those offered; where we do not know who asks, of all that may be theirs."""

    def parse(text: str) -> str:
        known = text in resources.everybodys() or is_own(text) if offered is None else text in offered
        if not known:
            raise ValueError(f"{', '.join(resources.everybodys())}, or one of your own checkpoints")
        return text

    return parse


@contextmanager
def page(
    title: str,
    lead: str,
    fields: Sequence[Field] = (),
    heading: str | None = None,
    link_fields: Callable[[PageState], dict[str, str]] = lambda state: state.said,
    has_tour: bool = False,
    not_in_link: Callable[[], str] = str,
) -> Iterator[Scene]:
    """Draw the frame, open the chosen checkpoint, and let the page follow; it ends well, whichever way it ends.

    `title` names the page in the menu, the browser's tab and the session; `heading` stands on it in its place.
    `link_fields` gives what a shared link says, where that is more than the address; `has_tour` says whether it has
    steps of its own, so that a clicker's keys lead to another page from their ends alone. `not_in_link` says in a
    sentence what of the page a link cannot hold.

    Stops the run where no model opens. At the end the address is published; data and models that cannot be read are one
    sentence in place of what is left. A page ends with its last line: Streamlit sends nothing more after `st.stop`, and
    what follows `st.rerun` publishes.
    """
    st.set_page_config(
        page_title=f"{title} · VQ-VAE Explorer", page_icon=str(ICON), layout="wide", initial_sidebar_state=250
    )
    st.html(f"<style>{STYLE}</style>")
    _settle()
    lifeline()
    me = visitor()
    own = OwnCheckpoints(me) if me else None
    everybodys = resources.everybodys()
    first = next(iter(everybodys))
    titles = everybodys | (told_apart(own.entries()) if own else {})

    everywhere = (
        Field("model", name_of_model(titles if own else None), first, shared=True),
        Field("present", whole(0, 1), 0, shared=True),
    )
    state = PageState(title.lower(), (*everywhere, *fields))
    if own is not None and st.session_state.get(NEXT) in titles:
        state["model"] = st.session_state.pop(NEXT)
    if own is not None and state["model"] not in titles:  # deleted meanwhile, perhaps in another tab
        state["model"] = first
    with st.sidebar:
        st.markdown("**VQ-VAE Explorer**")
        for path, label, icon in MENU:
            st.page_link(path, label=label, icon=icon, width="stretch")
        _menu(key="menu")
        st.selectbox(
            "Model",
            [*titles, *({state["model"]} - titles.keys())],
            key=state.key("model"),
            format_func=lambda name: titles.get(name, "Your own"),
            persist_state="session",
            help="Default, Tutorial and Plane saw MNIST's 60,000 training digits. Default and Tutorial: the same "
            "network, two ways to learn the codes. Plane: latents of two numbers, which can be drawn as they are. "
            "Photos: the same network on crops of two photographs. Your own come from the Train page.",
        )
        st.button("Start over", icon=":material/restart_alt:", on_click=state.restart, width="stretch", key="restart")
        st.button(
            "Present",
            icon=":material/present_to_all:",
            on_click=state.__setitem__,
            args=("present", 1),
            width="stretch",
            key="present.on",
            help="One picture on one screen, in large type. Arrow keys or a clicker lead on, Esc comes back; "
            "there are notes for the speaker to print.",
        )
        sharing = st.button("Share", icon=":material/share:", width="stretch", key="share.ask")
    if state["present"]:
        sharing = _stage(title, state, has_tour)
    st.title(heading or title, anchor=False)
    if not state["present"]:
        st.markdown(lead)
    state.warn_again()
    if state.complaints:
        state.warn(f"Part of this address was not understood and is left out: {'; '.join(state.complaints)}.")
    if problem := resources.owner().problem:
        st.error(f"What this server was started with cannot be opened. {problem}")
    if own is None and state["model"] not in everybodys:
        st.caption("Opening your model …")  # in a moment the browser says whose it is
        st.stop()
    name, checkpoint = _open_or_another(state["model"], own, titles)
    if sharing:
        share(link_fields(state), not_in_link(), Taken(titles[name], checkpoint, _prior(name, checkpoint, own)))
    with _ending_well(state):
        yield Scene(name, checkpoint, state, me, titles, bool(state["present"]))


@contextmanager
def _ending_well(state: PageState) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        st.error(f"These images cannot be opened. {error}")
    except CheckpointError as error:
        st.error(f"This model cannot be opened. {error} Pick another one in the sidebar.")
    except AdapterError as error:
        st.error(f"This model does not do what it should. {error} Pick another one in the sidebar.")
    state.publish()


_settled = {"modules": 0}  # as many as there were at the last time
atexit.register(gc.unfreeze)  # else compiled modules complain of leaks at the end


def _settle() -> None:
    """Leave what was imported out of all garbage collections to come.

    A full collection of the 280,000 objects of torch and plotly, which live as long as the process, takes 0.15 s, in
    which no visitor is served.
    """
    if len(sys.modules) != _settled["modules"]:
        _settled["modules"] = len(sys.modules)
        gc.collect()
        gc.freeze()


def _stage(title: str, state: PageState, has_tour: bool) -> bool:
    """Set the stage, and go where the clicker says; whether the link was asked for."""
    st.html(f"<style>{presenting.STYLE}</style>")
    with st.container(key="stage", horizontal=True, gap="small"):
        sharing = st.button("Link", icon=":material/qr_code_2:", key="stage.share", type="tertiary")
        st.link_button("Notes", "notes", icon=":material/notes:", type="tertiary", help="For the speaker, in a new tab")
        st.button(
            "Esc", key="stage.leave", type="tertiary", on_click=state.__setitem__, args=("present", 0), help="Leave"
        )
    with st.container(key="stage-keys"):
        key = presenting.pressed()
    if key is None:
        return sharing
    if key.meaning == "leave":
        state["present"] = 0
        st.rerun()
    place = [label for _, label, _ in MENU].index(title) + (1 if key.meaning == "next" else -1)
    if 0 <= place < len(MENU) and (key.leads_on or not has_tour):
        st.switch_page(MENU[place][0])
    return sharing


def _open(name: str, own: OwnCheckpoints | None) -> Checkpoint:
    return resources.own_checkpoint(own, name) if own and is_own(name) else resources.checkpoint(name)


def _prior(name: str, checkpoint: Checkpoint, own: OwnCheckpoints | None) -> TrainedPrior | None:
    """Its prior to take home; a damaged one is none here, and Generate says what is wrong with it."""
    try:
        return resources.prior_of(name, checkpoint, own)
    except CheckpointError:
        return None


def _open_or_another(chosen: str, own: OwnCheckpoints | None, titles: dict[str, str]) -> tuple[str, Checkpoint]:
    """The chosen checkpoint, or, where its file is damaged, another that opens; says so by their titles."""
    for name in (chosen, *(other for other in SHIPPED if other != chosen)):
        try:
            checkpoint = _open(name, own)
        except CheckpointError as error:
            mend = "Delete it on the Train page." if is_own(name) else "Reinstall the explorer to get it back."
            st.error(f"The model “{plain(titles[name])}” cannot be opened. {error} {mend}")
            continue
        if name != chosen:
            st.info(f"You see the model “{titles[name]}” instead.")
        return name, checkpoint
    st.stop()
