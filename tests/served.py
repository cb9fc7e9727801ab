"""Serve a small application, and send it requests byte by byte, as a browser or an attacker would."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp

from fetalflex.web import TOKEN_HEADER, Address, Guard, Server, is_one_of, listen

TOKEN = "a-token-that-only-the-tests-know"


@dataclass(frozen=True)
class Reply:
    """An answer: status, headers in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """A browser's view of a server: its headers unless others are given; None leaves one out."""

    address: Address
    usual: Mapping[str, str | None] = field(default_factory=dict)

    def send(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str | None] = {}) -> Reply:
        all_headers = {"Host": f"127.0.0.1:{self.address.port}", TOKEN_HEADER: TOKEN, **self.usual, **headers}
        if body is not None and "Content-Type" not in all_headers:
            all_headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.address.port, timeout=20)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in all_headers.items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def get(self, path: str, **headers: str | None) -> Reply:
        return self.send("GET", path, headers=_dashed(headers))

    def post(self, path: str, value: Any, **headers: str | None) -> Reply:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.send("POST", path, body, _dashed(headers))


@contextlib.contextmanager
def serving(app: ASGIApp, **limits: Any) -> Iterator[Client]:
    """Serve an application behind its guard on a free port of the loopback interface."""
    listening, address = listen("127.0.0.1", 0, has_token=False)
    guard = Guard(app, address, lambda token: is_one_of(token, [TOKEN]), **limits)
    with Server(guard).running(listening):
        yield Client(address)


def _dashed(headers: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
