"""The addresses of the API: one table, from which both the server and its description are made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import anyio
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fetalflex.files.json_files import JsonObject
from fetalflex.studio import endpoints
from fetalflex.studio.endpoints import Query
from fetalflex.studio.messages import (
    ApplyAnomaly,
    Correct,
    Detect,
    Export,
    Generate,
    Grow,
    Look,
    Message,
    OrganMask,
    Pair,
    Refine,
    Upload,
    Work,
)
from fetalflex.studio.state import Studio
from fetalflex.studio.worker import Job
from fetalflex.web import Event, event_stream, read_object, refused

Handler = Callable[[Studio, Query, JsonObject], Response]
_SECONDS_BETWEEN_LOOKS = 0.15  # more often would keep a slow browser busy
_SECONDS_BETWEEN_SIGNS_OF_LIFE = 10.0

JSON, PNG, ZIP, EVENTS = "application/json", "image/png", "application/zip", "text/event-stream"


@dataclass(frozen=True)
class Endpoint:
    """Describe an address.

    Args:
        method: GET, POST or PUT.
        path: With the names of its parameters in braces.
        handler: Answers; its docstring is the description.
        takes: What the body may be; none for an empty object.
        gives: Type of the answer.
        queries: Names of what may stand behind the `?`.
        may_conflict: Whether 409 is an answer.
    """

    method: str
    path: str
    handler: Handler
    takes: tuple[type[Message], ...] = ()
    gives: str = JSON
    queries: tuple[str, ...] = ()
    may_conflict: bool = False


_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
EVENTS_PATH = "/api/jobs/{job}/events"

ENDPOINTS = (
    Endpoint("GET", "/api/catalogue", endpoints.get_catalogue),
    Endpoint("GET", "/api/records", endpoints.get_records, queries=("set", "start", "plane", "words")),
    Endpoint("GET", "/api/records/{record}/thumbnail", endpoints.get_thumbnail, gives=PNG),
    Endpoint("POST", "/api/records/{record}/open", endpoints.open_record),
    Endpoint("POST", "/api/uploads", endpoints.upload, (Upload,)),
    Endpoint("GET", "/api/images/{image}", endpoints.get_image),
    Endpoint("GET", "/api/images/{image}/pixels", endpoints.get_image_pixels, gives=PNG),
    Endpoint("POST", "/api/images/{image}/correct", endpoints.correct, (Correct,)),
    Endpoint("GET", "/api/work", endpoints.get_work),
    Endpoint("PUT", "/api/work", endpoints.put_work, (Work,), may_conflict=True),
    Endpoint("POST", "/api/look", endpoints.look, (Look,)),
    Endpoint("POST", "/api/anomalies", endpoints.apply_anomaly, (ApplyAnomaly,)),
    Endpoint("POST", "/api/growth", endpoints.grow, (Grow,)),
    Endpoint("POST", "/api/masks", endpoints.organ_mask, (OrganMask,)),
    Endpoint("POST", "/api/jobs", endpoints.start_job, (Generate, Refine, Pair, Detect), may_conflict=True),
    Endpoint("GET", "/api/jobs/{job}", endpoints.get_job),
    Endpoint("POST", "/api/jobs/{job}/cancel", endpoints.cancel_job),
    Endpoint("GET", "/api/results", endpoints.get_results),
    Endpoint("GET", "/api/results/{result}", endpoints.get_result),
    Endpoint("GET", "/api/results/{result}/pixels", endpoints.get_result_pixels, gives=PNG),
    Endpoint("GET", "/api/results/{result}/mask", endpoints.get_result_mask, gives=PNG),
    Endpoint("GET", "/api/results/{result}/difference", endpoints.get_difference, gives=PNG),
    Endpoint("POST", "/api/results/{result}/open", endpoints.open_result),
    Endpoint("POST", "/api/exports", endpoints.export, (Export,), gives=ZIP),
)

LARGER_BODIES = {"/api/uploads": 100 * 2**20, "/api/jobs": 26 * 2**20, "/api/work": 32 * 2**20}


def routes_of(studio: Studio) -> list[Route]:
    """Return the routes of the API."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for one in ENDPOINTS:
        by_path.setdefault(one.path, {})[one.method] = one
    # With all methods, as a route that knows fewer would leave the others to the pages.
    found = [Route(path, _answering(studio, ways), methods=_METHODS) for path, ways in by_path.items()]
    return [*found, Route(EVENTS_PATH, _events(studio), methods=["GET"])]


def _answering(studio: Studio, ways: dict[str, Endpoint]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        endpoint = ways.get("GET" if request.method == "HEAD" else request.method)
        if endpoint is None:
            return refused(405, f"this address knows {' and '.join(ways)} alone")
        value = await read_object(request) if endpoint.method != "GET" else {}
        query = {name: request.query_params.get(name, "") for name in endpoint.queries}
        given = {name: text for name, text in query.items() if text} | request.path_params
        return await to_thread.run_sync(endpoint.handler, studio, given, value)

    return answer


def _events(studio: Studio) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return event_stream(_news_of(endpoints.job_of(studio, request.path_params)))

    return answer


async def _news_of(job: Job) -> AsyncIterator[Event | None]:
    """Yield how far a job is whenever that changes, and its end; a preview comes once."""
    version, silent, shown = -1, 0.0, None
    while True:
        if job.version != version:
            version, silent = job.version, 0.0
            has_ended, facts, preview = job.has_ended, job.facts(), job.preview
            if preview is not None and preview is not shown:
                facts["preview"], shown = preview, preview
            yield Event("job", facts)
            if has_ended:
                return
        elif silent > _SECONDS_BETWEEN_SIGNS_OF_LIFE:
            silent = 0.0
            yield None
        await anyio.sleep(_SECONDS_BETWEEN_LOOKS)
        silent += _SECONDS_BETWEEN_LOOKS
