"""Map: the codebook's vectors and the digits, laid out so that neighbours stay neighbours."""

import re
import secrets
from collections.abc import Sequence

import numpy as np
import streamlit as st
import torch

from pages.ui import resources
from pages.ui.charts import figures, pictures
from pages.ui.charts.colors import code_colors
from pages.ui.components.scatter import Mark, Plot, scatter, select, selection, send_sheet
from pages.ui.map.coloring import by_class, by_code, by_error
from pages.ui.shell.choices import DIGITS, check_code, check_digits, choose
from pages.ui.shell.code_selection import Picking
from pages.ui.shell.frame import frame
from pages.ui.shell.url_state import Field, one_of, whole
from vqvae.analysis.neighbours import between, nearest_digits
from vqvae.analysis.projection import MAX_POINTS, SPACES, MapRun, MapSettings, content_key, vectors_of
from vqvae.analysis.search import EXAMPLES, SearchError, search, telling_codes
from vqvae.data import DataError, Digits, fitted

# What a map may be asked for: the lowest and the highest.
POINTS, NEIGHBOURHOODS, SEEDS = (100, MAX_POINTS), (2, 200), (0, 9_999)
SHOWN = 40  # digits in the panel at once
COLUMNS = 8
TELLING = 6  # codes that tell a selection from the rest
NEIGHBOURS, LINES = 10, 5  # of a drawing: digits that place it, and those it is tied to
EVERY = 0.7  # seconds between two looks at a map on its way

MAPPED = ("embedded", "mnist-test")  # the digits out of DIGITS that are not too many
SHOW = {"digits": "Digits", "codes": "Codes", "cells": "Single cells"}
BY = {"quantised": "Quantised latents", "continuous": "Latents", "histogram": "Code histogram"}
METHODS = {"t-sne": "t-SNE", "pca": "PCA"}
COLORS = {"class": "Digit", "error": "Error", "code": "Code"}

scene = frame(
    "Map",
    "Neighbours here are alike to the model. Point at one to see it with its reconstruction and its codes; "
    "click, or draw a box or a lasso, to select.",
    (
        Field("code", whole(0, 10**6), None, shared=True),
        Field("show", one_of(*SHOW), "digits"),
        Field("by", one_of(*BY), "quantised"),
        Field("method", one_of(*METHODS), "t-sne"),
        Field("color", one_of(*COLORS), "class"),
        Field("digits", one_of(*MAPPED), "embedded"),
        Field("points", whole(*POINTS), MapSettings.points),
        Field("neighbours", whole(*NEIGHBOURHOODS), MapSettings.neighbourhood),
        Field("seed", whole(*SEEDS), MapSettings.seed),
    ),
)
state, checkpoint = scene.state, scene.checkpoint
config = checkpoint.model.config
K = config.num_embeddings


check_code(state, K)

available = {name: source for name, source in resources.available_digits().items() if name in MAPPED}
check_digits(state, available)
colors = {name: label for name, label in COLORS.items() if name != "code" or state["show"] == "cells"}
if state["color"] not in colors:
    state["color"] = "class"

with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="map-choices"):
    show = choose(
        state,
        "Show",
        "show",
        SHOW,
        "Digits: each point is a digit. Codes: each point is a vector of the codebook. "
        "Single cells: each point is one cell of one digit.",
    )
    if show == "digits":
        choose(
            state,
            "Placed by",
            "by",
            BY,
            "Quantised latents: the vectors of a digit’s codes, all the decoder sees. Latents: what the encoder "
            "says before quantising. Code histogram: how often each code is used, wherever it stands.",
        )
    choose(
        state,
        "Layout",
        "method",
        METHODS,
        "t-SNE keeps neighbours together. PCA keeps the two directions of largest variance, and is the same each time.",
    )
    if show != "codes":
        choose(state, "Colour", "color", colors, "What the colour of a point means; selections stay.")

try:
    source = available[state["digits"]]
    digits = resources.fitted_digits(checkpoint, *source)
except DataError as error:
    st.error(f"These digits cannot be opened. {error}")
    state.publish()
    st.stop()

settings = MapSettings(
    state["by"] if show == "digits" else show,
    state["method"],
    MapSettings.points if show == "codes" else state["points"],
    state["neighbours"],
    state["seed"],
)
points = resources.map_points(checkpoint, digits, settings)
key = content_key(checkpoint.fingerprint, digits, settings)
if st.session_state.pop("map.submitted", False):
    st.session_state["map.asked"] = key
visitor = st.session_state.setdefault("maps.visitor", secrets.token_hex(8))
noun = {"codes": "codes", "cells": "cells"}.get(show, "digits")
what = f"{len(points.indices):,} {noun}"
canvas = f"map.{noun}.{state['digits']}.{state.restarts}"  # the key of the map on a canvas, and of what it selects
cells = config.cells if show == "cells" else 0
ids = (points.indices * cells + points.cells if cells else points.indices).numpy()


def vectors() -> np.ndarray:
    """Where the points lie before they are laid out. Called in a thread of its own, which may not speak to the page."""
    return vectors_of(checkpoint.model, digits, encoded, settings.space, points)


def asked() -> bool:
    """Whether this map is to be computed: the codebook's takes a moment, digits take long enough to be asked for."""
    failed = st.session_state.get("map.failed", (None,))[0] == key
    return not failed and (show == "codes" or st.session_state.get("map.asked") == key)


def ask() -> None:
    st.session_state["map.asked"] = key
    st.session_state.pop("map.failed", None)


def cancel(run: MapRun) -> None:
    run.leave(visitor)
    st.session_state["map.asked"] = None


def adjust() -> None:
    """What is rarely changed, in one form: the map follows when it is sent."""
    with st.popover("Settings", icon=":material/tune:"), st.form("map.form", border=False):
        if len(available) > 1:
            st.selectbox(
                "Digits from",
                list(available),
                key=state.key("digits"),
                format_func=lambda name: DIGITS[name],
                persist_state="session",
            )
        if show != "codes":
            st.number_input(
                "Points",
                *POINTS,
                step=500,
                key=state.key("points"),
                persist_state="session",
                help="At most; a smaller map’s points are all in a larger one.",
            )
        st.number_input(
            "t-SNE neighbourhood size (perplexity)",
            *NEIGHBOURHOODS,
            key=state.key("neighbours"),
            persist_state="session",
            help="About how many neighbours each point tries to keep close. Small: many little islands.",
        )
        st.number_input(
            "Seed of t-SNE",
            *SEEDS,
            key=state.key("seed"),
            persist_state="session",
            help="Shakes the start. What stays the same over several seeds is in the data.",
        )
        if st.form_submit_button("Show this map", type="primary", width="stretch"):
            st.session_state["map.submitted"] = True
            st.rerun()


def seek(request: str) -> str:
    """Select what a request finds among the points; what came of it, in a sentence."""
    made, codes = resources.reconstructions(checkpoint, *source), resources.encoded(checkpoint, *source).codes
    found = search(request, digits.labels, codes, made.nmse, K)
    chosen = found.cells.flatten(1)[points.indices, points.cells] if cells else found.digits[points.indices]
    select(canvas, ids[chosen.numpy()])
    return f"“{request}”: {int(chosen.sum()):,} of {what} selected."


def find() -> None:
    """Do as the text says; a callback."""
    request = re.sub(r"[^\w#.,; ]", "", st.session_state["map.find"])[:100].strip()  # shown again, as plain words
    try:
        if request:
            say(seek(request))
        else:
            select(canvas, [])
    except SearchError as error:
        say(f"Nothing was searched: {error}.")


def say(sentence: str) -> None:
    """Show a sentence for as long as the selection is the one it speaks of."""
    st.session_state["map.said"] = sentence, selection(canvas)


def follow_code() -> None:
    """Select the points that use the code picked elsewhere, once for each pick."""
    code = state["code"]
    if code != st.session_state.get("map.followed"):
        st.session_state["map.followed"] = code
        if code is not None:
            say(f"Code {code} is picked. " + seek(f"code {code}"))


def act(run: MapRun | None, known: bool) -> None:
    """The button that starts a map or calls it off, where there is one to start."""
    if run is not None:
        st.button("Cancel", key="map.cancel", on_click=cancel, args=(run,), icon=":material/close:")
    elif not known:
        seconds = max(2, len(points.indices) // 120)
        st.button(f"Compute t-SNE (about {seconds} s)", key="map.compute", on_click=ask, type="primary")


def explain(run: MapRun | None, known: bool) -> None:
    """Which map this is, or how far it has come."""
    said = st.session_state.get("map.said", ("", None))
    if run is not None:
        left = run.seconds_left
        st.progress(
            run.progress,
            f"Laying out {what}" + (f", about {left:.0f} s left" if left is not None else ": measuring distances"),
            width=360,
        )
    elif not known:
        st.caption("This map is not computed yet. You see where it starts: the principal components.")
    else:
        selected = show != "codes" and said[1] is selection(canvas)
        if selected:
            st.caption(said[0])
        if scene.presenting or not selected:
            st.caption(which_map())


def which_map() -> str:
    """What lies where, in a sentence or two."""
    if settings.method == "pca":
        return f"The two leading principal components of {len(points.indices):,} {SPACES[settings.space]}."
    return (
        f"t-SNE of {len(points.indices):,} {SPACES[settings.space]}; neighbourhood size {settings.neighbourhood}, "
        f"seed {settings.seed}. Near means alike; the distance between clusters, and their size, mean little."
    )


def digits_map(positions: np.ndarray, marks: Sequence[Mark]) -> np.ndarray:
    """The digits, or their single cells, on the canvas; the digits selected."""
    labels = digits.labels[points.indices]
    if state["color"] == "error":
        nmse = resources.reconstructions(checkpoint, *source).nmse
        coloring = by_error(nmse, nmse[points.indices])
    elif state["color"] == "code":
        codes = encoded.codes.flatten(1)[points.indices, points.cells]
        coloring = by_code(codes, code_colors(checkpoint.model.vq_layer.codebook))
    else:
        coloring = by_class(labels)
    chosen = scatter(
        Plot(
            positions=positions,
            ids=ids,
            coloring=coloring,
            labels=labels.numpy(),
            sheet=resources.sheet_name(checkpoint, *source),
            view=f"{checkpoint.fingerprint} {settings.space} {settings.method}",
            title=f"Map of {what} of the {digits.described}.",
            noun=noun,
            cells=cells,
            columns=config.grid[1],
            marks=marks,
        ),
        canvas,
        len(digits) * max(1, cells),
    )
    return np.unique(chosen // cells) if cells else chosen


def drawing(positions: np.ndarray) -> tuple[Mark, ...]:
    """What was drawn on Draw, among its nearest digits on this map."""
    pixels = st.session_state.get("drawing")
    if pixels is None or not pixels.any():
        return ()
    own = fitted(Digits(pixels.unsqueeze(0), torch.zeros(1), digits.dataset, digits.split), config)
    grid = checkpoint.model.encode(own.images)[0]
    codes = resources.encoded(checkpoint, *source).codes[points.indices]
    near = nearest_digits(checkpoint.model, grid, codes, NEIGHBOURS)
    place = between(positions[near.indices], near)
    return (Mark(place, "from Draw", points.indices[near.indices[:LINES]].tolist()),)


def codes_map(positions: np.ndarray) -> list[int]:
    """The codebook in plotly; the codes selected."""
    picking = Picking("map.codes", state.key("code"), (key, settings.method, source, state.restarts))
    usage = resources.usage(checkpoint, *source).all_cells
    picked = [] if picking.picked is None else [picking.picked]
    event = st.plotly_chart(
        figures.map_of_codes(positions, usage.by_class, picked),
        key=picking.key,
        on_select=picking.on_select,
        selection_mode=("points", "box", "lasso"),
        config=figures.MAP_TOOLBAR,
        alt=f"Map of the {K} codes: {SPACES['codes']} laid out by {METHODS[settings.method]}",
    )
    return sorted({int(point["customdata"][0]) for point in event.selection.points if "customdata" in point}) or picked


def read_map(marks: Sequence[Mark]) -> None:
    """How to read what is on the map."""
    if show == "codes":
        dead = len(resources.usage(checkpoint, *source).dead)
        st.caption(
            "Box and lasso are above the map. Larger: used more. Colour: the digit whose images use it most. "
            f"Measured on {digits.described}"
            + (f"; hollow: the {dead} dead codes, which none of them uses." if dead else ", which use every code.")
        )
    elif marks:
        st.caption(
            f"The star is what you left on Draw. It lies at the mean of its {NEIGHBOURS} nearest digits, weighted by "
            f"their distance in code space, not where t-SNE would put it; lines lead to the nearest {LINES}."
        )


def digits_panel(ids: np.ndarray) -> None:
    """What is selected: how many, how well reconstructed, of which classes, and the digits themselves."""
    everything = not len(ids)
    chosen = points.indices.unique() if everything else torch.from_numpy(ids)
    made = resources.reconstructions(checkpoint, *source)
    nmse, overall = float(made.nmse[chosen].mean()), float(made.nmse.mean())
    st.subheader("All digits here" if everything else f"{len(chosen):,} selected", anchor=False)
    st.markdown(
        f"Mean NMSE **{nmse:.3f}**" + ("" if everything else f" · all digits {overall:.3f}"),
        help="The mean squared error of the reconstructions over the variance of the digits: 0 is perfect, 1 is as "
        "good as one grey for every pixel.",
    )
    classes = torch.bincount(digits.labels[chosen], minlength=10)
    st.markdown("**Classes**", help="Bars: shares among those selected. Ticks: among all digits.")
    st.plotly_chart(
        figures.class_mix(classes, torch.bincount(digits.labels, minlength=10)),
        key="map.classes",
        config=figures.TOOLBAR,
    )
    some = chosen[torch.linspace(0, len(chosen) - 1, min(SHOWN, len(chosen))).round().long()]
    if not everything:
        tell(chosen)
    st.markdown("**Digits above their reconstructions**")
    st.html(pictures.pairs(digits.pixels[some], made.pixels[some], COLUMNS, "Digits above their reconstructions"))
    st.caption(
        (f"{len(some)} of {len(chosen):,}, evenly spaced. " if len(some) < len(chosen) else "")
        + f"Measured on {digits.described}."
    )
    if not everything and state["digits"] == "embedded":
        open_in_draw(some[:COLUMNS].tolist())


def open_in_draw(numbers: list[int]) -> None:
    """Links for the montage's first row."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if len(numbers) > 1:
            st.markdown("Open in Draw, from the first row:", width="content")
        for number in numbers:
            st.page_link(
                "pages/draw.py",
                label=str(number) if len(numbers) > 1 else f"Open digit {number} in Draw",
                icon=None if len(numbers) > 1 else ":material/draw:",
                query_params={"digit": number},
                width="content",
            )


def tell(chosen: torch.Tensor) -> None:
    """The codes that tell those selected from the rest; a click picks one for all pages."""
    selected = torch.zeros(len(digits), dtype=torch.bool)
    selected[chosen] = True
    telling = telling_codes(resources.encoded(checkpoint, *source).codes, selected, K, TELLING)
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


def pick() -> None:
    """Take over the code clicked in the panel, without selecting anew; a callback."""
    if st.session_state["map.telling"] is not None:
        state["code"] = st.session_state["map.followed"] = st.session_state["map.telling"]


def codes_panel(codes: list[int]) -> None:
    """The codes selected: their tiles, how much they are used and by which digits."""
    everything = not codes
    chosen = list(range(K)) if everything else codes
    counts = resources.usage(checkpoint, *source).all_cells
    st.subheader(
        "All codes" if everything else f"Code {chosen[0]}" if len(chosen) == 1 else f"{len(chosen)} codes selected",
        anchor=False,
    )
    total = int(counts.total[chosen].sum())
    st.markdown(f"Taken by **{total:,} cells**, {total / int(counts.total.sum()):.1%} of all.")
    st.markdown("**Classes of the digits they stand in**", help="Bars: cells with these codes. Ticks: all cells.")
    st.plotly_chart(
        figures.class_mix(counts.by_class[:, chosen].sum(1), counts.by_class.sum(1)),
        key="map.classes",
        config=figures.TOOLBAR,
    )
    st.markdown("**Tiles**", help="What the decoder draws for a code among copies of itself.")
    st.html(pictures.tiles(resources.tiles(checkpoint)[chosen], chosen))
    if len(chosen) == 1:
        st.page_link("pages/codebook.py", label=f"Code {chosen[0]} in the codebook", icon=":material/grid_view:")
    st.caption(f"Measured on {digits.described}.")


def explore() -> None:
    """The map with its panel; runs alone after a selection, and every moment while a map is on its way."""
    found = (
        resources.principal_components(checkpoint, *source, settings)
        if settings.method == "pca"
        else resources.maps().find(key, len(points.indices))
    )
    run = None
    asked_for = found is None and asked()
    if asked_for != following:
        st.rerun()  # the whole page, to start or stop the clock
    if asked_for:
        run = resources.maps().start(key, vectors, settings, visitor)
        if not run.running:
            if run.error:
                st.session_state["map.failed"] = key, run.error
                run.leave(visitor)
            st.rerun()
    positions = found
    if positions is None:
        sketch = run.sketch if run is not None else None
        positions = resources.principal_components(checkpoint, *source, settings) if sketch is None else sketch
    marks = drawing(positions) if show == "digits" else ()
    if scene.presenting:
        picture, words = st.columns([7, 2], gap="medium", vertical_alignment="center")
        with words:
            explain(run, found is not None)
            read_map(marks)
            if show != "codes":
                st.caption(f"Measured on {digits.described}.")
        with picture:
            if show == "codes":
                codes_map(positions)
            else:
                digits_map(positions, marks)
        state.publish()
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if show != "codes":
            st.text_input(
                "Find digits",
                key="map.find",
                on_change=find,
                placeholder=f"Find: {EXAMPLES}",
                label_visibility="collapsed",
                icon=":material/search:",
                help="By class, number, code and its place, or error; joined by “and”. The result is selected.",
                width=330,
            )
        adjust()
        act(run, found is not None)
    with st.container(key="map-said"):  # of one height, so that nothing below it moves
        explain(run, found is not None)
    left, right = st.columns([5, 3], gap="large")
    if show == "codes":
        with left:
            codes = codes_map(positions)
            read_map(marks)
        with right:
            codes_panel(codes)
    else:
        with left:
            chosen = digits_map(positions, marks)
            read_map(marks)
        with right:
            digits_panel(chosen)
    state.publish()


known = settings.method == "pca" or resources.maps().find(key, len(points.indices)) is not None
following = not known and asked()
# A known map of digits does not wait for the encoder, unless a drawing or a picked code is to be shown on it.
encoded = None if known and show == "digits" else resources.encoded(checkpoint, *source)
if st.session_state.get("map.failed", (None,))[0] == key:
    st.error(f"This map could not be computed ({st.session_state['map.failed'][1]}). Change a setting and try again.")
if show != "codes":
    follow_code()
st.fragment(explore, run_every=EVERY if following else None)()
if show != "codes":
    send_sheet(resources.sheet(checkpoint, *source), "map.sheet")
