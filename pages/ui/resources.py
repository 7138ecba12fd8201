"""What is loaded or computed once a process and shared read-only by all visitors. Never change any of it in place."""

import streamlit as st
from torch import Tensor

from vqvae import checkpoint as checkpoints
from vqvae import codebook, data
from vqvae.checkpoint import Checkpoint
from vqvae.data import Digits

FIRST_DIGIT = 7  # the embedded digit that a first visitor meets


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


def available_digits() -> dict[str, tuple[str, str]]:
    """The digits that a page may offer: their name in an address -> data set and split, as far as they are here."""
    present = {"embedded": (data.EMBEDDED, "all")}
    if data.is_present("mnist"):
        present |= {"mnist-test": ("mnist", "test"), "mnist-train": ("mnist", "train")}
    return present


_BY_CONTENT = {Checkpoint: lambda checkpoint: checkpoint.fingerprint}


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=_BY_CONTENT)
def fitted_digits(checkpoint: Checkpoint, name: str, split: str) -> Digits:
    """A data set in the size that a model takes. Raises DataError."""
    original = digits() if (name, split) == (data.EMBEDDED, "all") else dataset(name, split)
    return codebook.fitted(original, checkpoint.model.config)


@st.cache_resource(max_entries=3, show_spinner="Encoding the digits …", hash_funcs=_BY_CONTENT)
def encoded(checkpoint: Checkpoint, name: str, split: str) -> codebook.Encoded:
    """A data set as a model's codes. Raises DataError."""
    return codebook.encode(checkpoint.model, fitted_digits(checkpoint, name, split))


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=_BY_CONTENT)
def usage(checkpoint: Checkpoint, name: str, split: str) -> codebook.Usage:
    """How a data set uses a model's codebook. Raises DataError."""
    return codebook.usage(encoded(checkpoint, name, split), checkpoint.model.config.num_embeddings)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=_BY_CONTENT)
def tiles(checkpoint: Checkpoint) -> Tensor:
    """Each code's tile: (K, C, 4, 4) in [0, 1]."""
    return codebook.tiles(checkpoint.model)
