"""Server-sent events: what happens, told to the browser while it happens.

The page reads them with `fetch`, which can send the token, as `EventSource` cannot.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.responses import StreamingResponse

_COMMENT = b": still there\n\n"


@dataclass(frozen=True)
class Event:
    """A name, and a JSON value."""

    name: str
    data: object

    def encoded(self) -> bytes:
        """Return the event as it is sent; JSON has no line ends, so that no value can pass for another event."""
        text = json.dumps(self.data, allow_nan=False, separators=(",", ":"))
        return f"event: {self.name}\ndata: {text}\n\n".encode()


def event_stream(events: AsyncIterator[Event | None]) -> StreamingResponse:
    """Answer with events as they come; None is a sign of life that pages pass over."""
    return StreamingResponse(_encoded(events), media_type="text/event-stream")


async def _encoded(events: AsyncIterator[Event | None]) -> AsyncIterator[bytes]:
    async for event in events:
        yield _COMMENT if event is None else event.encoded()
