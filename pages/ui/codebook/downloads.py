"""What can be taken away: tables as CSV, arrays, and the format of the pictures that a chart's toolbar saves."""

import re

import streamlit as st

from pages.ui.charts.toolbar import PICTURES
from pages.ui.codebook import tables
from pages.ui.codebook.tables import ComparedModel
from pages.ui.codebook.view import CodebookView
from pages.ui.shell.choices import choose
from vqvae.analysis.arrays import arrays_of, as_npz, as_safetensors
from vqvae.analysis.usage import pairs


def draw(view: CodebookView, compared: list[ComparedModel]) -> None:
    """Tables and arrays, made when they are asked for, and the format of the pictures that a chart's toolbar saves."""
    ablation = view.ablation
    files = {
        "Codes": lambda: tables.codes(view.usage, view.counts, ablation, view.digits.classes),
        "Classes x codes": lambda: tables.classes(view.counts),
        "Positions": lambda: tables.positions(view.counts),
        "Neighbours": lambda: tables.neighbours(pairs(view.encoded, view.with_background), view.K),
    }
    if ablation is not None:
        files["Damage"] = lambda: tables.damage(ablation)
    if compared:
        files["Comparison"] = lambda: tables.comparison(compared)
    st.markdown("**Tables as CSV**")
    for name, make in files.items():
        st.download_button(
            name,
            make,
            f"{re.sub(r'[^a-z]+', '-', name.lower())}-{view.checkpoint.fingerprint}.csv",
            "text/csv",
            key=f"codebook.csv.{name}",
            on_click="ignore",
            icon=":material/table:",
            width="stretch",
        )
    st.markdown(
        "**Arrays**",
        help=f"codebook (K, D), z_e (N, D, h, w), codes (N, h, w) and labels (N,) of {view.digits.described}. They are "
        "made when you ask for them, in some seconds.",
    )
    for ending, write in (("npz", as_npz), ("safetensors", as_safetensors)):
        st.download_button(
            f"Vectors, latents, grids (.{ending})",
            lambda write=write: write(arrays_of(view.checkpoint.model, view.digits, view.encoded)),
            f"arrays-{view.checkpoint.fingerprint}.{ending}",
            "application/octet-stream",
            key=f"codebook.arrays.{ending}",
            on_click="ignore",
            icon=":material/data_array:",
            width="stretch",
        )
    choose(
        view.state,
        "Charts as",
        "picture",
        {name: name.upper() for name in PICTURES},
        "What the camera saves that appears at the upper right corner of a chart: SVG stays sharp in print, PNG opens "
        "everywhere.",
    )
