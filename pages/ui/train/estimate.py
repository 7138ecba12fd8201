"""What a run will take, in a sentence: from a few steps tried in the background, for which nobody waits."""

from collections.abc import Callable

import streamlit as st

from pages.ui import resources
from pages.ui.shell.frame import Scene
from pages.ui.shell.job import Work, session
from pages.ui.shell.messages import plain
from vqvae.runs.cost import Cost, Estimates
from vqvae.training import Hyperparameters


def say_cost(
    scene: Scene, place: str, recipe: Hyperparameters, image_shape: tuple[int, ...], words: Callable[[Cost], str]
) -> None:
    """Say in `words` what a step of a recipe takes on images of (C, H, W), as soon as that is known."""
    work = Work(
        place,
        Estimates.key(recipe, image_shape),
        lambda visitor: resources.estimates().estimate(recipe, image_shape, visitor),
        f"{session()} {place}",  # two places may wait for the same
    )
    if not work.running and not (work.job and (work.job.result or work.job.error)):
        work.ask_for_a_moment()
    pace = work.pace

    def follow() -> None:
        work.keep(pace)
        cost = work.job and work.job.result
        if cost:
            st.caption(words(cost))
        elif work.error:
            st.caption(f"What this takes could not be measured ({plain(work.error)}).")
        else:
            st.caption("Trying a few steps, to see how long this takes …")

    if pace:
        scene.fragment(follow, run_every=pace)
    else:
        follow()
