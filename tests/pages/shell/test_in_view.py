"""What lies further down a page is built once the visitor comes near it."""

import pytest

from pages.ui.shell import in_view
from pages.ui.shell.url_state import ARRIVAL
from tests.visiting import html_of, text_of, visit
from vqvae.runs.visitor import new_token

FURTHER_DOWN = {
    "draw": ("How typical is my digit?", "The same drawing with fewer or more codes", "Latent space, projected"),
    "codebook": ("Nearest codes", "All codes", "The same drawing with fewer or more codes", "Tables as CSV"),
    "train": ("Watch three codebooks learn", "Collapse lab", "How hard the encoder is pulled towards its codes"),
}


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """Visitors have scrolled nowhere: the parts that a page waits with."""
    asked = []

    def wait(*, key: str, **_: object) -> None:
        asked.append(key.removeprefix("in-view.").removesuffix(".component"))

    monkeypatch.setattr(in_view, "_component", wait)
    return asked


@pytest.mark.parametrize("name", FURTHER_DOWN)
def test_nothing_below_the_first_screen_is_built_before_somebody_comes_near(asked, name):
    page = visit(name, token=new_token())
    assert not [words for words in FURTHER_DOWN[name] if words in text_of(page) + html_of(page)]
    parts = set(asked)
    for part in parts:
        page.session_state[f"in-view.{part}"] = page.session_state[ARRIVAL].number
    asked.clear()
    page.run()
    assert not asked
    assert not [words for words in FURTHER_DOWN[name] if words not in text_of(page) + html_of(page)]


def test_what_was_seen_stays_over_start_over_and_waits_again_on_the_next_visit(asked):
    page = visit("codebook")
    page.session_state["in-view.codebook.further-down"] = page.session_state[ARRIVAL].number
    page.run()
    asked.clear()
    page.button(key="restart").click().run()
    assert "codebook.further-down" not in asked
    page.switch_page("pages/map.py").run()
    page.switch_page("pages/codebook.py").run()
    assert "codebook.further-down" in asked
