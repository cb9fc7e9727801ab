from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fetalflex.errors import FetalFlexError
from fetalflex.studio.worker import Job, Worker


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.close()


def ended(job: Job | None) -> Job:
    assert job is not None
    for _ in range(1000):
        if job.has_ended:
            return job
        time.sleep(0.01)
    raise AssertionError(f"the job is still {job.state}")


def stepping(job: Job) -> dict[str, Any]:
    for step in range(100_000):
        job.report(step, 100_000)
        time.sleep(0.001)
    return {}


def test_jobs_are_computed_in_turn(worker: Worker) -> None:
    order: list[str] = []

    def noting(job: Job) -> dict[str, Any]:
        order.append(job.client)
        return {"said": job.client}

    jobs = [worker.submit(client, noting) for client in "abc"]
    assert [ended(job).answer for job in jobs] == [{"said": client} for client in "abc"]
    assert order == ["a", "b", "c"]


def test_each_client_has_one_at_a_time(worker: Worker) -> None:
    first = worker.submit("a", stepping)
    assert first is not None
    assert worker.submit("a", stepping) is None
    waiting = worker.submit("b", stepping)
    assert waiting is not None
    worker.cancel(waiting)
    assert waiting.state == "cancelled"  # at once, as it had not begun
    worker.cancel(first)
    assert ended(first).state == "cancelled"
    assert ended(worker.submit("a", lambda _: {})).state == "done"


def test_cancel_stops_within_a_step(worker: Worker) -> None:
    steps: list[int] = []
    go_on = threading.Event()

    def work(job: Job) -> dict[str, Any]:
        for step in range(10):
            steps.append(step)
            go_on.wait(5)
            job.report(step, 10)
        return {}

    job = worker.submit("a", work)
    assert job is not None
    while not steps:
        time.sleep(0.01)
    worker.cancel(job)
    go_on.set()
    assert ended(job).state == "cancelled"
    assert steps == [0]


def test_failures_are_told_and_the_next_job_is_computed(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    def bad_input(_job: Job) -> dict[str, Any]:
        raise FetalFlexError("steps must be a whole number")

    def broken(_job: Job) -> dict[str, Any]:
        raise KeyError("/home/somebody")

    assert ended(worker.submit("a", bad_input)).error == "steps must be a whole number"
    with caplog.at_level(logging.CRITICAL):
        error = ended(worker.submit("a", broken)).error
    assert error is not None
    assert "somebody" not in error
    assert ended(worker.submit("a", lambda _: {})).state == "done"


def test_old_jobs_are_forgotten(worker: Worker) -> None:
    jobs = [ended(worker.submit("a", lambda _: {})) for _ in range(80)]
    assert worker.job(jobs[0].id) is None
    assert worker.job(jobs[-1].id) is jobs[-1]


def test_closing_ends_what_runs_and_what_waits() -> None:
    worker = Worker()
    running, waiting = worker.submit("a", stepping), worker.submit("b", stepping)
    worker.close()
    assert ended(running).state == ended(waiting).state == "cancelled"
