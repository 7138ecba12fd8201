"""Jobs: joined, called off by the last to leave, and heard of where they fail."""

import threading

from vqvae.background.jobs import CancelledError, Job, Jobs, JobsInTurn, Queue, Report

KEY = "a key"


def fails(job: Job) -> int:
    return 1 // 0


def test_a_job_goes_on_until_the_last_visitor_leaves():
    jobs, gate = Jobs[int](), threading.Event()

    def later(job: Job) -> int:
        gate.wait(30)
        if not job.report(1.0):
            raise CancelledError
        return 7

    job = jobs.ask(KEY, later, "ann")
    assert jobs.ask(KEY, later, "bob") is job
    job.leave("ann")
    assert not job.cancelled
    job.leave("bob")
    assert job.cancelled
    gate.set()
    job.join(60)
    assert job.result is None
    assert job.error is None
    again = jobs.ask(KEY, later, "cy")
    assert again is not job
    again.join(60)
    assert again.result == jobs.result(KEY) == 7


def test_a_job_is_that_of_those_who_wait_for_it():
    jobs, gate = Jobs[bool](), threading.Event()
    assert jobs.of("ann", KEY) is None
    job = jobs.ask(KEY, lambda job: gate.wait(30), "ann")
    assert jobs.of("ann", KEY) is job
    assert jobs.of("bob", KEY) is None
    job.leave("ann")
    assert jobs.of("ann", KEY) is None
    gate.set()


def test_what_goes_wrong_in_a_job_is_said_in_it():
    job = Jobs[int]().ask(KEY, fails, "ann")
    job.join(60)
    assert "ZeroDivisionError" in str(job.error)


def test_who_waited_for_a_failed_job_hears_of_it_before_it_is_tried_again():
    jobs = Jobs[int]()
    failed = jobs.ask(KEY, fails, "ann")
    failed.join(60)
    assert jobs.ask(KEY, fails, "ann") is failed
    failed.leave("ann")
    assert jobs.ask(KEY, fails, "ann") is not failed


def test_work_without_a_result_is_done_again_where_it_is_asked_for_again():
    jobs, calls = Jobs[None](), []
    for visitor in ("ann", "bob"):
        jobs.ask(KEY, lambda job: calls.append(job), visitor).join(60)
    assert len(calls) == 2


def test_those_that_were_asked_for_last_stay_in_memory():
    jobs = Jobs[str](kept=2)
    for key in "aba":
        jobs.ask(key, lambda job, key=key: key, "ann").join(60)
    assert jobs.result("b") == "b"  # the last that anybody asked about
    jobs.ask("c", lambda job: "c", "ann").join(60)
    assert [jobs.result(key) for key in "abc"] == [None, "b", "c"]


def test_a_job_in_turn_hears_that_nobody_waits_and_the_queue_goes_on(monkeypatch):
    monkeypatch.setenv("VQVAE_COMPUTING", "1")
    jobs, begun = JobsInTurn[int](Queue()), threading.Event()

    def endless(report: Report) -> int:
        begun.set()
        while True:
            report(0.5)

    first = jobs.start("endless", endless, "ann")
    begun.wait(60)
    second = jobs.start("next", lambda report: 7, "ben")
    second.join(0.1)
    assert second.running
    first.leave("ann")
    second.join(60)
    assert second.result == 7
    first.join(60)
    assert (first.result, first.error) == (None, None)


def test_what_is_done_stays_done_once_everybody_has_left():
    jobs = Jobs[int]()
    job = jobs.ask(KEY, lambda job: 7, "ann")
    job.join(60)
    job.leave("ann")
    assert jobs.ask(KEY, fails, "ben") is job
    assert job.awaited_by("ben")


def test_however_many_end_at_once_no_more_stay_and_what_came_to_nothing_takes_no_room():
    jobs, gate = Jobs[str](kept=3), threading.Event()

    def wait(job: Job) -> str:
        gate.wait(60)
        return "done"

    good = jobs.ask("good", lambda job: "good", "ann")
    good.join(60)
    many = [jobs.ask(f"{n}", fails, f"{n}") for n in range(3)]
    for n, job in enumerate(many):
        job.join(60)
        job.leave(f"{n}")
    assert jobs.result("good") == "good"
    many = [jobs.ask(f"{n}", wait, "ann") for n in range(12)]
    gate.set()
    for job in many:
        job.join(60)
    assert jobs.result("11") == "done"
    assert [jobs.result(f"{n}") for n in range(9)] == [None] * 9
