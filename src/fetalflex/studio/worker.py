"""One thread that computes, and the jobs that wait for it."""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject
from fetalflex.studio.results import Result

State = Literal["waiting", "running", "done", "failed", "cancelled"]
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")
_KEPT = 50
_log = logging.getLogger("fetalflex.studio")


class Cancelled(Exception):  # noqa: N818 - no error
    """Signal that the user wants a job to stop."""


@dataclass
class Job:
    """A job, how far it is, and what came of it.

    Args:
        client: Who asked.
        work: Computes it; gets the job, to report to.

    `version` rises with every change. `preview` is the latest alone, so that a long job does not fill the memory.
    """

    client: str
    work: Callable[[Job], JsonObject]
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    state: State = "waiting"
    step: int = 0
    steps: int = 0
    preview: JsonObject | None = None
    results: list[Result] = field(default_factory=list)
    answer: JsonObject = field(default_factory=dict)
    error: str | None = None
    version: int = 0
    wants_cancel: bool = False

    def report(self, step: int, steps: int, preview: JsonObject | None = None) -> None:
        """Tell that a step is done; raises Cancelled if the user does not want more."""
        self.step, self.steps = step, steps
        if preview is not None:
            self.preview = preview
        self.version += 1
        self.check()

    def add_result(self, result: Result) -> None:
        """Tell of a result while others are still computed."""
        self.results = [*self.results, result]
        self.version += 1
        self.check()

    def check(self) -> None:
        """Raise Cancelled if the user does not want more."""
        if self.wants_cancel:
            raise Cancelled

    @property
    def has_ended(self) -> bool:
        """Say whether nothing more will come."""
        return self.state in ENDED

    def facts(self) -> JsonObject:
        """Return the job as JSON values, without its preview."""
        return {
            "job": self.id,
            "state": self.state,
            "step": self.step,
            "steps": self.steps,
            "results": self.results,
            "answer": self.answer,
            "error": self.error,
        }


class Worker:
    """Compute jobs one after the other in a thread of its own; each client has one at a time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="fetalflex-worker", daemon=True)
        self._thread.start()

    def submit(self, client: str, work: Callable[[Job], JsonObject]) -> Job | None:
        """Queue a job; None if the client has one that has not ended."""
        with self._changed:
            if any(job.client == client and not job.has_ended for job in self._jobs.values()):
                return None
            job = Job(client, work)
            self._jobs[job.id] = job
            self._waiting.append(job)
            self._forget()
            self._changed.notify_all()
            return job

    def job(self, job_id: str) -> Job | None:
        """Return a job by its id, None if there is none, or it ended long ago."""
        return self._jobs.get(job_id)

    def cancel(self, job: Job) -> None:
        """Let a job end: at once if it waits, after the present step if it runs."""
        with self._changed:
            job.wants_cancel = True
            if job.state == "waiting":
                self._waiting.remove(job)
                _end(job, "cancelled")

    def close(self) -> None:
        """Cancel all, and wait for the thread to end."""
        with self._changed:
            self._is_closed = True
            for job in [*self._jobs.values()]:
                if not job.has_ended:
                    self.cancel(job)
            self._changed.notify_all()
        self._thread.join(60)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if self._is_closed:
                    return
                job = self._waiting.popleft()
                job.state = "running"
                job.version += 1
            _compute(job)

    def _forget(self) -> None:
        for job_id in [one.id for one in self._jobs.values() if one.has_ended][:-_KEPT]:
            del self._jobs[job_id]


def _compute(job: Job) -> None:
    try:
        job.check()
        job.answer = job.work(job)
        _end(job, "done")
    except Cancelled:
        _end(job, "cancelled")
    except FetalFlexError as error:
        job.error = str(error)
        _end(job, "failed")
    except MemoryError:
        job.error = "there is not enough memory for this; take a smaller image or fewer variants"
        _end(job, "failed")
    except Exception as error:
        _log.error("a job failed", exc_info=error)
        job.error = "something went wrong in the server; its terminal says what"
        _end(job, "failed")


def _end(job: Job, state: State) -> None:
    job.preview = None
    job.state = state
    job.version += 1
