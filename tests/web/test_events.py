from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fetalflex.web import Event, event_stream
from served import Client, serving


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    async def stream(_request: Request) -> Response:
        async def events() -> AsyncIterator[Event | None]:
            yield Event("step", {"step": 1, "text": "a\n\nevent: forged\ndata: {}\r\n\u2028"})
            yield None
            yield Event("done", {})

        return event_stream(events())

    with serving(Starlette(routes=[Route("/api/events", stream)])) as client:
        yield client


def test_events_come_one_by_one_and_values_cannot_pass_for_events(client: Client) -> None:
    reply = client.get("/api/events")
    assert reply.headers["content-type"].startswith("text/event-stream")
    blocks = reply.body.decode("ascii").split("\n\n")[:-1]
    assert [block.splitlines()[0] for block in blocks] == ["event: step", ": still there", "event: done"]


def test_values_that_json_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        Event("step", float("nan")).encoded()
