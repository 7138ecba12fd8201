"""A full data set that is not on the machine: the server fetches it for everybody while whoever asked looks on."""

import streamlit as st

from pages.ui import resources
from vqvae.background.download import Progress
from vqvae.paths import data_folder
from vqvae.runs.visitor import Visitor

EVERY = 0.5  # seconds between two looks at a growing file
DATASETS = {"digits": "5,000 embedded digits", "mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "kmnist": "KMNIST"}
MEGABYTES = {"mnist": 12, "fashion-mnist": 31, "kmnist": 21}


def fetching(dataset: str, me: Visitor | None) -> None:
    """A row that offers a download, or shows how far it is; drawn again alone while the file grows."""
    every = EVERY if _under_way(dataset, me) else None
    st.fragment(_row, run_every=every)(dataset, me, every)


def _under_way(dataset: str, me: Visitor | None) -> bool:
    run = resources.downloads().of(me.folder.name, dataset) if me else None
    return run is not None and run.running


def _row(dataset: str, me: Visitor | None, every: float | None) -> None:
    if (every is not None) != _under_way(dataset, me):
        st.rerun()  # the whole page, to start or stop the clock, and where the data set is there now
    run = resources.downloads().of(me.folder.name, dataset) if me else None
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="train-fetch"):
        if every is not None:
            st.button(
                "Cancel",
                key="train.fetch.cancel",
                icon=":material/close:",
                on_click=run.leave,
                args=(me.folder.name,),
            )
            st.progress(run.progress, f"Downloading {DATASETS[dataset]}: {_said(run.sketch)}", width=480)
        else:
            st.button(
                f"Download {DATASETS[dataset]}",
                key="train.fetch.ask",
                icon=":material/download:",
                on_click=resources.downloads().start,
                args=(dataset, me.folder.name if me else ""),
                disabled=me is None,
            )
            st.caption(
                f"Not on this machine yet: about {MEGABYTES[dataset]} MB, downloaded once, into `{data_folder()}`."
            )
    if run is not None and run.error:
        st.error(run.error.partition(": ")[2])


def _said(progress: Progress | None) -> str:
    """Such as "file 1 of 4, 12.3 of 26.4 MB"."""
    if progress is None:
        return "connecting"
    size = f"{progress.bytes / 1e6:.1f}" + (f" of {progress.total / 1e6:.1f}" if progress.total else "")
    return f"file {progress.file} of {progress.files}, {size} MB"
