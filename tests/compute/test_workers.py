from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fetalflex.compute.workers import WorkerEnded, Workers
from fetalflex.errors import FetalFlexError

TABLE = np.arange(1_000_000, dtype=np.int32).reshape(1000, 1000)


class Holder:
    """A large object that arguments refer to."""

    def __init__(self) -> None:
        self.table = TABLE


class OddError(Exception):
    """An error that cannot be sent: making it takes more than its message."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)


def work(argument: Any) -> Any:
    """What the workers of these tests call."""
    match argument:
        case "pid":
            return os.getpid()
        case "threads":
            return os.environ["OMP_NUM_THREADS"], os.environ["CUDA_VISIBLE_DEVICES"]
        case "print":
            print("not an answer")
            return "answer"
        case "refuse":
            raise FetalFlexError("scan.png: cannot be read")
        case "odd":
            raise OddError("made of ", "two words")
        case "die":
            os._exit(3)
        case "sleep":
            time.sleep(60)
            return None
        case Holder() as holder, int() as row:
            return holder.table[row] * 2, id(holder)
        case "main":
            return getattr(sys.modules["__main__"], "__file__", None)
    raise AssertionError(argument)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def ends(pid: int, seconds: float = 10.0) -> bool:
    limit = time.monotonic() + seconds
    while lives(pid) and time.monotonic() < limit:
        time.sleep(0.02)
    return not lives(pid)


def test_workers_answer_as_the_function_does_and_are_sent_shared_objects_once() -> None:
    holder = Holder()
    with Workers(work, [holder], 2) as workers, ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(workers, [(holder, row) for row in range(8)]))
        assert workers("threads") == ("1", "")
        assert workers("print") == "answer"
        assert workers("main") is None  # the program's main module is not run again
        pids = {workers("pid") for _ in range(2)}
    for row, (found, _) in enumerate(answers):
        np.testing.assert_array_equal(found, TABLE[row] * 2)
        found += 1  # in memory of its own
    assert len({number for _, number in answers}) <= 2
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert all(ends(pid) for pid in pids)


def test_errors_are_those_of_the_function() -> None:
    with Workers(work, [], 1) as workers:
        with pytest.raises(FetalFlexError, match=r"^scan\.png: cannot be read$"):
            workers("refuse")
        with pytest.raises(RuntimeError, match="made of two words"):
            workers("odd")
        assert workers("print") == "answer"


def test_a_worker_that_dies_is_told_from_an_error() -> None:
    with Workers(work, [], 1) as workers:
        for _ in range(2):
            with pytest.raises(WorkerEnded, match="a worker process ended"):
                workers("die")


def test_an_interrupt_ends_workers_at_once() -> None:
    raised: list[BaseException] = []
    pids: list[int] = []

    def wait(workers: Workers) -> None:
        try:
            workers("sleep")
        except BaseException as error:
            raised.append(error)

    def interrupted() -> None:
        with Workers(work, [], 1) as workers:
            pids.append(workers("pid"))
            threads.append(threading.Thread(target=wait, args=(workers,)))
            threads[0].start()
            time.sleep(0.2)
            raise KeyboardInterrupt

    threads: list[threading.Thread] = []
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    threads[0].join(10)
    assert not lives(pids[0])
    assert time.monotonic() - started < 15
    assert [type(error) for error in raised] == [CancelledError]


PROGRAM = """
import sys
from test_workers import work
from fetalflex.compute.workers import Workers
with Workers(work, [], 1) as workers:
    print(workers("pid"), flush=True)
    workers("sleep" if sys.argv[1] == "busy" else "pid")
    sys.stdin.read()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(("state", "number"), [("busy", signal.SIGINT), ("idle", signal.SIGKILL)])
def test_workers_end_with_the_program_that_started_them(tmp_path: Path, state: str, number: int) -> None:
    script = tmp_path / "program.py"  # without a guard, as scripts are
    script.write_text(PROGRAM)
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    program = subprocess.Popen(
        [sys.executable, str(script), state],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
    )
    with program:
        assert program.stdout is not None
        pid = int(program.stdout.readline())
        time.sleep(0.2)
        program.send_signal(number)
        program.communicate()
    assert ends(pid)
