"""Figures and frames of a run: bounded, and readable however they end."""

import pytest
import torch

from vqvae.runs import recording
from vqvae.runs.recording import LATEST, Frame, History, Metrics, Recorder, read_history, read_recording

DIGITS = torch.arange(2 * 16, dtype=torch.uint8).view(2, 1, 4, 4)


def metrics(step: int, held_out: float | None = None) -> Metrics:
    return Metrics(step, 1.5, 1.0, 0.25, 1.0, 3.2, 5, 100.0, 7.0, held_out, held_out, None)


def frame(step: int) -> Frame:
    codebook = torch.full((3, 2), float(step))
    return Frame(step, codebook, torch.tensor([step, 0, 1]), torch.full((2, 1, 4, 4), step % 256, dtype=torch.uint8))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


def recorded(path, steps: range) -> Recorder:
    recorder = Recorder(path, DIGITS, 3, 2, step=0)
    for step in steps:
        recorder.add(frame(step))
    return recorder


# Figures


def test_figures_come_back_as_they_were_written(path):
    history = History(path, 0, Metrics)
    written = [metrics(1), metrics(2, held_out=0.25), metrics(3)]
    for one in written:
        history.add(one)
    assert read_history(path, Metrics) == written


@pytest.mark.parametrize(
    "tail", [b"[4, 1.5", b"\xff\xfe\n", b"[4]\n", b'{"step": 4}\n', b'["4", 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]']
)
def test_a_torn_line_is_left_out(path, tail):
    History(path, 0, Metrics).add(metrics(3))
    with open(path, "ab") as file:
        file.write(tail)
    assert read_history(path, Metrics) == [metrics(3)]


def test_a_run_that_goes_on_drops_the_figures_after_its_saved_step(path):
    history = History(path, 0, Metrics)
    for step in (1, 2, 3, 4):
        history.add(metrics(step))
    History(path, 2, Metrics).add(metrics(3, held_out=0.5))
    assert read_history(path, Metrics) == [metrics(1), metrics(2), metrics(3, held_out=0.5)]


def test_a_long_run_keeps_half_its_figures_and_all_held_out_ones(path, monkeypatch):
    monkeypatch.setattr(recording, "MOST_METRICS", 20)
    history = History(path, 0, Metrics)
    for step in range(500):
        history.add(metrics(step, held_out=0.5 if step % 100 == 0 else None))
    kept = read_history(path, Metrics)
    assert len(kept) <= 20
    assert [one.step for one in kept if one.held_out_nmse] == [0, 100, 200, 300, 400]
    assert kept[-1].step == 499


def test_a_run_of_more_held_out_figures_than_there_is_room_for_keeps_half_of_them_too(path, monkeypatch):
    monkeypatch.setattr(recording, "MOST_METRICS", 20)
    history = History(path, 0, Metrics)
    for step in range(500):
        history.add(metrics(step, held_out=0.5 if step % 2 else None))
    kept = read_history(path, Metrics)
    assert 5 <= len(kept) <= 20
    assert kept[0].step < 100
    assert kept[-1].step == 499
    assert {one.held_out_nmse for one in kept} == {0.5, None}


# Frames


def test_frames_come_back_as_they_were_recorded(path):
    recorded(path, range(5))
    found = read_recording(path)
    assert torch.equal(found.digits, DIGITS)
    assert found.steps.tolist() == [0, 1, 2, 3, 4]
    for at in range(5):
        for got, expected in zip(found.frame(at), frame(at), strict=True):
            assert torch.equal(torch.as_tensor(got), torch.as_tensor(expected))


@pytest.mark.parametrize("cut", [1, 20, 80])
def test_a_torn_frame_is_left_out(path, cut):
    recorded(path, range(3))
    path.write_bytes(path.read_bytes()[:-cut])
    assert read_recording(path).steps.tolist() == [0, 1]


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"no json\n", b'{"format": 1, "shape": [3, 2, 2, 1, 4, 4], "every": 1}\nshort']
)
def test_a_damaged_recording_counts_as_none(path, content):
    path.write_bytes(content)
    assert read_recording(path) is None


def test_a_recording_without_a_file_is_none(path):
    assert read_recording(path) is None


def test_however_long_a_run_its_recording_stays_bounded_and_spans_all_of_it(path, monkeypatch):
    monkeypatch.setattr(recording, "MOST_FRAMES", 16)
    recorder = recorded(path, range(1_000))
    size = path.stat().st_size
    recorder.add(frame(1_000), always=True)
    steps = read_recording(path).steps
    assert len(steps) <= 17 + LATEST
    assert size < 17 * 100 + 200
    assert steps[0] < 130
    assert steps[-1] == 1_000
    gaps = steps[:-LATEST].diff()
    assert gaps.unique().numel() == 1


def test_the_latest_frames_of_a_long_run_are_all_there(path, monkeypatch):
    monkeypatch.setattr(recording, "MOST_FRAMES", 16)
    recorded(path, range(1_000))
    assert read_recording(path).steps[-LATEST:].tolist() == [996, 997, 998, 999]


def test_latest_frames_of_another_recording_are_left_out(path):
    recorded(path, range(3))
    other = Recorder(path.with_name("other"), DIGITS, 4, 2, step=0)
    other.add(Frame(9, torch.zeros(4, 2), torch.zeros(4), DIGITS))
    path.with_name("other").rename(path.with_name("file.latest"))
    assert read_recording(path).steps.tolist() == [0, 1, 2]


def test_a_large_codebook_gets_fewer_frames():
    assert recording._Shape(128, 16, 20, 1, 28, 28).most == recording.MOST_FRAMES
    large = recording._Shape(1024, 128, 20, 1, 28, 28)
    assert large.most * large.record.itemsize <= recording.MOST_BYTES


def test_a_run_that_goes_on_drops_the_frames_after_its_saved_step(path):
    recorded(path, range(5))
    Recorder(path, DIGITS, 3, 2, step=2).add(frame(3))
    assert read_recording(path).steps.tolist() == [0, 1, 2, 3]


def test_a_recording_of_another_model_is_begun_anew(path):
    recorded(path, range(5))
    Recorder(path, DIGITS, 4, 2, step=2)
    assert len(read_recording(path).steps) == 0
