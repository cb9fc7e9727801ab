"""Worker processes, for work in Python and NumPy that threads of one process would do one after the other.

A worker is a fresh interpreter that talks over its pipes. Unlike `multiprocessing`, this never runs the program's main
module again, so that it is safe in scripts without a guard; a worker ends when its pipe is closed, however the process
that started it ends; and no worker is forked from a process that uses a GPU.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import queue
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from types import TracebackType
from typing import IO, Any

from fetalflex.errors import FetalFlexError

_START = "import sys; sys.path[:] = {path!r}; from fetalflex.compute.workers import serve; serve()"
_SINGLE = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_ENDING_SECONDS = 5.0


class WorkerEnded(RuntimeError):  # noqa: N818 - what happened
    """Signal that a worker ended before it answered: it was killed, or could not be started."""


class Workers:
    """Call a function in worker processes, each on one thread and without a GPU.

    To be used as a context; threads may call it at the same time, one per worker. If the block raises, an interrupt
    included, the workers are killed.

    Args:
        function: What the workers call; picklable, and of a module that they can import.
        shared: Large objects that arguments refer to; each worker is sent them once.
        count: Number of workers.
    """

    def __init__(self, function: Callable[[Any], Any], shared: Sequence[object], count: int) -> None:
        self._shared = tuple(shared)
        self._setup = _packed((function, self._shared))
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        self._closed = False
        self._count = count

    def __enter__(self) -> Workers:
        try:
            self._workers.extend(_Worker() for _ in range(self._count))
        except BaseException:
            self._end(kill=True)
            raise
        for worker in self._workers:
            self._idle.put(worker)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._end(kill=kind is not None)

    def __call__(self, argument: object) -> Any:
        """Return what the function makes of the argument, in a worker that is idle.

        Raises:
            WorkerEnded: If the worker ended before it answered.
            CancelledError: If the workers have been ended meanwhile.
            Exception: What the function raises.
        """
        worker = self._idle.get()
        try:
            answer = worker.call(argument, self._setup, self._shared)
        except (OSError, EOFError, ValueError) as error:  # its pipe is broken, or closed
            if self._closed:
                raise CancelledError from error
            raise WorkerEnded(f"a worker process ended with status {worker.process.poll()}") from error
        finally:
            self._idle.put(worker)
        succeeded, value = answer
        if not succeeded:
            raise value
        return value

    def _end(self, kill: bool) -> None:
        self._closed = True
        for worker in self._workers:
            worker.end(kill)
        for worker in self._workers:
            worker.wait()


class _Worker:
    """One process and its pipes."""

    def __init__(self) -> None:
        environment = os.environ | dict.fromkeys(_SINGLE, "1") | {"CUDA_VISIBLE_DEVICES": ""}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _START.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C in a terminal reaches the program alone, which ends its workers
        )
        self._ready = False

    def call(self, argument: object, setup: list[memoryview], shared: Sequence[object]) -> tuple[bool, Any]:
        """Return whether the function succeeded, and what it returned or raised."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if not self._ready:
            _write(self.process.stdin, setup)
            self._ready = True
        _write(self.process.stdin, _packed(argument, shared))
        answer: tuple[bool, Any] = _read(self.process.stdout)
        return answer

    def end(self, kill: bool) -> None:
        """Tell the process that there is nothing more to do, or kill it."""
        if kill:
            self.process.kill()
        elif self.process.stdin is not None:
            try:
                self.process.stdin.close()
            except OSError:
                self.process.kill()

    def wait(self) -> None:
        """Wait until the process has ended."""
        try:
            self.process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # of what was still to be sent
                    pipe.close()


def serve() -> None:
    """Answer calls until the pipe is closed; what runs in a worker."""
    calls, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    try:
        function, shared = _read(calls)
        while True:
            argument = _read(calls, shared)
            try:
                answer = True, function(argument)
            except Exception as error:
                answer = False, _as_sent(error)
            _write(answers, _packed(answer))
    except (EOFError, BrokenPipeError):
        os._exit(0)  # whoever asked has gone


def _as_sent(error: Exception) -> Exception:
    """Return an error that can be sent, with its traceback as a note unless it is one for users."""
    text = traceback.format_exc()
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(text)
    if not isinstance(error, FetalFlexError):
        error.add_note(text)
    return error


class _Pickler(pickle.Pickler):
    """Pickles arrays beside the rest, uncopied, and shared objects as their numbers."""

    def __init__(
        self, file: IO[bytes], shared: Sequence[object], buffer_callback: Callable[[pickle.PickleBuffer], None]
    ) -> None:
        super().__init__(file, protocol=5, buffer_callback=buffer_callback)
        self._numbers = {id(one): number for number, one in enumerate(shared)}

    def persistent_id(self, obj: object) -> int | None:
        return self._numbers.get(id(obj))


class _Unpickler(pickle.Unpickler):
    """Undoes what `_Pickler` does."""

    def __init__(self, file: IO[bytes], shared: Sequence[object], buffers: Sequence[bytearray]) -> None:
        super().__init__(file, buffers=buffers)
        self._shared = shared

    def persistent_load(self, pid: int) -> object:
        return self._shared[pid]


def _packed(value: object, shared: Sequence[object] = ()) -> list[memoryview]:
    """Return a value as the bytes to send: the pickle, then its arrays."""
    file, buffers = io.BytesIO(), list[pickle.PickleBuffer]()
    _Pickler(file, shared, buffers.append).dump(value)
    return [file.getbuffer(), *(buffer.raw() for buffer in buffers)]


def _write(pipe: IO[bytes], parts: list[memoryview]) -> None:
    pipe.write(struct.pack(f"<{len(parts) + 1}Q", len(parts), *(part.nbytes for part in parts)))
    for part in parts:
        pipe.write(part)
    pipe.flush()


def _read(pipe: IO[bytes], shared: Sequence[object] = ()) -> Any:
    (count,) = struct.unpack("<Q", _exactly(pipe, 8))
    sizes = struct.unpack(f"<{count}Q", _exactly(pipe, 8 * count))
    first, *buffers = (_exactly(pipe, size) for size in sizes)
    return _Unpickler(io.BytesIO(first), shared, buffers).load()


def _exactly(pipe: IO[bytes], size: int) -> bytearray:
    """Return the next bytes of a pipe, in memory that an array may write to."""
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        read = pipe.readinto(view[done:])  # type: ignore[attr-defined]
        if not read:
            raise EOFError("the pipe was closed")
        done += read
    return data
