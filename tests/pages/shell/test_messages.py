"""What a button said stands on the page long enough to be read, however late the page comes to say it."""

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui.shell import messages
from pages.ui.shell.url_state import READING


def saying() -> None:
    import streamlit as st

    from pages.ui.shell.messages import say, show

    if st.button("Keep"):
        say("here", "success", "It is kept.")
        st.rerun()
    show("here")


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The seconds that pass, to be changed."""
    passed = [0.0]
    monkeypatch.setattr(messages, "time", SimpleNamespace(monotonic=lambda: passed[0]))
    return passed


def test_a_sentence_stands_over_the_runs_of_the_next_moments_and_goes(clock):
    app = AppTest.from_function(saying).run()
    app.button[0].click().run()
    clock[0] += READING - 1
    assert [said.value for said in app.run().success] == ["It is kept."]
    clock[0] += 2
    assert not app.run().success


def test_a_sentence_that_the_page_comes_to_late_is_read_as_long_as_any(clock, monkeypatch):
    app = AppTest.from_function(saying).run()
    show = messages.show

    def late(place: str) -> None:
        clock[0] += 10 * READING  # what is drawn above it takes as long
        show(place)

    with monkeypatch.context() as slow:
        slow.setattr(messages, "show", late)
        app.button[0].click().run()
    assert [said.value for said in app.success] == ["It is kept."]
    clock[0] += READING - 1
    assert app.run().success
    clock[0] += 2
    assert not app.run().success
