"""Draw: a pen, the codes it makes the model write, and what the decoder draws from them, live."""

import secrets

import streamlit as st
import torch

from pages.ui import resources
from pages.ui.between import between_section
from pages.ui.bring import bring, centring
from pages.ui.digit import DIGIT
from pages.ui.frame import Scene, frame
from pages.ui.standing import standing_section
from pages.ui.workbench import Drawing, Put, WorkbenchError, workbench
from vqvae.codebook import fitted
from vqvae.data import EMBEDDED, DataError, Digits


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
    """What belongs on the canvas: the digit picked last, here or on another page, or a picture put there since."""
    digit = scene.state["digit"] if digits else None
    session, count, last = st.session_state.get("draw.put", (secrets.token_hex(4), 0, digit))
    if last != digit:
        count += 1
        st.session_state.pop("draw.own", None)
    st.session_state["draw.put"] = session, count, digit
    pixels = digits.pixels[digit] if digits else None
    if "draw.own" in st.session_state:
        _, pixels = st.session_state["draw.own"]
    if pixels is not None:
        one = Digits(pixels.unsqueeze(0), torch.zeros(1, dtype=torch.int64), EMBEDDED, "all")
        pixels = fitted(one, scene.checkpoint.model.config).pixels[0]
    return Put(f"{session}:{count}", pixels)


def put_own(words: str, pixels: torch.Tensor) -> None:
    """Put a picture (C, H, W) uint8, and what to call it, on the canvas; a callback."""
    _renew()
    st.session_state["draw.own"] = words, pixels


def open_digit(number: int) -> None:
    """Put an embedded digit on the canvas, also where it is the one picked and drawn over; a callback."""
    _renew()
    st.session_state.pop("draw.own", None)
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
            drawing = workbench(scene.checkpoint, shown, key="draw.workbench")
    except WorkbenchError as error:
        st.error(f"{error} Pick another model in the sidebar.")
    if drawing is not None:
        st.session_state["drawing"] = drawing.pixels  # Map shows where it belongs
    if digits is not None:
        say_what_it_is(scene, digits, shown, drawing)
    centring(scene.checkpoint.model.config, drawing, put_own)
    if digits is not None:
        standing_section(scene.checkpoint, digits, drawing, open_digit)


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


scene = frame(
    "Draw",
    "Draw a digit: the model writes it down as a handful of codes, and draws it again from the codes alone.",
    [DIGIT],
)
try:
    digits = resources.digits()
except DataError as error:
    digits = None
    st.error(f"There is no digit to start from, but you can draw one. {error}")
with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
    if digits:
        pick(scene, digits)
    asked = st.button("Bring your own", icon=":material/photo_camera:", key="draw.own.ask")
shown = put(scene, digits)
if asked:
    bring(scene.checkpoint.model.config, put_own)
bench(scene, digits, shown)
if digits:
    between_section(scene.checkpoint, digits, scene.state["digit"])
explain(scene)
scene.state.publish()
