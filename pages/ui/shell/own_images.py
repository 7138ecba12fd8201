"""Images of one's own, to look at a model with and to train on: what takes a file in, and a row for each set."""

from collections.abc import Mapping

import streamlit as st

from pages.ui import resources
from pages.ui.resources import ImageSource
from pages.ui.shell.in_view import in_view
from pages.ui.shell.messages import attempt, plain, say, show
from pages.ui.shell.url_state import PageState
from pages.ui.shell.words import counted
from vqvae.data import DataError
from vqvae.limits import UPLOADS, VISITORS_IMAGES
from vqvae.runs.own_images import ENDINGS, Entry, OwnImageSets
from vqvae.runs.visitor import Visitor

LONGEST_TITLE = 24  # letters of a set's title in a list


def sets_of(me: Visitor | None) -> dict[str, Entry]:
    """A visitor's own sets by their names."""
    return {entry.name: entry for entry in OwnImageSets(me).entries()} if me else {}


def titles_of(me: Visitor | None) -> dict[str, str]:
    """What a visitor's own sets are called in lists, by their names; no two alike, since a list knows them by that."""
    titles: dict[str, str] = {}
    for name, entry in sets_of(me).items():
        title = entry.title if len(entry.title) <= LONGEST_TITLE else f"{entry.title[: LONGEST_TITLE - 1].rstrip()}…"
        told, number = f"{title} ({counted(entry.count, 'image')})", 2
        while told in titles.values():
            told, number = f"{title} {number} ({counted(entry.count, 'image')})", number + 1
        titles[name] = told
    return titles


def available_images(me: Visitor | None) -> dict[str, ImageSource]:
    """What a page may be measured on: everybody's digits and the visitor's own sets, by their names in an address."""
    own = {name: ImageSource(name, "all", str(OwnImageSets(me).folder)) for name in sets_of(me)} if me else {}
    return resources.available_digits() | own


def chosen_images(name: str, available: Mapping[str, ImageSource]) -> ImageSource:
    """Those of a name in an address. Raises DataError where they have gone since it was checked."""
    if name not in available:
        raise DataError("They have been deleted in the meantime: load this page again.")
    return available[name]


def _place(state: PageState) -> str:
    """Where it says what became of a file, and keeps which it has seen: of one page, which Start over renews."""
    return f"{state.page}.own-images"


def adopt(state: PageState, name: str) -> None:
    """Choose the set that has just come in, in this field of the address; before any widget is drawn."""
    if (new := st.session_state.pop(f"{_place(state)}.new", None)) is not None:
        state[name] = new


def ask(state: PageState, name: str, me: Visitor | None) -> None:
    """A button that opens what `bring` is."""
    with st.popover("Bring your own", icon=":material/add_photo_alternate:", disabled=me is None):
        if in_view(state, "own-images"):
            bring(state, name, me)


def bring(state: PageState, name: str, me: Visitor | None) -> None:
    """What takes a file in, and lets go of what came before.

    What comes in is chosen by the run to follow, in this field of the address (`adopt`).
    """
    if me is None:
        return
    sets, place = OwnImageSets(me), _place(state)
    file = st.file_uploader(
        "Upload images",
        type=[ending.removeprefix(".") for ending in ENDINGS],
        key=f"{place}.upload.{state.restarts}",
        max_upload_size=VISITORS_IMAGES.file // 2**20,
        help="A .zip of images or of folders of images, one folder a class; arrays in .npz, called images and "
        "labels, or as MedMNIST calls them; a .parquet file of Hugging Face’s hub.",
    )
    st.caption(
        "Photographs are cut to one shape, at most 64 pixels a side. Training holds a tenth out for testing; "
        f"Codebook and Map look at {resources.MOST_OWN:,} of them at most. You alone see them; they stay on this "
        "server until you delete them."
    )
    if file is not None and st.session_state.get(f"{place}.taken") != file.file_id:
        st.session_state[f"{place}.taken"] = file.file_id
        if not resources.uploads().allows(str(sets.folder), UPLOADS.value):
            say(place, "error", f"More than {UPLOADS.value} uploads within a minute: wait a moment.")
        else:
            _take(place, sets, file.getvalue(), file.name)
        st.rerun()  # what is drawn by now is of the images before
    show(place)
    for entry in sets.entries():
        _row(state, name, sets, entry)


def _take(place: str, sets: OwnImageSets, content: bytes, filename: str) -> None:
    def take() -> None:
        entry = sets.add(content, filename)
        st.session_state[f"{place}.new"] = entry.name
        height, width = entry.shape[1:]
        say(
            place,
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
        attempt(place, take)


def _row(state: PageState, name: str, sets: OwnImageSets, entry: Entry) -> None:
    def delete() -> None:
        sets.delete(entry.name)
        resources.forget_own_images()
        if state[name] == entry.name:
            state[name] = state.fields[name].usual

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
            key=f"{_place(state)}.delete.{entry.name}",
            on_click=attempt,
            args=(_place(state), delete),
        )
