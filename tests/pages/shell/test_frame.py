"""A page says all that it has to say, whichever way it ends. Each test runs a page of its own under the real frame."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.visiting import PATIENCE

HEAD = """
import streamlit as st
from pages.ui.shell.frame import page
from pages.ui.shell.url_state import Field, whole
from vqvae.checkpoint import CheckpointError
from vqvae.data import DataError

with page("Home", "Lead.", [Field("digit", whole(0, 9), 0)]) as scene:
    scene.state["digit"] = 7
"""


@pytest.fixture
def page_that(tmp_path: Path) -> Callable[[str], AppTest]:
    """A run of a page whose body, after it set a field, is these lines."""

    def run(body: str) -> AppTest:
        (tmp_path / "pages").mkdir()
        for name in ("draw", "generate", "codebook", "map", "train"):  # for the menu
            (tmp_path / "pages" / f"{name}.py").touch()
        app = tmp_path / "app.py"
        app.write_text(HEAD + "".join(f"    {line}\n" for line in body.splitlines()))
        return AppTest.from_file(str(app), default_timeout=PATIENCE).run()

    return run


@pytest.mark.parametrize("ending", ["pass", "raise DataError('No file.')", "raise CheckpointError('No file.')"])
def test_a_page_publishes_its_address_whichever_way_it_ends(page_that, ending):
    page = page_that(ending)
    assert not page.exception
    assert page.query_params["digit"] == "7"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("DataError", "These images cannot be opened. No file."),
        ("CheckpointError", "This model cannot be opened. No file. Pick another one in the sidebar."),
    ],
)
def test_what_cannot_be_read_is_one_sentence(page_that, error, sentence):
    page = page_that(f"raise {error}('No file.')\nst.write('never')")
    assert [one.value for one in page.error] == [sentence]
    assert "never" not in [one.value for one in page.markdown]


def test_a_rerun_leaves_the_address_to_the_run_that_follows(page_that):
    body = """
if "again" not in st.session_state:
    st.session_state["again"] = True
    st.rerun()
scene.state["digit"] = 8
"""
    assert page_that(body).query_params["digit"] == "8"


def test_another_error_is_not_hidden(page_that):
    page = page_that("raise KeyError('missing')")
    assert len(page.exception) == 1
    assert not page.error


def test_a_part_that_runs_alone_ends_as_the_page_does(page_that):
    body = """
def part():
    scene.state["digit"] = 5
    st.write("seen")
    raise DataError("No file.")
scene.fragment(part)
st.write("and on")
"""
    page = page_that(body)
    assert [one.value for one in page.error] == ["These images cannot be opened. No file."]
    assert {"seen", "and on"} <= {one.value for one in page.markdown}
    assert page.query_params["digit"] == "5"
