"""What a code stands for in real digits: the patches of the cells that take it."""

import streamlit as st
from torch import Tensor

from pages.ui import resources
from pages.ui.charts import pictures
from pages.ui.codebook.view import CodebookView
from pages.ui.shell.words import called
from vqvae.analysis.neighbours import nearest_cells, typical_cells
from vqvae.receptive_field import patches as patches_of
from vqvae.receptive_field import pictured, receptive_field

SHOWN = 16  # of a kind
SEED = 0  # of the sample of typical patches


def draw(view: CodebookView) -> None:
    """What the code stands for in real digits: the patches nearest to it, and a fair sample."""
    taken = int(view.counts.total[view.code])
    st.markdown(
        "**Nearest patches**",
        help=f"{seen(view)}, where the encoder comes closest to the code: its meaning at its clearest. "
        f"Hatching lies beyond the border{'; below each stands its class' * view.digits.labelled}.",
    )
    nearest(view)
    st.markdown(
        "**Typical patches**",
        help="A random sample of all patches that take it, drawn with a fixed seed: what it means in use.",
    )
    typical(view)
    st.caption(
        ("The only patch that takes it. " if taken == 1 else f"{min(SHOWN, taken)} each of {taken:,} patches. ")
        + view.measured_on
        if taken
        else f"There is no patch to show: no cell counted here takes this code. {view.measured_on}"
    )


def nearest(view: CodebookView) -> None:
    """The patches that come nearest to the code, the very nearest first."""

    def made() -> str:
        return montage(view, nearest_cells(view.encoded, cells_of(view), SHOWN))

    st.html(resources.built(made, "nearest patches", view.of, view.code))


def typical(view: CodebookView) -> None:
    """A fair sample of the patches that take the code."""

    def made() -> str:
        return montage(view, typical_cells(cells_of(view), SHOWN, SEED))

    st.html(resources.built(made, "typical patches", view.of, view.code))


def cells_of(view: CodebookView) -> Tensor:
    """The cells counted that take the code: (M, 3)."""
    return view.encoded.cells_of(view.code, view.with_background)


def montage(view: CodebookView, cells: Tensor) -> str:
    """The patches of cells (M, 3), each above its digit's class, as HTML."""
    field = pictured(view.checkpoint.model)
    windows = patches_of(view.digits.pixels, cells, field)
    errors = view.encoded.errors[tuple(cells.unbind(1))].tolist()
    titles = [
        f"{called(view.digits, image)}: row {row + 1}, column {column + 1}, quantisation error {error:.3g}"
        for (image, row, column), error in zip(cells.tolist(), errors, strict=True)
    ]
    classes = [view.digits.classes[label] for label in view.digits.labels[cells[:, 0]].tolist()]
    return pictures.patches(windows.pixels, windows.inside, classes, titles, SHOWN)


def seen(view: CodebookView) -> str:
    """What a patch shows, which is less than what a cell sees where that is the whole image."""
    model, one = view.checkpoint.model, view.digits.one
    if pictured(model) == receptive_field(model):
        return f"What a cell sees of its {one}"
    return f"A cell, which sees more of its {one}, and the cells around it"
