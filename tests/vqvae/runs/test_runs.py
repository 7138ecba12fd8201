"""Runs in the background: mostly in a thread of this process; where processes are killed, in processes of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file

from tests.visiting import PATIENCE
from vqvae import checkpoint, data
from vqvae.data import DataError
from vqvae.files import write_atomically
from vqvae.limits import FREE_DISK, KEEP_RUNS, RUN_MEMORY, RUN_THREADS, WAITING, WAITING_EACH
from vqvae.model import VQVAE
from vqvae.runs import child, resume, worker
from vqvae.runs import process as processes
from vqvae.runs.queue import QueuePlace, is_held
from vqvae.runs.run import Command, Run, RunConfig, RunError, Status
from vqvae.runs.visitor import Visitor, new_token
from vqvae.training import RECOMMENDED, Training, train

ROOT = Path(__file__).parents[3]
RECIPE = replace(RECOMMENDED, batch_size=16, num_embeddings=8, embedding_dim=4, epochs=3)
CONFIG = RunConfig(RECIPE, "digits", limit=48)  # three steps an epoch
LONG = replace(CONFIG, recipe=replace(RECIPE, epochs=100_000))


@pytest.fixture(autouse=True)
def room(tmp_path, monkeypatch) -> Path:
    """A folder for all runs of a test."""
    monkeypatch.setenv("VQVAE_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def start(children) -> Callable[..., Run]:
    """A function that starts a run whose child is a thread."""
    return lambda config=CONFIG, visitor=None: (visitor or Visitor(new_token())).start(config)


def until(run: Run, *states: str, step: int = 0) -> Status:
    """Wait until the run is in one of these states, at a step at least."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        status = run.status()
        if status.state in states and status.step >= step:
            return status
        time.sleep(0.01)
    raise AssertionError(f"expected {' or '.join(states)} from step {step}, got {run.status()}")


def weights(path: Path) -> torch.Tensor:
    return torch.cat([value.flatten() for _, value in sorted(load_file(path).items())])


def expected_state(config: RunConfig = CONFIG, steps: int | None = None) -> torch.Tensor:
    """The state of the same training without any of this."""
    training = Training(data.load(config.dataset, "train").evenly(config.limit), config.recipe)
    for _ in train(training, lambda: training.step_count == steps):
        pass
    return torch.cat([value.flatten() for _, value in sorted(training.state().items())])


# Visitors


@pytest.mark.parametrize("token", ["", "../../etc/passwd", "A" * 32, "a" * 31, "a" * 33, "a" * 31 + "\n", None, 7])
def test_what_is_no_token_is_refused(token):
    with pytest.raises(ValueError, match="expected a token of 32 hex digits"):
        Visitor(token)


def test_a_visitors_folder_does_not_give_the_token_away():
    token = new_token()
    assert token not in str(Visitor(token).folder)
    assert Visitor(token).folder == Visitor(token).folder != Visitor(new_token()).folder


def test_a_run_is_found_again_by_its_visitor_and_by_nobody_else(start):
    token = new_token()
    run = start(visitor=Visitor(token))
    assert Visitor(token).current().folder == run.folder
    assert Visitor(token).current().config().recipe == RECIPE
    assert Visitor(new_token()).current() is None


def test_a_visitor_has_one_run_at_a_time(start):
    visitor = Visitor(new_token())
    start(LONG, visitor)
    with pytest.raises(RunError, match="still at work"):
        start(visitor=visitor)


def test_a_run_set_aside_can_be_taken_back_until_the_next_begins(start):
    visitor = Visitor(new_token())
    run = start(visitor=visitor)
    until(run, "finished")
    run.set_aside()
    assert visitor.current() is None
    visitor.last_aside().take_back()
    assert visitor.current().folder == run.folder
    following = start(visitor=visitor)
    assert visitor.current().folder == following.folder
    assert not run.folder.exists()


def test_a_comparison_is_runs_of_equal_standing_beside_the_visitors_own(start):
    visitor = Visitor(new_token())
    own = start(visitor=visitor)
    visitor.compare(
        {
            "one": CONFIG,
            "other": replace(CONFIG, recipe=replace(RECIPE, quantizer="gradient", dead_code_replacement=False)),
        }
    )
    first, second = visitor.comparison()
    for run in (own, first, second):
        until(run, "finished")
    assert [run.config().recipe.quantizer for run in (first, second)] == ["ema", "gradient"]
    assert torch.equal(weights(first.folder / "state.safetensors"), weights(own.folder / "state.safetensors"))
    assert visitor.current().folder == own.folder
    visitor.compare({"one": CONFIG})
    assert len(visitor.comparison()) == 1


def test_a_comparison_at_work_is_not_thrown_away(start):
    visitor = Visitor(new_token())
    visitor.compare({"one": LONG})
    with pytest.raises(RunError, match="has not ended yet"):
        visitor.compare({"one": CONFIG})


# From start to end


def test_a_finished_run_has_the_weights_of_the_same_training_elsewhere(start):
    run = start()
    status = until(run, "finished")
    assert (status.step, status.steps, status.saved) == (9, 9, 9)
    assert torch.equal(weights(run.folder / "state.safetensors"), expected_state())
    opened = checkpoint.load(run.model_file)
    assert (opened.steps, opened.training_images, opened.recipe) == (9, 48, RECIPE)
    assert opened.measured[0].images == 48


def test_a_run_publishes_figures_and_frames_from_its_first_step_to_its_last(start):
    run = start()
    until(run, "finished")
    history, recording = run.history(), run.recording()
    assert [metrics.step for metrics in history] == list(range(1, 10))
    assert recording.steps.tolist() == list(range(10))
    assert [metrics.cpu_seconds for metrics in history] == sorted(metrics.cpu_seconds for metrics in history)
    assert history[0].cpu_seconds > 0
    (measured,) = checkpoint.load(run.model_file).measured
    last = history[-1].held_out_nmse, history[-1].held_out_perplexity, history[-1].held_out_ink_perplexity
    assert last == pytest.approx((measured.nmse, measured.perplexity, measured.ink_perplexity))
    assert all(1 <= metrics.ink_perplexity <= RECIPE.num_embeddings for metrics in history)
    assert any(metrics.ink_perplexity != metrics.perplexity for metrics in history)
    final = checkpoint.load(run.model_file).model
    assert torch.equal(recording.codebooks[-1], final.vq_layer.codebook)
    expected = (final.reconstruct(recording.digits / 255).clamp(0, 1) * 255).round()
    assert (recording.reconstructions[-1] - expected).abs().max() <= 1
    assert recording.usage[1:].sum(1).tolist() == [16 * 49] * 9


def test_slow_first_measurements_delay_no_later_ones(start, monkeypatch):
    made, measured = VQVAE.reconstruct, worker.evaluate
    slept = set()

    def slow_at_first(function):
        def call(*arguments):
            if function not in slept:
                slept.add(function)
                time.sleep(1)
            return function(*arguments)

        return call

    monkeypatch.setattr(VQVAE, "reconstruct", slow_at_first(made))
    monkeypatch.setattr(worker, "evaluate", slow_at_first(measured))
    monkeypatch.setattr(worker, "FRAME_SHARE", 5)
    monkeypatch.setattr(child.Child, "held_out_share", 5)
    run = start(LONG)
    until(run, "running", step=40)
    assert run.recording().steps[1] == 1
    assert sum(metrics.held_out_nmse is not None for metrics in run.history()) > 1


def test_a_pause_measures_where_the_run_stands(start):
    run = start(LONG)
    until(run, "running", step=5)
    run.pause()
    until(run, "paused")
    run.step()
    at = until(run, "paused", step=run.command().step).step
    assert run.history()[-1].step == at
    assert run.history()[-1].held_out_nmse is not None


def test_a_run_shows_as_many_held_out_digits_of_every_class(start):
    run = start(replace(CONFIG, limit=500))
    until(run, "running", "finished", step=1)
    assert len(run.recording().digits) == 20


# Asked to


def test_a_paused_run_stands_still_and_steps_one_batch_at_a_time(start):
    run = start(LONG)
    until(run, "running", step=2)
    run.pause()
    at = until(run, "paused").step
    assert run.status().saved == at
    for expected in (at + 1, at + 2):
        run.step()
        assert until(run, "paused", step=expected).step == expected
    run.step()
    run.step()
    assert until(run, "paused", step=at + 4).step == at + 4
    run.play()
    assert until(run, "running", step=at + 6)


def test_pausing_and_stepping_change_no_weight(start):
    run = start()
    run.pause()
    until(run, "paused")
    for step in (1, 2, 3, 4):
        run.step()
        until(run, "paused", step=step)
    run.play()
    until(run, "finished")
    assert torch.equal(weights(run.folder / "state.safetensors"), expected_state())


def test_a_stopped_run_is_saved_and_goes_on_to_the_same_weights(start):
    run = start()
    run.pause()
    until(run, "paused")
    run.step()
    until(run, "paused", step=1)
    run.stop()
    status = until(run, "stopped")
    assert status.saved == status.step == 1
    assert torch.equal(weights(run.folder / "state.safetensors"), expected_state(steps=1))
    run.play()
    until(run, "finished")
    assert torch.equal(weights(run.folder / "state.safetensors"), expected_state())
    assert [metrics.step for metrics in run.history()] == list(range(1, 10))


@pytest.mark.parametrize("content", [b"", b"nonsense", b"step x", b"\xff", b"step 3 4", b"rm -rf"])
def test_nonsense_in_control_means_run(content, room):
    run = Run(room)
    room.mkdir()
    (room / "control").write_bytes(content)
    assert run.command() == Command("run")


# The queue


def test_runs_go_one_at_a_time_first_come_first_served(start):
    first, second, third = start(LONG), None, None
    until(first, "running", step=1)
    second = start()
    until(second, "queued")
    third = start()
    assert until(third, "queued").before == 2
    assert second.status().before == 1
    first.stop()
    until(second, "running", "finished")
    until(third, "finished")
    assert second.status().state == "finished"


def test_a_paused_run_lets_others_in_and_queues_again(start):
    first = start(LONG)
    until(first, "running", step=1)
    first.pause()
    until(first, "paused")
    second = start(LONG)
    until(second, "running", step=1)
    first.play()
    assert until(first, "queued").before == 1
    second.stop()
    until(first, "running")


def test_a_run_stopped_in_the_queue_ends_without_a_step(start):
    first, second = start(LONG), None
    until(first, "running", step=1)
    second = start()
    until(second, "queued")
    second.stop()
    assert until(second, "stopped").step == 0


def test_two_at_once_where_that_is_wanted(start, monkeypatch):
    monkeypatch.setenv("VQVAE_AT_ONCE", "2")
    for run in [start(LONG), start(LONG)]:
        until(run, "running", step=1)
    assert until(start(), "queued").before == 2


def test_the_ticket_of_a_dead_process_holds_nobody_up(room):
    queue = room / "turns"
    queue.mkdir(parents=True)
    (queue / f"{0:020d}-1.ticket").touch()
    place = QueuePlace(room)
    assert place.ask() == 0
    place.release()
    assert not list(queue.glob("*.ticket"))


def test_turns_are_kept_between_processes(room):
    ours, theirs = os.pipe()
    other = os.fork()
    if not other:
        try:
            place = QueuePlace(room)
            os.write(theirs, str(place.ask()).encode())
            signal.pause()
        finally:
            os._exit(1)
    try:
        assert os.read(ours, 1) == b"0"
        place = QueuePlace(room)
        assert place.ask() == 1
    finally:
        os.kill(other, signal.SIGKILL)
        os.waitpid(other, 0)
    assert place.ask() == 0
    place.release()


def test_a_full_queue_takes_no_more_though_no_child_has_got_as_far_as_to_stand_in_it(monkeypatch):
    monkeypatch.setenv(WAITING.name, "2")
    monkeypatch.setattr(processes._children, "start", lambda folder, log: None)  # as if it still imported torch
    for _ in range(2):
        Visitor(new_token()).start(CONFIG)
    with pytest.raises(RunError, match=r"^At most 2 runs may wait here, and there would be 3:"):
        Visitor(new_token()).start(CONFIG)


def test_one_visitor_fills_no_more_than_a_share_of_the_queue(monkeypatch):
    monkeypatch.setenv(WAITING_EACH.name, "2")
    monkeypatch.setattr(processes._children, "start", lambda folder, log: None)
    many = Visitor(new_token())
    with pytest.raises(RunError, match=r"^At most 2 runs of yours may wait, and there would be 3:"):
        many.compare({"a": CONFIG, "b": CONFIG, "c": CONFIG})
    many.compare({"a": CONFIG, "b": CONFIG})
    with pytest.raises(RunError, match=r"^At most 2 runs of yours may wait, and there would be 3:"):
        many.start(CONFIG)
    Visitor(new_token()).start(CONFIG)


def test_a_disk_that_is_nearly_full_takes_no_run_and_says_so(monkeypatch):
    monkeypatch.setenv(FREE_DISK.name, "999999999")
    with pytest.raises(RunError, match=r"^No run can be begun: the disk is nearly full, .* MB are free\.") as refused:
        Visitor(new_token()).start(CONFIG)
    assert "/" not in str(refused.value)  # where it lies is no visitor's business


def test_a_disk_that_is_nearly_full_leaves_the_run_of_before_where_it_is(start, monkeypatch):
    monkeypatch.setattr(processes._children, "start", lambda folder, log: None)
    me = Visitor(new_token())
    before = me.start(CONFIG)
    before.report(Status("finished"))
    monkeypatch.setenv(FREE_DISK.name, "999999999")
    for begin in (me.start, lambda config: me.compare({"a": config})):
        with pytest.raises(RunError, match="nearly full"):
            begin(CONFIG)
    assert [run.folder for run in me.runs()] == [before.folder]


def test_runs_that_ended_long_ago_are_removed_when_another_begins(start, monkeypatch):
    monkeypatch.setattr(processes._children, "start", lambda folder, log: None)
    old, recent = (Visitor(new_token()) for _ in range(2))
    for visitor, age in ((old, KEEP_RUNS.value + 1), (recent, KEEP_RUNS.value - 1)):
        run = visitor.start(CONFIG)
        run.report(Status("finished"))
        for name in ("status.json", "begun"):
            os.utime(run.folder / name, (time.time() - age * 24 * 3600,) * 2)
    Visitor(new_token()).start(CONFIG)
    assert [len(visitor.runs()) for visitor in (old, recent)] == [0, 1]


@pytest.mark.skipif(sys.platform != "linux", reason="a process's memory is bounded on Linux alone")
def test_a_training_process_has_the_threads_and_the_memory_that_the_settings_leave_it(room, monkeypatch):
    import resource

    monkeypatch.setenv(RUN_THREADS.name, "1")
    monkeypatch.setenv(RUN_MEMORY.name, "700")
    children, folder = processes._Children(), room / "nothing"
    folder.mkdir(parents=True)
    with open(folder / "log", "wb") as log:
        children.start(folder, log)
    child = children.get(folder)
    try:
        assert resource.prlimit(child.pid, resource.RLIMIT_DATA) == (700 * 2**20,) * 2
        told = Path(f"/proc/{child.pid}/environ")
        while not (environment := told.read_bytes()):  # empty while `nice` gives way to Python
            time.sleep(0.01)
        assert b"OMP_NUM_THREADS=1" in environment.split(b"\0")
    finally:
        child.kill()
        child.wait()


def test_runs_that_were_queued_when_the_machine_went_down_are_in_nobodys_way(room, start, monkeypatch):
    monkeypatch.setenv(WAITING.name, "1")
    dead = Run(Visitor(new_token()).folder / "runs" / "1")
    write_atomically(dead.folder / "run.json", json.dumps(asdict(CONFIG)).encode())
    dead.report(Status("queued", before=1))
    write_atomically(room / "turns" / "1.ticket", b"")
    assert until(start(), "finished")


# What goes wrong


def test_a_data_set_that_has_disappeared_is_a_failed_run_with_one_sentence(start, tmp_path, monkeypatch):
    monkeypatch.setenv("VQVAE_DATA", str(tmp_path))
    status = until(start(replace(CONFIG, dataset="kmnist")), "failed")
    assert status.message.startswith("KMNIST is not there")


def test_a_full_disk_ends_the_run_and_what_was_saved_stays(start):
    run = start(LONG)
    until(run, "running", step=1)
    run.pause()
    saved = until(run, "paused").saved
    kept = weights(run.model_file)
    run.history_file.unlink()
    run.history_file.symlink_to("/dev/full")  # every write there finds the disk full
    run.play()
    status = until(run, "failed")
    assert "No space left on device" in status.message
    assert f"what was saved at step {saved} stays" in status.message
    assert torch.equal(weights(run.model_file), kept)


@pytest.mark.parametrize("what", ["its data set is gone", "it is stopped in the queue"])
def test_a_run_that_does_not_get_going_again_keeps_what_was_saved(what, start, monkeypatch):
    run = start(LONG)
    until(run, "running", step=1)
    run.stop()
    stopped = until(run, "stopped")
    if what == "its data set is gone":
        monkeypatch.setattr(data, "load", lambda *_: (_ for _ in ()).throw(DataError("The digits are gone.")))
        run.play()
        said = until(run, "failed")
        assert said.message == f"The digits are gone; what was saved at step {stopped.saved} stays."
    else:
        until(start(LONG), "running", step=1)
        run.play()
        until(run, "queued")
        run.stop()
        said = until(run, "stopped")
    assert (said.step, said.steps, said.saved) == (stopped.step, stopped.steps, stopped.saved)


def test_a_folder_that_cannot_be_written_is_one_sentence(room):
    room.write_text("a file, where the folder should be")
    with pytest.raises(RunError, match=r"A run cannot be kept in .+ Name another folder in VQVAE_RUNS"):
        Visitor(new_token()).start(CONFIG)


def test_a_run_that_diverges_says_so_and_keeps_what_was_saved(start):
    run = start(replace(LONG, recipe=replace(LONG.recipe, lr=1e30, schedule="constant")))
    status = until(run, "failed")
    assert "start again with a lower learning rate" in status.message


def test_one_folder_has_one_process(start, monkeypatch):
    run = start(LONG)
    until(run, "running", step=1)
    monkeypatch.setattr(worker, "LOCK_PATIENCE", 0.5)
    with pytest.raises(RunError, match="Another process is at work"):
        worker.work(run.folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"state": "magic"}', b'{"steps": 3}'])
def test_a_status_that_cannot_be_read_is_no_error(content, room):
    room.mkdir()
    (room / "status.json").write_bytes(content)
    assert Run(room).status().state == "interrupted"


# Processes


def begun(script: str, room: Path) -> subprocess.Popen:
    """A server of one line: starts a run and waits."""
    program = "import time; from dataclasses import replace; from vqvae.training import RECOMMENDED; "
    program += "from vqvae.runs.run import RunConfig; from vqvae.runs.visitor import Visitor; "
    return subprocess.Popen([sys.executable, "-c", program + script], cwd=ROOT, stdin=subprocess.DEVNULL)


@pytest.fixture
def server(room):
    """A server that started a long run: its process and the run."""
    token = new_token()
    process = begun(
        "recipe = replace(RECOMMENDED, batch_size=16, num_embeddings=8, embedding_dim=4, epochs=100_000); "
        f"Visitor({token!r}).start(RunConfig(recipe, 'digits', limit=48)); time.sleep(600)",
        room,
    )
    deadline = time.monotonic() + PATIENCE
    while (run := Visitor(token).current()) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    yield process, run
    process.kill()
    process.wait()


def child_of(run: Run) -> int:
    """The process that works for a run."""
    for commandline in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if str(run.folder).encode() in commandline.read_bytes():
                return int(commandline.parent.name)
    raise AssertionError(f"expected a process at work in {run.folder}")


def test_a_run_ends_in_good_order_when_its_server_is_killed(server):
    process, run = server
    until(run, "running", step=1)
    process.send_signal(signal.SIGKILL)
    status = until(run, "stopped")
    assert status.saved == status.step > 0
    assert status.message == f"The app that began it ended; what was saved at step {status.saved:,} stays."
    assert checkpoint.load(run.model_file).steps == status.step
    assert not run.alive()


def test_a_run_of_another_server_is_seen_and_paused_and_goes_on_here_once_its_child_is_killed(server, start, children):
    _, run = server
    until(run, "running", step=1)
    child = child_of(run)
    run.play()  # it is at work already
    run.pause()
    saved = until(run, "paused").saved
    assert child_of(run) == child
    assert not children
    run.play()
    until(run, "running", step=saved + 1)
    os.kill(child, signal.SIGKILL)
    status = until(run, "interrupted")
    assert f"what was saved at step {status.saved:,} stays" in status.message
    assert checkpoint.load(run.model_file).steps == status.saved
    run.play()
    resumed = until(run, "running", step=status.saved + 1)
    assert resumed.step > status.saved
    run.pause()
    paused = until(run, "paused")
    assert torch.equal(weights(run.folder / "state.safetensors"), expected_state(LONG, paused.step))


def test_a_child_killed_amid_its_writing_leaves_no_torn_file(room):
    run = Run(room / "run")
    write_atomically(run.folder / "run.json", json.dumps(asdict(LONG)).encode())
    program = "import sys; from pathlib import Path; from vqvae.runs import child, worker; "
    program += "child.PUBLISH_EVERY = child.SAVE_EVERY = 0; worker.work(Path(sys.argv[1]))"  # it hardly does else
    child = subprocess.Popen([sys.executable, "-c", program, str(run.folder)], cwd=ROOT, stdin=subprocess.DEVNULL)
    until(run, "running", step=20)
    child.kill()
    child.wait()
    status = run.status()
    assert status.state == "interrupted"
    assert checkpoint.load(run.model_file).steps >= status.saved > 0
    for steps in ([metrics.step for metrics in run.history()], run.recording().steps.tolist()):
        assert steps == sorted(set(steps))


def test_where_a_state_was_saved_its_model_is_there(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(resume, "write_atomically", lambda path, content: written.append(path.name))
    monkeypatch.setattr(checkpoint, "write_atomically", lambda path, content: written.append(path.name))
    training = Training(data.load("digits", "train").evenly(48), RECIPE)
    resume.keep(training, tmp_path, tmp_path / "model.safetensors")
    assert written == ["model.safetensors", "state.safetensors"]


def test_a_run_whose_folder_is_taken_away_ends(start, tmp_path):
    run = start(LONG)
    until(run, "running", step=1)
    run.folder.rename(tmp_path / "taken")  # at once: a file that is written meanwhile would keep a folder being emptied
    deadline = time.monotonic() + PATIENCE
    while run.alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not run.alive()


def test_a_lock_that_nobody_holds_is_not_held(tmp_path):
    path = tmp_path / "lock"
    assert not is_held(path)
    with FileLock(path):
        assert is_held(path)
    assert not is_held(path)
