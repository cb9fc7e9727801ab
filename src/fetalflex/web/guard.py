"""Let only requests through that a page of this server has made, with a token, and JSON in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fetalflex.web.address import Address
from fetalflex.web.bodies import refused
from fetalflex.web.headers import with_safe_headers

TOKEN_HEADER = "X-FetalFlex-Token"
API = "/api/"

_READING = frozenset({"GET", "HEAD"})
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_OWN_SITE = frozenset({"same-origin", "none"})  # none: typed by the user, or a bookmark


@dataclass(frozen=True)
class Guard:
    """Wrap an application, so that it is called only for requests that keep the rules of `fetalflex.web`.

    Args:
        app: The application.
        address: Where it is served.
        knows: Says whether a token is let in.
        largest_body: Most bytes of a request's body.
        larger_bodies: Most bytes for single paths that take more, such as images.
    """

    app: ASGIApp
    address: Address
    knows: Callable[[str], bool]
    largest_body: int = 2**20
    larger_bodies: dict[str, int] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no application here speaks over a web socket
            await send({"type": "websocket.close", "code": 1008})
            return

        answer = _safely(send)
        reason = self._reason_to_refuse(scope)
        if reason is not None:
            status, text = reason
            await refused(status, text)(scope, receive, answer)
            return
        await self.app(scope, _LimitedBody(receive, self._largest(scope["path"])), answer)

    def _largest(self, path: str) -> int:
        return self.larger_bodies.get(path, self.largest_body)

    def _reason_to_refuse(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and message for a request that breaks a rule."""
        headers, method, path = Headers(scope=scope), scope["method"], scope["path"]
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self.address.hosts:
            return 421, "this server has another name; open the address that it printed at its start"
        if any(origin.lower() not in self.address.origins for origin in origins):
            return 403, "the request comes from a page of another site"
        if not _is_own_site(headers, method, path):
            return 403, "the request was caused by another site"
        if method not in _READING | _CHANGING:
            return 405, "this method is not used here"
        needs_token = path.startswith(API) or method in _CHANGING
        if needs_token and not self.knows(headers.get(TOKEN_HEADER, "")):
            return 401, "the token is missing or wrong; open the address that the server printed at its start"
        if method in _CHANGING and not _is_json(headers):
            return 415, "the body must be JSON, with the header Content-Type: application/json"
        if _stated_length(headers) > self._largest(path):
            return 413, _too_large(self._largest(path))
        return None


@dataclass
class _LimitedBody:
    """Hand on what comes, up to a limit, whatever length the request states."""

    receive: Receive
    limit: int
    received: int = 0

    async def __call__(self) -> Message:
        message = await self.receive()
        self.received += len(message.get("body", b""))
        if self.received > self.limit:
            raise HTTPException(413, _too_large(self.limit))
        return message


def _safely(send: Send) -> Send:
    """Return what sends an answer with the safe headers."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": with_safe_headers(list(message.get("headers", [])))}
        await send(message)

    return sending


def token_of(request: Request) -> str:
    """Return the token that a request carries, which tells visitors apart where each has their own."""
    return request.headers.get(TOKEN_HEADER, "")


def _is_own_site(headers: Headers, method: str, path: str) -> bool:
    """Say whether no other site has caused a request; a link to a page, followed by the user, may stand anywhere."""
    sites = headers.getlist("sec-fetch-site")  # none: a program, or an old browser
    if all(site in _OWN_SITE for site in sites):
        return True
    follows_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return follows_link and method in _READING and not path.startswith(API)


def _is_json(headers: Headers) -> bool:
    kinds = headers.getlist("content-type")
    return len(kinds) == 1 and kinds[0].partition(";")[0].strip().lower() == "application/json"


def _stated_length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _too_large(limit: int) -> str:
    return f"the request is larger than {limit / 2**20:g} MiB"
