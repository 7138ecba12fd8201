"""A full data set that is not on the machine: the server fetches it for everybody while whoever asked looks on."""

import streamlit as st

from pages.ui import resources
from pages.ui.shell.job import Work
from vqvae.background.download import Progress
from vqvae.paths import data_folder
from vqvae.runs.visitor import Visitor

DATASETS = {
    "digits": "5,000 embedded digits",
    "photos": "Crops of two photographs, in colour",
    "mnist": "MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "kmnist": "KMNIST",
}
MEGABYTES = {"mnist": 12, "fashion-mnist": 31, "kmnist": 21}


def fetching(dataset: str, me: Visitor | None, place: str = "train.fetch") -> None:
    """A row that offers a download, or shows how far it is; drawn again alone while the file grows.

    `place` tells two rows of a page apart.
    """
    visitor, downloads = me.folder.name if me else None, resources.downloads()
    work = Work(place, dataset, lambda visitor: downloads.start(dataset, visitor), visitor)
    work.rejoin(downloads.of)
    pace = work.pace

    def row() -> None:
        work.keep(pace)
        with st.container(horizontal=True, gap="small", vertical_alignment="center", key=place.replace(".", "-")):
            work.button(f"Download {DATASETS[dataset]}", ":material/download:", disabled=me is None)
            if work.running:
                work.progress(lambda job: f"Downloading {DATASETS[dataset]}: {_said(job.sketch)}", width=480)
            else:
                st.caption(
                    f"Not on this machine yet: about {MEGABYTES[dataset]} MB, downloaded once, into `{data_folder()}`."
                )
        if work.error:
            st.error(work.error.partition(": ")[2])

    st.fragment(row, run_every=pace)()


def _said(progress: Progress | None) -> str:
    """Such as "file 1 of 4, 12.3 of 26.4 MB"."""
    if progress is None:
        return "connecting"
    size = f"{progress.bytes / 1e6:.1f}" + (f" of {progress.total / 1e6:.1f}" if progress.total else "")
    return f"file {progress.file} of {progress.files}, {size} MB"
