"""What there is to train on: data sets, and sets of one's own."""

from pages.ui.shell.own_images import adopt, sets_of, titles_of
from pages.ui.shell.url_state import PageState
from pages.ui.train.download import DATASETS
from vqvae.data import EMBEDDED
from vqvae.runs.run import is_own_images
from vqvae.runs.visitor import Visitor

UNKNOWN = "Your images"  # of a visitor whom the browser has not named yet


def title_of_images(dataset: str, me: Visitor | None) -> str:
    """What a data set, or a set of one's own, is called on the page."""
    return titles_of(me).get(dataset) or DATASETS.get(dataset, UNKNOWN)


def offered_images(state: PageState, me: Visitor | None) -> list[str]:
    """What there is to train on; a set that is gone is no longer chosen."""
    adopt(state, "data")
    own = sets_of(me)
    if is_own_images(state["data"]) and state["data"] not in own:
        if me is None:
            return [*DATASETS, state["data"]]  # in a moment the browser says whose it is
        state["data"] = EMBEDDED
    return [*own, *DATASETS]
