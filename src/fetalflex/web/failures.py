"""What an application answers when something goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fetalflex.errors import FetalFlexError
from fetalflex.web.bodies import refused

_log = logging.getLogger("fetalflex.web")


async def _bad_input(_request: Request, error: Exception) -> Response:
    return refused(400, str(error))


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refused(error.status_code, error.detail)


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return refused(500, "something went wrong in the server; its terminal says what")


Handler = Callable[[Request, Exception], Awaitable[Response]]

FAILURES: Mapping[type[Exception], Handler] = {
    FetalFlexError: _bad_input,
    HTTPException: _http_error,
    Exception: _unexpected,
}
"""For `Starlette(exception_handlers=...)`: bad input is 400 with its message, and no traceback leaves the machine."""
