"""The map itself: digits and cells on a canvas, the codebook as a figure, and below it how to read them."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from pages.ui import resources
from pages.ui.charts.colors import code_colors
from pages.ui.charts.map_of_codes import map_of_codes
from pages.ui.charts.toolbar import MAP_TOOLBAR
from pages.ui.components.scatter import Coloring, Mark, Plot, scatter, send_sheet
from pages.ui.map.choices import METHODS
from pages.ui.map.coloring import by_class, by_code, by_error
from pages.ui.map.view import MapView
from pages.ui.shell.canvas_state import drawn
from pages.ui.shell.code_selection import Picking
from vqvae.analysis.neighbours import between, nearest_digits
from vqvae.analysis.projection import SPACES
from vqvae.data import fitted_pixels

NEIGHBOURS, LINES = 10, 5  # of a drawing: digits that place it, and those it is tied to


def draw(view: MapView, positions: np.ndarray) -> Sequence[int]:
    """The map, with the key to it; the numbers of the digits, or of the codes, that are selected."""
    marks = from_draw(view, positions)
    selected = picture(view, positions, marks)
    legend(view, marks)
    return selected


def picture(view: MapView, positions: np.ndarray, marks: Sequence[Mark]) -> Sequence[int]:
    return _codes(view, positions) if view.noun == "codes" else _digits(view, positions, marks)


def legend(view: MapView, marks: Sequence[Mark]) -> None:
    """How to read what is on the map."""
    if view.noun == "codes":
        dead = len(view.usage.dead)
        st.caption(
            "Box and lasso are above the map. Larger: used more. Colour: the digit whose images use it most. "
            f"Measured on {view.digits.described}"
            + (f"; hollow: the {dead} dead codes, which none of them uses." if dead else ", which use every code.")
        )
    elif marks:
        st.caption(
            f"The star is what you left on Draw. It lies at the mean of its {NEIGHBOURS} nearest digits, weighted by "
            f"their distance in code space, not where t-SNE would put it; lines lead to the nearest {LINES}."
        )


def from_draw(view: MapView, positions: np.ndarray) -> tuple[Mark, ...]:
    """What was drawn on Draw, among its nearest digits on this map."""
    pixels = drawn()
    if view.noun != "digits" or pixels is None or not pixels.any():
        return ()
    grid = view.checkpoint.model.encode(fitted_pixels(pixels, view.config).unsqueeze(0) / 255)[0]
    near = nearest_digits(view.checkpoint.model, grid, view.encoded.codes[view.points.indices], NEIGHBOURS)
    place = between(positions[near.indices], near)
    return (Mark(place, "from Draw", view.points.indices[near.indices[:LINES]].tolist()),)


def send_pictures(view: MapView) -> None:
    """Bring what the canvas shows of each point to the browser, once a model and data set."""
    if view.noun != "codes":
        send_sheet(resources.sheet(view.checkpoint, *view.source), "map.sheet")


def _digits(view: MapView, positions: np.ndarray, marks: Sequence[Mark]) -> np.ndarray:
    """The digits, or their single cells, on the canvas; the digits selected."""
    chosen = scatter(
        Plot(
            positions=positions,
            ids=view.ids,
            coloring=_coloring(view),
            labels=view.digits.labels[view.points.indices].numpy(),
            sheet=resources.sheet_name(view.checkpoint, *view.source),
            view=f"{view.checkpoint.fingerprint} {view.settings.space} {view.settings.method}",
            title=f"Map of {view.what} of the {view.digits.described}.",
            noun=view.noun,
            cells=view.cells,
            columns=view.config.grid[1],
            marks=tuple(marks),
        ),
        view.canvas,
        len(view.digits) * max(1, view.cells),
    )
    return np.unique(chosen // view.cells) if view.cells else chosen


def _coloring(view: MapView) -> Coloring:
    match view.state["color"]:
        case "error":
            nmse = view.reconstructions.nmse
            return by_error(nmse, nmse[view.points.indices])
        case "code":
            return by_code(view.of_points, code_colors(view.checkpoint.model.vq_layer.codebook))
        case _:
            return by_class(view.digits.labels[view.points.indices])


def _codes(view: MapView, positions: np.ndarray) -> list[int]:
    """The codebook in plotly; the codes selected."""
    state, method = view.state, view.settings.method
    picking = Picking("map.codes", state.key("code"), (view.key, method, view.source, state.restarts))
    picked = [] if picking.picked is None else [picking.picked]
    event = st.plotly_chart(
        map_of_codes(positions, view.usage.all_cells.by_class, picked),
        key=picking.key,
        on_select=picking.on_select,
        selection_mode=("points", "box", "lasso"),
        config=MAP_TOOLBAR,
        alt=f"Map of the {view.config.num_embeddings} codes: {SPACES['codes']} laid out by {METHODS[method]}",
    )
    return sorted({int(point["customdata"][0]) for point in event.selection.points if "customdata" in point}) or picked
