"""The panel beside the map: what is selected, or all of it while nothing is."""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st
import torch
from torch import Tensor

from pages.ui import resources
from pages.ui.caches import content
from pages.ui.charts import pictures
from pages.ui.charts.classes import class_mix
from pages.ui.charts.toolbar import TOOLBAR
from pages.ui.components.thumbnails import sheet as thumbnail_sheet
from pages.ui.components.thumbnails import thumbnails
from pages.ui.map.search_box import followed
from pages.ui.map.view import MapView
from pages.ui.shell.open_in_draw import open_in_draw
from pages.ui.shell.words import called, counted
from vqvae.analysis.search import telling_codes

SHOWN = 40  # digits at once
COLUMNS = 8
TILES = 256  # codes at once
TELLING = 6  # codes that tell a selection from the rest


def draw(view: MapView, selected: Sequence[int]) -> None:
    """The digits or codes of these numbers."""
    if view.noun == "codes":
        _codes(view, list(selected))
    else:
        _digits(view, torch.as_tensor(selected))


def _digits(view: MapView, selected: Tensor) -> None:
    """How many are selected, how well reconstructed, of which classes, and the digits themselves."""
    everything = not len(selected)
    chosen = view.points.indices.unique() if everything else selected
    digits, made = view.digits, view.reconstructions
    nmse, overall = float(made.nmse[chosen].mean()), float(made.nmse.mean())
    pairs = f"{digits.many.capitalize()} above their reconstructions"
    st.subheader(f"All {digits.many}" if everything else f"{len(chosen):,} selected", anchor=False)
    st.markdown(
        f"Mean NMSE **{nmse:.3f}**" + ("" if everything else f" · all {digits.many} {overall:.3f}"),
        help="The mean squared error of the reconstructions over the variance of the images that the model learned "
        "from: 0 is perfect, 1 is as good as one grey for every pixel.",
    )
    if digits.labelled:
        st.markdown("**Classes**", help=f"Bars: shares among those selected. Ticks: among all {digits.many}.")
        classes = len(digits.classes)

        def mix() -> go.Figure:
            some, all_of_them = (torch.bincount(of, minlength=classes) for of in (digits.labels[chosen], digits.labels))
            return class_mix(some, all_of_them, digits.classes, digits.one)

        _classes(resources.figure(mix, "mix of all", view.source, view.key) if everything else mix())
    some = chosen[torch.linspace(0, len(chosen) - 1, min(SHOWN, len(chosen))).round().long()]
    if not everything:
        _telling(view, chosen)
    st.markdown(f"**{pairs}**", help="A click opens one in Draw.")

    def sheet() -> str:
        return thumbnail_sheet((digits.pixels[some], made.pixels[some]), COLUMNS)

    picture = resources.built(sheet, "sheet of all", view.source, view.key) if everything else sheet()
    _thumbnails(view, picture, some.tolist(), pairs)
    st.caption(
        (f"{len(some)} of {len(chosen):,}, evenly spaced. " if len(some) < len(chosen) else "")
        + f"Measured on {digits.described}."
    )


def _thumbnails(view: MapView, sheet: str, numbers: list[int], title: str) -> None:
    """The digits on a sheet, each a button; of one alone a link as well."""

    def pick(number: int) -> None:
        st.session_state["map.opened"] = view.canvas, number

    known = view.source == resources.EMBEDDED  # to Draw, by their numbers
    thumbnails(sheet, numbers, COLUMNS, title, view.digits.one, f"map.thumbnails.{view.state.restarts}", pick)
    of, number = st.session_state.pop("map.opened", ("", 0))
    if of == view.canvas:  # the same images are still shown
        if known:
            st.switch_page("pages/draw.py", query_params={"digit": str(number)})
        name = f"{called(view.digits, number)}, one of the {view.digits.described}"
        open_in_draw(view.checkpoint, name, view.digits.pixels[number])
    if known and len(numbers) == 1:
        st.page_link(
            "pages/draw.py",
            label=f"Open {view.digits.one} {numbers[0]} in Draw",
            icon=":material/draw:",
            query_params={"digit": str(numbers[0])},
            width="content",
        )


def _telling(view: MapView, chosen: Tensor) -> None:
    """The codes that tell those selected from the rest; a click picks one for all pages."""

    def pick() -> None:
        """Take over the code clicked, without selecting anew."""
        if st.session_state["map.telling"] is not None:
            view.state["code"] = st.session_state["map.telling"]
            st.session_state[followed(view)] = view.state["code"]

    selected = torch.zeros(len(view.digits), dtype=torch.bool)
    selected[chosen] = True
    telling = telling_codes(view.encoded.codes, selected, view.config.num_embeddings, TELLING)
    shares = {int(code): (float(a), float(b)) for code, a, b in zip(*telling, strict=True)}
    st.pills(
        "Codes they use more than the others",
        list(shares),
        format_func=lambda code: f"**{code}** · {shares[code][0]:.0%} / {shares[code][1]:.0%}",
        key="map.telling",
        on_change=pick,
        wrap=True,
        help="The share of those selected that use the code at all, and of all others. A click picks the code, also "
        "for Codebook.",
    )


def _codes(view: MapView, selected: list[int]) -> None:
    """Their tiles, how much they are used and by which digits."""
    chosen = selected or list(range(view.config.num_embeddings))
    counts = view.usage.all_cells
    st.subheader(
        "All codes" if not selected else f"Code {chosen[0]}" if len(chosen) == 1 else f"{len(chosen):,} codes selected",
        anchor=False,
    )
    total = int(counts.total[chosen].sum())
    st.markdown(f"Taken by **{counted(total, 'cell')}**, {total / int(counts.total.sum()):.1%} of all.")
    if view.digits.labelled:
        st.markdown(
            f"**Classes of the {view.digits.many} they stand in**",
            help="Bars: cells with these codes. Ticks: all cells.",
        )
        table = counts.by_class
        _classes(class_mix(table[:, chosen].sum(1), table.sum(1), view.digits.classes, view.digits.one))
    st.markdown("**Tiles**", help="What the decoder draws for a code among copies of itself.")
    some = [chosen[n * len(chosen) // TILES] for n in range(TILES)] if len(chosen) > TILES else chosen

    def tiles() -> str:
        return pictures.tiles(resources.tiles(view.checkpoint)[some], some)

    st.html(tiles() if selected else resources.built(tiles, "tiles of all", content(view.checkpoint)))
    if len(some) < len(chosen):
        st.caption(f"{len(some)} of {len(chosen):,}, evenly spaced.")
    if len(chosen) == 1:
        st.page_link("pages/codebook.py", label=f"Code {chosen[0]} in the codebook", icon=":material/grid_view:")
    st.caption(f"Measured on {view.digits.described}.")


def _classes(figure: go.Figure) -> None:
    """The mix of classes among the selected, beside that of all."""
    st.plotly_chart(figure, key="map.classes", config=TOOLBAR)
