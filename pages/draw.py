"""Draw: a pen, the codes it makes the model write, and what the decoder draws from them, live."""

import secrets

import streamlit as st
import torch

from pages.ui import resources
from pages.ui.components.canvas import STEPS, Drawing, Put, Walk, WorkbenchError, workbench
from pages.ui.components.interpolation import between_section
from pages.ui.draw.photo import bring, centring
from pages.ui.draw.typicality import standing_section
from pages.ui.shell.choices import check_code
from pages.ui.shell.digit_field import DIGIT
from pages.ui.shell.frame import Scene, frame
from pages.ui.shell.link_codec import (
    EditsError,
    check_drawing,
    check_edits,
    read_drawing,
    read_edits,
    write_drawing,
    write_edits,
)
from pages.ui.shell.url_state import Field, PageState, whole
from vqvae.data import EMBEDDED, DataError, Digits, fitted


def pick(scene: Scene, digits: Digits) -> None:
    """The pickers of a digit: by its number, by class, at random."""
    state, key = scene.state, "draw.class"
    labels = digits.labels
    shown = int(labels[state["digit"]])

    def another(candidates: torch.Tensor) -> None:
        """Another digit than the one shown, out of those where `candidates` (N,) holds; a callback."""
        indices = candidates.nonzero().flatten()
        indices = indices[indices != state["digit"]]
        state["digit"] = int(indices[secrets.randbelow(len(indices))])

    def another_of_class() -> None:
        label = st.session_state[key]  # None where the class shown was pressed again
        another(labels == (shown if label is None else label))

    st.session_state[key] = shown
    st.number_input(
        f"Digit (0 to {len(digits) - 1:,})",
        0,
        len(digits) - 1,
        key=state.key("digit"),
        persist_state="session",
        width=150,
        help=f"One of the {digits.described}.",
    )
    st.pills(
        "Another one of class",
        sorted(labels.unique().tolist()),
        key=key,
        on_change=another_of_class,
        width="content",
        wrap=True,
    )
    st.button("Random digit", icon=":material/casino:", on_click=another, args=(labels >= 0,), key="draw.random")


def put(scene: Scene, digits: Digits | None) -> Put:
    """What belongs on the canvas: what a link brought, the digit picked last, or a picture put there since."""
    digit = scene.state["digit"] if digits else None
    if "draw.put" not in st.session_state:
        arrive(scene)
    session, count, last = st.session_state.get("draw.put", (secrets.token_hex(4), 0, digit))
    if last != digit:
        count += 1
        forget_own(scene.state)
    st.session_state["draw.put"] = session, count, digit
    pixels = digits.pixels[digit] if digits else None
    if "draw.own" in st.session_state:
        _, pixels = st.session_state["draw.own"]
    if pixels is not None:
        one = Digits(pixels.unsqueeze(0), torch.zeros(1, dtype=torch.int64), EMBEDDED, "all")
        pixels = fitted(one, scene.checkpoint.model.config).pixels[0]
    edits, cell, fingerprint = st.session_state.get("draw.brought", (None, None, ""))
    if fingerprint != scene.checkpoint.fingerprint:  # the model has changed since
        st.session_state.pop("draw.brought", None)
        edits = cell = scene.state["edits"] = None
    return Put(f"{session}:{count}", pixels, edits, cell)


def arrive(scene: Scene) -> None:
    """Take over the drawing, the edited codes and the cell that a link brought."""
    state, config = scene.state, scene.checkpoint.model.config
    if state["drawing"]:
        drawing = read_drawing(state["drawing"])
        st.session_state["draw.own"] = "a drawing out of a link", drawing
        if drawing.shape != (config.channels, config.height, config.width):
            was, reads = (f"{height} × {width}" for height, width in (drawing.shape[1:], (config.height, config.width)))
            state.warn(f"This model reads {reads} pixels: the drawing was resampled from {was}.")
    edits, cell = None, state["cell"]
    if cell is not None and cell >= config.cells:
        state.warn(f"This model has {config.cells} cells, counted from 0: cell {cell} is left out.")
        cell = state["cell"] = None
    try:
        if state["edits"]:
            edits = read_edits(state["edits"], scene.checkpoint.fingerprint, config.grid, config.num_embeddings)
    except EditsError as error:
        state.warn(str(error))
        state["edits"] = None
    st.session_state["draw.brought"] = edits, cell, scene.checkpoint.fingerprint


def forget_own(state: PageState) -> None:
    """Another picture is about to be put on the canvas: what a link brought has had its time."""
    st.session_state.pop("draw.own", None)
    st.session_state.pop("draw.brought", None)
    state["drawing"] = state["edits"] = None


def walk(scene: Scene, digits: Digits | None) -> Walk:
    """Where the walk stands. The browser leads; it is told where the address, a talk or a button has set a step."""
    state = scene.state
    if scene.presenting and not state["step"]:
        state["step"] = 1
    session, count, step = st.session_state.setdefault("draw.walk", (secrets.token_hex(4), 0, 0))
    if step != state["step"]:
        st.session_state["draw.walk"] = session, count, step = session, count + 1, state["step"]
    examples = None
    if digits and st.session_state.get("draw.walked") == scene.checkpoint.fingerprint:
        examples = resources.examples(scene.checkpoint)
    return Walk(f"{session}:{count}", step, scene.presenting, examples, state["code"])


def link_fields(state: PageState) -> dict[str, str]:
    """What a link to this page says: the address, with the canvas and its edited codes as they are now."""
    said = state.said
    session, count, digit = st.session_state.get("draw.put", ("", 0, None))
    drawing, fingerprint, serial, model = st.session_state.get("draw.now", (None, "", "", ""))
    if digit not in (None, state["digit"]):  # picked just now: the link begins with it
        return {name: text for name, text in said.items() if name not in ("drawing", "edits")}
    if serial != f"{session}:{count}":  # the browser has not spoken since
        own = st.session_state.get("draw.own")
        return said | ({"drawing": write_drawing(own[1])} if own else {})
    edits = write_edits(drawing.edits, fingerprint) if model == state["model"] else ""
    said = {name: text for name, text in said.items() if name != "edits"}
    return said | {"drawing": write_drawing(drawing.pixels)} | ({"edits": edits} if edits else {})


def put_own(words: str, pixels: torch.Tensor) -> None:
    """Put a picture (C, H, W) uint8, and what to call it, on the canvas; a callback."""
    _renew()
    forget_own(scene.state)
    st.session_state["draw.own"] = words, pixels


def open_digit(number: int) -> None:
    """Put an embedded digit on the canvas, also where it is the one picked and drawn over; a callback."""
    _renew()
    forget_own(scene.state)
    scene.state["digit"] = number


def _renew() -> None:
    """What the canvas gets next is another picture, even one with the same pixels."""
    session, count, digit = st.session_state["draw.put"]
    st.session_state["draw.put"] = session, count + 1, digit


@st.fragment
def bench(scene: Scene, digits: Digits | None, shown: Put) -> None:
    """The workbench and what the server adds: alone rerun at the end of a stroke."""
    drawing = None
    try:
        with st.container(key="workbench"):
            drawing = workbench(scene.checkpoint, shown, walk(scene, digits), key="draw.workbench")
    except WorkbenchError as error:
        st.error(f"{error} Pick another model in the sidebar.")
    if drawing is not None:
        st.session_state["drawing"] = drawing.pixels  # Map shows where it belongs
        st.session_state["draw.now"] = drawing, scene.checkpoint.fingerprint, shown.serial, scene.name
        hear(scene, drawing)
    if scene.presenting:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="draw-said"):
        if digits is not None:
            say_what_it_is(scene, digits, shown, drawing)
        if drawing is not None and drawing.cell is not None:
            code = int(drawing.codes.flatten()[drawing.cell])
            st.page_link(
                "pages/codebook.py",
                label=f"Code {code} in the codebook",
                icon=":material/grid_view:",
                query_params={"code": code},
            )
    centring(scene.checkpoint.model.config, drawing, put_own)
    if digits is not None:
        standing_section(scene.checkpoint, digits, drawing, open_digit)


def hear(scene: Scene, drawing: Drawing) -> None:
    """Follow the browser: the cell chosen there and the step gone to, each time that it says others than before."""
    state, said = scene.state, (drawing.cell, drawing.step)
    if said == st.session_state.get("draw.heard"):
        return
    st.session_state["draw.heard"] = said
    state["cell"], state["step"] = said
    session, count, _ = st.session_state["draw.walk"]
    st.session_state["draw.walk"] = session, count, drawing.step
    state.publish()
    if drawing.step and st.session_state.get("draw.walked") != scene.checkpoint.fingerprint:
        # The walk has begun, so its last step will come. Its examples take seconds to find, which no pen waits for.
        st.session_state["draw.walked"] = scene.checkpoint.fingerprint
        st.rerun()


def say_what_it_is(scene: Scene, digits: Digits, shown: Put, drawing: Drawing | None) -> None:
    """What the picture on the canvas is, in one line."""
    digit = scene.state["digit"]
    name = f"digit {digit:,}, a {int(digits.labels[digit])}, out of {digits.described}"
    if "draw.own" in st.session_state:
        name, _ = st.session_state["draw.own"]
    if drawing is None or torch.equal(drawing.pixels, shown.pixels):
        st.caption(f"On the canvas: {name}.")
    elif drawing.pixels.any():
        st.caption(f"On the canvas: your own drawing, begun on {name}.")
    else:
        st.caption("On the canvas: nothing, which the model writes down as well.")


def explain(scene: Scene) -> None:
    """How it works, for who asks."""
    config = scene.checkpoint.model.config
    (rows, columns), K, D = config.grid, config.num_embeddings, config.embedding_dim
    with st.expander("What happens here?", icon=":material/help:"):
        st.markdown(
            f"""
1. The **encoder** turns your {config.height} × {config.width} pixels into {rows} × {columns} vectors of {D} numbers.
2. Each vector is swapped for the **nearest of {K} codes** in the codebook:
   $k = \\arg\\min_j \\lVert z_e - e_j \\rVert^2$. A code's tile is what the decoder draws where
   that code alone fills the grid.
3. The **decoder** sees only the {config.cells} codes, {config.bits_per_code} bits each, and draws the picture again.

All of it runs in your browser while the pen moves, with the model “{scene.name}” itself. MSE is the mean squared error
of pixels from 0 to 1; NMSE divides it by the variance of the training images' pixels, {scene.checkpoint.variance:.4f};
PSNR is $-10 \\log_{{10}}$ MSE.
"""
        )
        st.button(
            "Walk through it in six steps", key="draw.walk.take", on_click=scene.state.__setitem__, args=("step", 1)
        )


scene = frame(
    "Draw",
    "Draw a digit: the model writes it down as a handful of codes, and draws it again from the codes alone.",
    [
        DIGIT,
        Field("drawing", check_drawing, None),
        Field("edits", check_edits, None),
        Field("cell", whole(0, 10**4), None),
        Field("code", whole(0, 10**6), None, shared=True),
        Field("step", whole(0, STEPS), 0),
    ],
    link_fields=link_fields,
    walks=True,
)
check_code(scene.state, scene.checkpoint.model.config.num_embeddings)
try:
    digits = resources.digits()
except DataError as error:
    digits = None
    st.error(f"There is no digit to start from, but you can draw one. {error}")
asked = False
if not scene.presenting:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        if digits:
            pick(scene, digits)
        asked = st.button("Bring your own", icon=":material/photo_camera:", key="draw.own.ask")
shown = put(scene, digits)
if asked:
    bring(scene.checkpoint.model.config, put_own)
bench(scene, digits, shown)
if not scene.presenting:
    if digits:
        between_section(scene.checkpoint, digits, scene.state["digit"])
    explain(scene)
scene.state.publish()
