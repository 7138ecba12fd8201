"""The map itself, of digits, of their cells or of the codebook, and below it how to read it."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from pages.ui import resources
from pages.ui.charts.classes import axis_of
from pages.ui.charts.colors import code_colors
from pages.ui.components.scatter import Coloring, Mark, Plot, scatter, send_sheet
from pages.ui.map.coloring import by_class, by_code, by_error, by_most_use
from pages.ui.map.view import MapView
from pages.ui.shell.canvas_state import drawn
from pages.ui.shell.media import GZIP, address_of
from vqvae.analysis.neighbours import between, nearest_digits
from vqvae.data import fitted_pixels

NEIGHBOURS, LINES = 10, 5  # of a drawing: digits that place it, and those it is tied to


def draw(view: MapView, positions: np.ndarray) -> Sequence[int]:
    """The map, with the key to it; the numbers of the digits, or of the codes, that are selected."""
    marks = from_draw(view, positions)
    selected = picture(view, positions, marks)
    legend(view, marks)
    return selected.tolist()


def legend(view: MapView, marks: Sequence[Mark]) -> None:
    """How to read what is on the map."""
    if view.noun == "codes":
        dead = len(view.usage.dead)
        st.caption(
            "Each code is its tile: larger where it is used more"
            + (f", framed in the colour of the {axis_of(view.digits.one)} that uses it most" * view.digits.labelled)
            + f". Measured on {view.digits.described}"
            + (
                f"; in a grey frame: the {f'{dead} dead codes' if dead > 1 else 'dead code'}, which no cell takes."
                if dead
                else ", which use every code."
            )
        )
    elif marks:
        st.caption(
            "The star is what is on the canvas in Draw. It lies at the mean of its "
            f"{NEIGHBOURS} nearest {view.digits.many}, weighted by their distance in code space, not where t-SNE would "
            f"put it. Lines lead to the {LINES} nearest."
        )


def from_draw(view: MapView, positions: np.ndarray) -> tuple[Mark, ...]:
    """What was drawn on Draw, among its nearest digits on this map."""
    pixels = drawn()
    if view.noun != view.digits.many or pixels is None or not pixels.any():
        return ()
    grid = view.checkpoint.model.encode(fitted_pixels(pixels, view.config).unsqueeze(0) / 255)[0]
    near = nearest_digits(view.checkpoint.model, grid, view.encoded.codes[view.points.indices], NEIGHBOURS)
    place = between(positions[near.indices], near)
    return (Mark(place, "from Draw", view.points.indices[near.indices[:LINES]].tolist()),)


def send_pictures(view: MapView) -> None:
    """Bring what the canvas shows of each point to the browser, once a model and data set."""
    codes = view.noun == "codes"
    sheet = (resources.tile_sheet if codes else resources.sheet).shown(view.checkpoint, view.source)
    name = (resources.tile_sheet_name if codes else resources.sheet_name)(view.checkpoint, view.source)
    key = f"map.sheet.{view.state.restarts}"
    send_sheet(name, address_of(sheet, GZIP, key), key)


def picture(view: MapView, positions: np.ndarray, marks: Sequence[Mark]) -> np.ndarray:
    """The points on the canvas; the codes, or the digits, selected."""
    codes = view.noun == "codes"
    name = resources.tile_sheet_name if codes else resources.sheet_name
    chosen = scatter(
        Plot(
            positions=positions,
            ids=view.ids,
            coloring=_coloring(view),
            labels=np.zeros_like(view.ids) if codes else view.digits.labels[view.points.indices].numpy(),
            sheet=name(view.checkpoint, view.source),
            view=f"{view.checkpoint.fingerprint} {view.settings.space} {view.settings.method}",
            title=f"Map of the {view.what}." if codes else f"Map of {view.what} of the {view.digits.described}.",
            noun=view.noun,
            classes=view.digits.classes,
            one=view.digits.one,
            cells=view.cells,
            columns=view.config.grid[1],
            marks=tuple(marks),
        ),
        view.canvas,
        len(view.ids) if codes else len(view.digits) * max(1, view.cells),
    )
    return np.unique(chosen // view.cells) if view.cells else chosen


def _coloring(view: MapView) -> Coloring:
    if view.noun == "codes":
        return by_most_use(view.usage.all_cells.by_class, view.digits.classes)
    match view.state["color"]:
        case "error":
            nmse = view.reconstructions.nmse
            return by_error(nmse, nmse[view.points.indices])
        case "code":
            return by_code(view.of_points, code_colors(view.checkpoint.model.codebook))
        case _:
            return by_class(view.digits.labels[view.points.indices], view.digits.classes, view.digits.one)
