"""The application: API and page, behind the guard."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from fetalflex.studio.desk import NotThere
from fetalflex.studio.openapi import PATH, description
from fetalflex.studio.routes import LARGER_BODIES, routes_of
from fetalflex.studio.state import Studio
from fetalflex.web import FAILURES, Address, Answer, Guard, StaticPages, refused


def studio_app(studio: Studio, address: Address, knows: Callable[[str], bool]) -> Guard:
    """Return the application.

    Args:
        studio: What it works with.
        address: Where it is served.
        knows: Says whether a token is let in.
    """

    async def api(_request: Request) -> Response:
        return Answer(description())

    app = Starlette(
        routes=[
            Route(PATH, api),
            *routes_of(studio),
            Mount("/", StaticPages("fetalflex.studio", "static")),
        ],
        exception_handlers={**FAILURES, NotThere: _not_there},
    )
    return Guard(app, address, knows, larger_bodies=LARGER_BODIES)


async def _not_there(_request: Request, error: Exception) -> Response:
    return refused(404, str(error))
