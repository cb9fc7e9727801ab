"""What runs in the process that reads DICOM files: answer questions about one file after the other, within limits."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fetalflex.dicom.child import receive, send
from fetalflex.dicom.reading import MAX_BYTES
from fetalflex.dicom.refused import Refused

if TYPE_CHECKING:
    from pydicom import Dataset

    from fetalflex.dicom.pixels import Picture

_MARGIN = 2**20


def serve() -> None:
    """Answer until the pipe is closed.

    The first message sets `salt`, for keys of patients, and `memory`, in bytes. Every other names a file by `path`, or
    brings its content, and says what is wanted: "facts", or "picture" with `frame`, `colour_doppler`, `most` and
    `most_in_colour`.
    """
    calls, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    try:
        first, _ = receive(calls, _MARGIN)
        with contextlib.suppress(ImportError):  # there are no such limits on Windows
            _limit(int(first["memory"]))
        desk = _Desk(str(first["salt"]).encode())
        send(answers, {}, b"")
        while True:
            request, data = receive(calls, MAX_BYTES + _MARGIN)
            send(answers, *desk.answer(request, data))
    except (EOFError, BrokenPipeError):
        os._exit(0)


def _limit(memory: int) -> None:
    import resource

    for kind, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        with contextlib.suppress(OSError, ValueError):  # a system that has not all of them, or lower ones
            resource.setrlimit(kind, (most, most))


class _Desk:
    """Answer questions; remembers the last file and picture, since several are about the same."""

    def __init__(self, salt: bytes) -> None:
        # Imported before the first file, so that the time they take is not the file's.
        from fetalflex.dicom import flow, header, opening, pixels

        self._flow, self._header, self._opening, self._pixels = flow, header, opening, pixels
        self._salt = salt
        self._last: tuple[object, Dataset] | None = None
        self._last_picture: tuple[object, Picture] | None = None

    def answer(self, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        """Return an answer, or `refused` with a text that goes on after the file's name."""
        try:
            return self._answered(request, data)
        except Refused as error:
            return {"refused": str(error)}, b""
        except MemoryError:
            self._last = self._last_picture = None
            return {"refused": "cannot be read: it needs more memory than is allowed for a DICOM file"}, b""
        except RecursionError:
            return {"refused": "cannot be read: it is nested too deep"}, b""
        except OSError as error:
            if isinstance(error, FileNotFoundError | PermissionError):
                return {"refused": f"cannot be read: {error.strerror}"}, b""
            return {"refused": "cannot be read: it is damaged"}, b""
        except Exception:  # parsers fail in many ways on damaged files, and their texts hold values of the header
            return {"refused": "cannot be read: it is damaged, or no DICOM file"}, b""

    def _answered(self, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        dataset = self._opened(request, data)
        facts = self._header.facts_of(dataset, self._salt)
        if request["want"] == "facts":
            return asdict(facts), b""
        frame = request["frame"]
        if frame is None and facts.frames > 1:
            raise Refused(
                f"holds {facts.frames} frames; `fetalflex prepare` and `fetalflex detect` take them with --frames"
            )
        if frame is not None and not 1 <= frame <= facts.frames:
            raise Refused(f"has no frame {frame}; its frames are 1 to {facts.frames}")
        wants_flow = bool(request["colour_doppler"])
        if facts.says_flow and not wants_flow:
            raise Refused(f"is colour Doppler, as its header says; {_HOW_FLOW}")
        picture = self._seen(dataset, frame or 1, request)
        if picture.mode == "RGB" and not wants_flow:
            share = self._flow.coloured_share(picture.pixels, facts.regions)
            if share > self._flow.LARGEST_SHARE:
                raise Refused(f"is in strong colours for {share:.0%} of it, as colour Doppler is; {_HOW_FLOW}")
        height, width = picture.pixels.shape[:2]
        return {"mode": picture.mode, "width": width, "height": height}, picture.pixels.tobytes()

    def _seen(self, dataset: Dataset, frame: int, request: dict[str, Any]) -> Picture:
        is_kept = self._last is not None and self._last[1] is dataset
        key = (id(dataset), frame, request["most"], request["most_in_colour"])
        if is_kept and self._last_picture is not None and self._last_picture[0] == key:
            return self._last_picture[1]
        picture = self._pixels.picture_of(dataset, frame, request["most"], request["most_in_colour"])
        if is_kept:
            self._last_picture = key, picture
        return picture

    def _opened(self, request: dict[str, Any], data: bytes) -> Dataset:
        if "path" not in request:
            return self._opening.open_dataset(io.BytesIO(data))
        path = Path(request["path"])
        state = path.stat()
        key = (str(path), state.st_ino, state.st_size, state.st_mtime_ns)
        if self._last is None or self._last[0] != key:
            self._last = self._last_picture = None  # so that there is room for the next
            with path.open("rb") as file:
                self._last = key, self._opening.open_dataset(file)
        return self._last[1]


_HOW_FLOW = "it is read, as grey, only where asked for: with --colour-doppler of prepare and detect"
