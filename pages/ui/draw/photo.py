"""Bring your own: a picture or the camera, every step that makes it what the model takes, and onto the canvas."""

from collections.abc import Callable

import streamlit as st
from torch import Tensor

from pages.ui.charts import pictures
from pages.ui.components.canvas import Drawing, noun_of
from vqvae import photo
from vqvae.checkpoint import Checkpoint
from vqvae.model import Sizes

SOURCES = {"file": "A picture", "camera": "The camera"}
MEGABYTES = photo.MAX_BYTES // 1_000_000
STYLE = """<style>
.steps { display: grid; grid-template-columns: repeat(7, minmax(0, 1fr)); gap: 0.6rem; }
.steps figure { margin: 0; }
.steps img { width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 4px; display: block;
  background: rgb(128 140 145 / 18%); }
.steps figcaption { margin-top: 0.3rem; font-size: 0.8rem; line-height: 1.3; }
.steps figcaption span { display: block; opacity: 0.8; }
@media (max-width: 640px) { .steps { grid-template-columns: repeat(4, minmax(0, 1fr)); } }
.st-key-centring { min-height: 3.5rem; }
.st-key-centring img { width: 3.5rem; border-radius: 4px; image-rendering: pixelated; display: block; }
</style>"""


def bring(checkpoint: Checkpoint, put: Callable[[str, Tensor], None]) -> None:
    """Ask for a picture in a dialog and show how it becomes a digit, or an image as others that the model sees.

    `put` is a callback for its words and pixels (C, H, W).
    """
    noun, config = noun_of(checkpoint), checkpoint.model.config
    st.dialog(f"Bring your own {noun}", width="medium")(_ask)(noun, checkpoint.dataset == "kmnist", config, put)


def _ask(noun: str, written: bool, config: Sizes, put: Callable[[str, Tensor], None]) -> None:
    """`written` is whether other images than digits are probably writing: light strokes on black, as digits are."""
    st.html(STYLE)
    sign = "digit" if noun == "digit" else "character"
    strokes = noun == "digit" or (
        config.channels == 1
        and st.toggle("This is writing: take its strokes alone, light on black", value=written, key="draw.strokes")
    )
    st.markdown(
        f"Write one {sign} large on plain paper, and leave a margin all around it."
        if strokes
        else f"Its middle is cut out and made {config.height} × {config.width} pixels, as the model takes them."
    )
    source = st.segmented_control(
        "From",
        list(SOURCES),
        format_func=SOURCES.__getitem__,
        default="file",
        required=True,
        key="draw.bring",
        label_visibility="collapsed",
    )
    if source == "camera":
        st.caption("The camera works only on localhost or over HTTPS; your browser asks whether this page may use it.")
        what = f"A {sign} on paper" if strokes else "A picture"
        file = st.camera_input(what, key="draw.camera", label_visibility="collapsed")
    else:
        file = st.file_uploader(
            f"PNG, JPEG or WebP, at most {MEGABYTES} MB and {photo.MAX_PIXELS // 1_000_000} megapixels",
            type=["png", "jpg", "jpeg", "webp"],
            max_upload_size=MEGABYTES,
            key="draw.file",
        )
    if file is None:
        return
    try:
        found = (photo.take if strokes else photo.whole)(file.getvalue(), config)
    except photo.PhotoError as error:
        st.error(str(error))
        return
    st.html(_steps(found.steps, f"From your picture to a {noun}"))
    if st.button(
        "Put it on the canvas",
        key="draw.bring.put",
        type="primary",
        on_click=put,
        args=("your picture, centred as MNIST does" if strokes else "your picture", found.pixels),
    ):
        st.rerun()


def centring(config: Sizes, drawing: Drawing | None, put: Callable[[str, Tensor], None]) -> None:
    """A switch: while it is on, every drawing is offered as MNIST would have centred it.

    Offered, not put: a four takes two strokes, and the first must not move away under the pen.
    """
    on = st.toggle(
        "Centre my drawing as MNIST does",
        key="draw.centring",
        persist_state="session",
        help="After each stroke you see the drawing fitted into a box and moved so that its centre of mass is in the "
        "middle, as MNIST’s digits were. One click puts it on the canvas; undo brings yours back.",
    )
    if not on:
        return
    with st.container(key="centring", horizontal=True, vertical_alignment="center"):
        try:
            pixels = photo.centred(drawing.pixels, config) if drawing is not None else None
        except photo.PhotoError:
            pixels = None
        if pixels is None:
            st.caption("Draw something, and you will see it here as MNIST would have centred it.")
            return
        st.html(f'{STYLE}<img src="{pictures.data_uri(pixels)}" alt="Your drawing, centred">', width="content")
        if drawing is not None and bool((pixels == drawing.pixels).all()):
            st.caption("Your drawing is already centred as MNIST does.")
        else:
            words = "your drawing, centred as MNIST does"
            if st.button("Centre it", key="draw.centre", on_click=put, args=(words, pixels)):
                st.rerun()


def _steps(steps: tuple[photo.Step, ...], title: str) -> str:
    figures = [
        f'<figure><img src="{pictures.data_uri(step.picture)}" alt="{step.name}"><figcaption><b>{step.name}</b>'
        f"<span>{step.note}</span></figcaption></figure>"
        for step in steps
    ]
    return f'<div class="steps" role="group" aria-label="{title}">{"".join(figures)}</div>'
