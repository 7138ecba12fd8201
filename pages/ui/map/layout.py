"""Where the points of a map lie: known, being computed, or only where t-SNE starts."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st

from pages.ui import resources
from pages.ui.map import search_box
from pages.ui.map.view import MapView
from pages.ui.shell.job import Work
from vqvae.analysis.projection import SPACES, vectors_of
from vqvae.background.jobs import Job

STYLE = Path(__file__).with_name("map.css").read_text()
POINTS_A_SECOND = 120  # that t-SNE lays out, about


class Known(NamedTuple):
    positions: np.ndarray  # (N, 2)


class Running(NamedTuple):
    positions: np.ndarray  # (N, 2), as far as t-SNE has come


class Start(NamedTuple):
    positions: np.ndarray  # (N, 2): the principal components


def of(view: MapView, pace: float | None) -> Known | Running | Start:
    """Where the points lie now. Runs the whole page again where a layout began or ended since it chose its pace."""
    work = work_of(view)
    work.keep(pace)
    positions = _found(view)
    if positions is not None:
        return Known(positions)
    sketch = work.job.sketch if work.job and work.running else None
    if sketch is not None:
        return Running(sketch)
    components = view.principal_components
    return Running(components) if work.running else Start(components)


def work_of(view: MapView) -> Work:
    """The computing of this map."""

    def start(visitor: str) -> Job:
        encoded = view.encoded  # here, since the thread may not speak to the page

        def vectors() -> np.ndarray:
            return vectors_of(view.checkpoint.model, view.digits, encoded, view.settings.space, view.points)

        return resources.maps().start(view.key, vectors, view.settings, visitor)

    me = view.scene.visitor
    return Work("map", view.key, start, me.folder.name if me else None)


def pace(view: MapView) -> float | None:
    """How often to look at the map; starts it where nobody need ask: the settings were sent, or it takes a moment."""
    work = work_of(view)
    work.rejoin(resources.maps().of)
    sent = st.session_state.pop("map.sent", False)
    if (sent or (view.noun == "codes" and work.job is None)) and _found(view) is None:
        work.ask()
    if work.error:
        st.error(f"This map could not be computed ({work.error}). Change a setting and try again.")
    return work.pace


def button(view: MapView, now: Known | Running | Start) -> None:
    """The button that starts a map or calls it off, where there is one to start."""
    if not isinstance(now, Known):
        seconds = max(2, len(view.points.indices) // POINTS_A_SECOND)
        work_of(view).button(f"Compute t-SNE (about {seconds} s)", primary=True)


def status(view: MapView, now: Known | Running | Start) -> None:
    """Which map this is, or how far it has come."""
    st.html(f"<style>{STYLE}</style>")
    with st.container(key="map-said"):
        words(view, now)


def words(view: MapView, now: Known | Running | Start) -> None:
    if isinstance(now, Running):
        work_of(view).progress(lambda job: f"Laying out {view.what}{_left(job)}", width=360)
    elif isinstance(now, Start):
        st.caption("This map is not computed yet. You see where it starts: the principal components.")
    else:
        said = search_box.said(view)
        if said:
            st.caption(said)
        if view.scene.presenting or not said:
            st.caption(_which(view))


def _found(view: MapView) -> np.ndarray | None:
    """The positions where they are known, and principal components always are."""
    if view.settings.method == "pca":
        return view.principal_components
    return resources.maps().find(view.key, len(view.points.indices))


def _left(job: Job) -> str:
    return ": measuring distances" if job.seconds_left is None else f", about {job.seconds_left:.0f} s left"


def _which(view: MapView) -> str:
    """What lies where, in a sentence or two."""
    settings = view.settings
    points = f"{len(view.points.indices):,} {SPACES[settings.space].format(images=view.digits.many)}"
    if settings.method == "pca":
        return f"The two leading principal components of {points}."
    return (
        f"t-SNE of {points}; neighbourhood size {settings.neighbourhood}, "
        f"seed {settings.seed}. Near means alike; gaps between clusters, and their sizes, mean little."
    )
