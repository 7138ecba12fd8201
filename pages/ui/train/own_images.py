"""Images of one's own to train on: a row that takes a file in, and one for each set that is here."""

import streamlit as st

from pages.ui import resources
from pages.ui.shell.messages import attempt, plain, say, show
from pages.ui.shell.url_state import PageState
from pages.ui.shell.words import counted
from pages.ui.train.download import DATASETS
from vqvae.data import EMBEDDED
from vqvae.limits import UPLOADS, VISITORS_IMAGES
from vqvae.runs.own_images import ENDINGS, Entry, OwnImageSets
from vqvae.runs.run import is_own_images
from vqvae.runs.visitor import Visitor

PLACE = "train.images"  # where it says what became of a file
UNKNOWN = "Your images"  # of a visitor whom the browser has not named yet


def sets_of(me: Visitor | None) -> dict[str, Entry]:
    """A visitor's own sets by their names."""
    return {entry.name: entry for entry in OwnImageSets(me).entries()} if me else {}


def title(dataset: str, own: dict[str, Entry]) -> str:
    """What a data set, or a set of one's own, is called on the page."""
    if dataset in own:
        entry = own[dataset]
        return f"{entry.title} ({entry.training + entry.held_out:,} images)"
    return DATASETS.get(dataset, UNKNOWN)


def offered(state: PageState, me: Visitor | None) -> list[str]:
    """What there is to train on; a set that is gone is no longer chosen."""
    own = sets_of(me)
    if is_own_images(state["data"]) and state["data"] not in own:
        if me is None:
            return [*DATASETS, state["data"]]  # in a moment the browser says whose it is
        state["data"] = EMBEDDED
    return [*own, *DATASETS]


def bring(state: PageState, me: Visitor | None) -> None:
    """A popover that takes a file in, and lets go of what came before; it chooses what it takes in."""
    with st.popover("Bring your own", icon=":material/add_photo_alternate:", disabled=me is None):
        if me is None:
            return
        sets = OwnImageSets(me)
        file = st.file_uploader(
            "Upload images",
            type=[ending.removeprefix(".") for ending in ENDINGS],
            key=f"{PLACE}.upload.{state.restarts}",
            max_upload_size=VISITORS_IMAGES.file // 2**20,
            help="A .zip of images or of folders of images, one folder a class; arrays in .npz, called images and "
            "labels, or as MedMNIST calls them; a .parquet file of Hugging Face’s hub.",
        )
        st.caption(
            "Photographs are cut to one shape and made at most 64 pixels a side. A tenth is held out for testing. You "
            "alone see them; they stay on this server until you delete them."
        )
        if file is not None and st.session_state.get(f"{PLACE}.taken") != file.file_id:
            st.session_state[f"{PLACE}.taken"] = file.file_id
            if not resources.uploads().allows(str(sets.folder), UPLOADS.value):
                say(PLACE, "error", f"More than {UPLOADS.value} uploads within a minute: wait a moment.")
            else:
                _take(state, sets, file.getvalue(), file.name)
        show(PLACE)
        for entry in sets.entries():
            _row(sets, entry)


def _take(state: PageState, sets: OwnImageSets, content: bytes, filename: str) -> None:
    def take() -> None:
        entry = sets.add(content, filename)
        state["data"] = entry.name
        height, width = entry.shape[1:]
        say(
            PLACE,
            "success",
            " ".join(
                [
                    f"“{plain(entry.title)}” is here: {counted(entry.training, 'image')} to train on and "
                    f"{entry.held_out:,} held out, {height} × {width} pixels{', in colour' * (entry.shape[0] == 3)}.",
                    *map(plain, entry.said),
                ]
            ),
        )

    with st.spinner("Reading your images …"):
        attempt(PLACE, take)


def _row(sets: OwnImageSets, entry: Entry) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        channels, height, width = entry.shape
        colour = ", in colour" if channels == 3 else ""
        st.caption(
            f"**{plain(entry.title)}**: {entry.training:,} images to train on, {entry.held_out:,} held out; "
            f"{height} × {width} pixels{colour}"
        )
        st.button(
            f"Delete {plain(entry.title)}",
            icon=":material/delete:",
            key=f"{PLACE}.delete.{entry.name}",
            on_click=attempt,
            args=(PLACE, lambda: sets.delete(entry.name)),
        )
