"""What can be taken away: every table as CSV, and the format of the pictures that a chart's toolbar saves."""

import re

import streamlit as st

from pages.ui.charts.toolbar import PICTURES
from pages.ui.codebook import tables
from pages.ui.codebook.tables import ComparedModel
from pages.ui.codebook.view import CodebookView
from pages.ui.shell.choices import choose


def draw(view: CodebookView, compared: list[ComparedModel]) -> None:
    """Every table as CSV, made when it is asked for, and the format of the pictures that a chart's toolbar saves."""
    ablation = view.ablation
    files = {
        "Codes": lambda: tables.codes(view.usage, view.counts, ablation),
        "Digits x codes": lambda: tables.classes(view.counts),
        "Positions": lambda: tables.positions(view.counts),
        "Neighbours": lambda: tables.neighbours(view.adjacency),
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
    choose(
        view.state,
        "Charts as",
        "picture",
        {name: name.upper() for name in PICTURES},
        "What the camera saves that appears at the upper right corner of a chart: SVG stays sharp in print, PNG opens "
        "everywhere.",
    )
