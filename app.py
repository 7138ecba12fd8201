"""Home: the whole idea of a VQ-VAE on one page, alive on whatever is drawn there."""

import streamlit as st

from pages.ui import resources
from pages.ui.home.telling import tell
from pages.ui.shell.digit_field import DIGIT, check_digit
from pages.ui.shell.frame import page
from vqvae.data import DataError

LEAD = (
    "A **vector-quantised autoencoder** (VQ-VAE) does. Draw a digit: it becomes a few **codes** and comes back from "
    "those alone, and everything below follows your pen."
)

with page(
    "Home", LEAD, [DIGIT], heading="What if an autoencoder had to write with an alphabet?", has_tour=True
) as scene:
    try:
        digits = resources.digits(scene.checkpoint)
        check_digit(scene.state, digits)
    except DataError as error:
        digits = None
        st.error(f"There is no digit to start from, but you can draw one. {error}")
    tell(scene, digits)
