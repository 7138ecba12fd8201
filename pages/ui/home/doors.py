"""The way on from Home: each page with what it is for."""

import streamlit as st

from pages.ui.shell.frame import MENU

WORDS = {
    "Draw": "Codes and reconstruction follow while the pen still moves.",
    "Generate": "Watch new digits being written code by code, and steer.",
    "Codebook": "Which codes are used, where and for what; which are dead.",
    "Map": "t-SNE maps of all codes and of thousands of digits.",
    "Train": "Train a model of your own and watch its codebook fill.",
}


def draw() -> None:
    for column, (path, label, icon) in zip(st.columns(len(WORDS), border=True), MENU[1:], strict=True):
        column.page_link(path, label=f"**{label}**", icon=icon)
        column.caption(WORDS[label])
