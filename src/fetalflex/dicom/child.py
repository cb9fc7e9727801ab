"""The process that parses DICOM files: started when first needed, kept for the next file, replaced when it dies.

Parsers of untrusted files hang, eat memory and crash; here they take nothing along. The process may use so much memory
and time and no more, writes no file, dumps no core, and prints nowhere. It is not told what to do with what it finds,
and its answers are JSON and bytes, never objects.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import IO, Any

from fetalflex.dicom.limits import MEMORY_BYTES, SECONDS, START_SECONDS
from fetalflex.errors import FetalFlexError

_START = "import sys; sys.path[:] = {path!r}; from fetalflex.dicom.serving import serve; serve()"
_SINGLE = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_HEAD = struct.Struct("<QQ")
_LONGEST_ANSWER = 2**29
_SALT = secrets.token_hex(16)
_lock = threading.Lock()
_abandoned: list[object] = []


class _Ended(Exception):  # noqa: N818 - what happened
    """Signal that the process ended before it answered."""


class _Reader:
    """One process and its pipes."""

    def __init__(self) -> None:
        environment = os.environ | dict.fromkeys(_SINGLE, "1") | {"CUDA_VISIBLE_DEVICES": ""}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _START.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries would print values of headers
            env=environment,
            start_new_session=True,  # Ctrl-C in a terminal reaches the program alone
        )
        self.timed_out = False
        try:
            self.call({"salt": _SALT, "memory": MEMORY_BYTES}, b"", START_SECONDS)
        except BaseException:
            self.end()
            raise

    def call(self, request: Mapping[str, object], data: bytes, seconds: float) -> tuple[dict[str, Any], bytes]:
        """Return the answer to a request, or raise `_Ended` if there is none in time."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        timer = threading.Timer(seconds, self._too_late)
        timer.daemon = True
        timer.start()
        try:
            send(self._process.stdin, request, data)
            return receive(self._process.stdout, _LONGEST_ANSWER)
        except (OSError, EOFError, ValueError) as error:
            raise _Ended from error
        finally:
            timer.cancel()

    @property
    def is_of_use(self) -> bool:
        """Whether it can be asked again."""
        return not self.timed_out and self._process.poll() is None

    def _too_late(self) -> None:
        self.timed_out = True
        self._process.kill()

    def end(self) -> None:
        """Kill the process; it has nothing to lose."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


_reader: _Reader | None = None


def ask(request: Mapping[str, object], data: bytes | None, name: str) -> tuple[dict[str, Any], bytes]:
    """Return what the process answers about a file.

    Args:
        request: JSON values; see `fetalflex.dicom.serving`.
        data: The file's content if the request names no path.
        name: What to call the file in messages.

    Raises:
        FetalFlexError: If it refuses the file, takes too long or too much memory, or dies over it.
    """
    global _reader
    with _lock:
        try:
            if _reader is not None and not _reader.is_of_use:  # killed by somebody, which is not this file's fault
                end()
            if _reader is None:
                _reader = _Reader()
            answer, content = _reader.call(request, data or b"", SECONDS)
        except _Ended:
            late = _reader is not None and _reader.timed_out
            is_started = _reader is not None
            end()
            if not is_started:
                raise FetalFlexError(f"{name} cannot be read: the process that reads DICOM does not start") from None
            if late:
                raise FetalFlexError(f"{name} cannot be read: it takes more than {SECONDS:g} seconds") from None
            raise FetalFlexError(f"{name} cannot be read: it is damaged, and its decoder broke down over it") from None
        except BaseException:  # an interrupt: what comes next through the pipe would be the answer to this request
            end()
            raise
    if "refused" in answer:
        raise FetalFlexError(f"{name} {answer['refused']}")
    return answer, content


def end() -> None:
    """End the process, if there is one; the next question starts another."""
    global _reader
    if _reader is not None:
        _reader.end()
        _reader = None


def _forget() -> None:
    """Leave the process to the program that this one was forked from."""
    global _reader, _lock
    _abandoned.append(_reader)
    _reader, _lock = None, threading.Lock()


atexit.register(end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def send(pipe: IO[bytes], values: Mapping[str, object], data: bytes | memoryview) -> None:
    """Send JSON values and bytes."""
    text = json.dumps(values).encode()
    pipe.write(_HEAD.pack(len(text), len(data)))
    pipe.write(text)
    pipe.write(data)
    pipe.flush()


def receive(pipe: IO[bytes], most: int) -> tuple[dict[str, Any], bytes]:
    """Return JSON values and bytes.

    Raises:
        EOFError: If the pipe is closed.
        ValueError: If they are no such message, or longer than `most`.
    """
    text, data = _HEAD.unpack(_exactly(pipe, _HEAD.size))
    if text + data > most:
        raise ValueError("the message is too long")
    values = json.loads(_exactly(pipe, text))
    if not isinstance(values, dict):
        raise ValueError("the message is no object")
    return values, _exactly(pipe, data)


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError("the pipe was closed")
    return data
