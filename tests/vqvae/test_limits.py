"""What one visitor may cost all others, by the environment, and as README says it."""

import re
from pathlib import Path

import pytest

from vqvae.limits import AT_ONCE, LIMITS, WAITING

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


@pytest.mark.parametrize("text", ["", "-1", "1.5", "many", "9" * 12, "٣"])
def test_what_is_no_number_counts_as_not_set(text, monkeypatch):
    monkeypatch.setenv(AT_ONCE.name, text)
    assert AT_ONCE.value == AT_ONCE.usual


def test_a_number_in_the_environment_counts_from_the_least_on(monkeypatch):
    for limit in (AT_ONCE, WAITING):
        monkeypatch.setenv(limit.name, "0")
    assert (AT_ONCE.value, WAITING.value) == (AT_ONCE.usual, 0)
    monkeypatch.setenv(AT_ONCE.name, "3")
    assert AT_ONCE.value == 3


def test_readme_lists_every_limit_with_what_holds_without_it():
    for limit in LIMITS:
        usual = "all cores" if limit.name == "VQVAE_RUN_THREADS" else f"{limit.usual:,}"
        assert re.search(rf"^\| `{limit.name}` \| {re.escape(limit.what)} \| {usual} \|$", README, re.M), limit.name
