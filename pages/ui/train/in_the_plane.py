"""Why codes die, seen in a plane: three recipes of a D = 2 model, as they were recorded, side by side."""

import streamlit as st

from pages.ui import resources
from pages.ui.components.learning import LEARNING, learning
from pages.ui.shell.media import bring


def in_the_plane() -> None:
    """Draw the section, before a first run; nothing where no recording ships. Raises ValueError for a damaged one."""
    packed = resources.carried_learning()
    if packed is None:
        return
    st.subheader("Watch three codebooks learn", anchor=False)
    st.markdown(
        "With D = 2 the codebook is a picture. Same network, same start, same images: only the rule that moves the "
        "codes differs. A code that is nearest to no vector is **dead**: nothing pulls it, so it stays where it is. "
        "Here the vectors soon reach nearly all codes. In more dimensions there is more room to be missed in: the "
        "collapse lab below shows the same rules with D = 16."
    )
    learning(LEARNING, key="train.learning")
    bring(LEARNING, packed, "train.learning.carrier")
