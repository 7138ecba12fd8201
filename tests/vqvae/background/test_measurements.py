"""A model is measured in the background as `evaluate` does it, in its turn, once for all who ask."""

from dataclasses import replace

import pytest

from tests.visiting import PATIENCE
from vqvae.background.measurements import Measurements
from vqvae.checkpoint import Checkpoint
from vqvae.evaluation import evaluate


@pytest.fixture
def checkpoint(make_model) -> Checkpoint:
    return Checkpoint(make_model(), 0.1)


def test_a_measurement_is_what_evaluate_finds(checkpoint, digits):
    job = Measurements().measure(checkpoint, digits, "anna")
    job.join(PATIENCE)
    assert job.result == evaluate(checkpoint.model, digits, 0.1)


def test_who_asks_for_the_same_measurement_joins_it_and_another_variance_is_another(checkpoint, digits, measuring):
    jobs = Measurements()
    first = jobs.measure(checkpoint, digits, "anna")
    assert jobs.measure(checkpoint, digits, "ben") is first
    assert jobs.measure(replace(checkpoint, variance=0.2), digits, "ben") is not first
    measuring.set()


def test_measurements_wait_for_their_turn_and_may_be_called_off_meanwhile(checkpoint, digits, measuring, monkeypatch):
    monkeypatch.setenv("VQVAE_COMPUTING", "1")
    jobs = Measurements()
    first = jobs.measure(checkpoint, digits, "anna")
    measuring.reached.wait(PATIENCE)
    second = jobs.measure(replace(checkpoint, variance=0.2), digits, "ben")
    second.join(0.1)
    assert second.running
    second.leave("ben")
    second.join(PATIENCE)
    assert not second.running
    assert first.running
    measuring.set()
    first.join(PATIENCE)
    assert first.result is not None
    assert second.result is None


def test_the_last_to_leave_stops_a_measurement_between_two_batches(checkpoint, digits, measuring):
    job = Measurements().measure(checkpoint, digits, "anna")
    measuring.reached.wait(PATIENCE)
    job.leave("anna")
    measuring.set()
    job.join(PATIENCE)
    assert (job.result, job.error) == (None, None)
