"""What is loaded or computed once a process and shared read-only by all visitors. Never change any of it in place."""

import streamlit as st

from vqvae import checkpoint as checkpoints
from vqvae import data
from vqvae.checkpoint import Checkpoint
from vqvae.data import Digits


@st.cache_resource(max_entries=16, show_spinner="Opening the model …")
def checkpoint(name: str) -> Checkpoint:
    """A checkpoint by its name in the picker. Raises CheckpointError, which is not remembered: a mended file opens."""
    return checkpoints.load(checkpoints.SHIPPED[name])


@st.cache_resource(max_entries=1, show_spinner="Reading the digits …")
def digits() -> Digits:
    """The 5,000 embedded digits. Raises DataError."""
    return data.load(data.EMBEDDED, "all")


@st.cache_resource(max_entries=4, show_spinner="Reading the digits …")
def dataset(name: str, split: str) -> Digits:
    """A data set that is on this machine. Raises DataError."""
    return data.load(name, split)
