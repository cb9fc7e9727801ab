"""Each test sends what an attacker would send, to a real server."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fetalflex.errors import FetalFlexError
from fetalflex.web import FAILURES, TOKEN_HEADER, Answer, read_object
from served import TOKEN, Client, serving


class Visits:
    """What the application behind the guard was asked to do."""

    def __init__(self) -> None:
        self.bodies: list[object] = []


@pytest.fixture(scope="module")
def visits() -> Visits:
    return Visits()


@pytest.fixture(scope="module")
def client(visits: Visits) -> Iterator[Client]:
    async def change(request: Request) -> Response:
        visits.bodies.append(await read_object(request))
        return Answer({"done": True})

    async def look(_request: Request) -> Response:
        headers = {"Set-Cookie": "a=b", "Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "sniff"}
        return Answer({"seen": True}, headers=headers)

    async def page(_request: Request) -> Response:
        return Response("<p>page", media_type="text/html")

    async def fail(_request: Request) -> Response:
        raise RuntimeError("a secret path: /home/someone")

    async def complain(_request: Request) -> Response:
        raise FetalFlexError("steps must be a whole number")

    routes = [
        Route("/", page, methods=["GET", "POST"]),
        Route("/api/change", change, methods=["POST", "PUT", "PATCH", "DELETE"]),
        Route("/api/upload", change, methods=["POST"]),
        Route("/api/look", look),
        Route("/api/fail", fail),
        Route("/api/complain", complain),
    ]
    app = Starlette(routes=routes, exception_handlers=FAILURES)
    with serving(app, largest_body=2000, larger_bodies={"/api/upload": 5000}) as client:
        yield client


def refused(client: Client, visits: Visits, **headers: str | None) -> int:
    """Return the status of a POST that must not reach the application."""
    before = len(visits.bodies)
    reply = client.post("/api/change", {"a": 1}, **headers)
    assert len(visits.bodies) == before
    assert reply.json["error"]
    return reply.status


def test_own_page_is_let_in(client: Client, visits: Visits) -> None:
    origin = f"http://127.0.0.1:{client.address.port}"
    assert client.post("/api/change", {"a": 1}, Origin=origin, Sec_Fetch_Site="same-origin").status == 200
    assert visits.bodies[-1] == {"a": 1}
    assert client.post("/api/change", {}, Host=f"localhost:{client.address.port}").status == 200
    assert client.post("/api/change", {}, Content_Type="application/json; charset=utf-8").status == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",  # a sandboxed frame
        "http://127.0.0.1:1",  # another program on this machine
        "http://127.0.0.1",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:{port}.evil.example",
        "http://evil.example:{port}",
        "http://127.0.0.1:{port}@evil.example",
        "file://",
        "",
    ],
)
def test_pages_of_others_are_refused(client: Client, visits: Visits, origin: str) -> None:
    assert refused(client, visits, Origin=origin.format(port=client.address.port)) == 403


def test_foreign_origin_is_refused_with_a_cookie_too(client: Client, visits: Visits) -> None:
    assert refused(client, visits, Origin="https://evil.example", Cookie="session=1") == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something new"])
def test_requests_that_other_sites_cause_are_refused(client: Client, visits: Visits, site: str) -> None:
    assert refused(client, visits, Sec_Fetch_Site=site) == 403
    assert client.get("/api/look", Sec_Fetch_Site=site).status == 403


def test_a_link_elsewhere_may_lead_to_a_page_but_not_to_the_api(client: Client) -> None:
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert client.get("/", **link).status == 200
    assert client.get("/", **link | {"Sec_Fetch_Dest": "iframe"}).status == 403
    assert client.get("/api/look", **link).status == 403
    assert client.post("/", {}, **link).status == 403


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",  # DNS rebinding: the attacker's name points to 127.0.0.1
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1:{port}.evil.example",
        "localhost:{port}@evil.example",
        "127.0.0.2:{port}",
        "",
    ],
)
def test_other_names_of_the_server_are_refused(client: Client, visits: Visits, host: str) -> None:
    given = host.format(port=client.address.port)
    assert refused(client, visits, Host=given, Origin=f"http://{given}") == 421
    assert client.get("/", Host=given).status == 421


def test_two_hosts_are_refused(client: Client) -> None:
    port = client.address.port
    reply = _raw(client, f"GET / HTTP/1.1\r\nHost: evil.example\r\nHost: 127.0.0.1:{port}\r\n\r\n")
    assert reply.startswith((b"HTTP/1.1 400", b"HTTP/1.1 421"))


def test_no_host_is_refused(client: Client) -> None:
    assert _raw(client, "GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 421")


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\xff"])
def test_without_the_token_nothing_is_read_or_changed(client: Client, visits: Visits, token: str | None) -> None:
    assert refused(client, visits, **{TOKEN_HEADER: token}) == 401
    assert client.send("GET", "/api/look", headers={TOKEN_HEADER: token}).status == 401
    assert client.send("GET", "/api/nothing", headers={TOKEN_HEADER: token}).status == 401


def test_a_token_in_the_address_or_in_a_cookie_does_not_count(client: Client) -> None:
    without = {TOKEN_HEADER: None, "Cookie": f"{TOKEN_HEADER}={TOKEN}; token={TOKEN}"}
    assert client.send("GET", f"/api/look?token={TOKEN}", headers=without).status == 401


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "text/plain",  # what a foreign page may send without asking first
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=a",
        "text/plain; application/json",
        "application/jsonp",
    ],
)
def test_only_json_is_taken(client: Client, visits: Visits, kind: str | None) -> None:
    assert refused(client, visits, Content_Type=kind) == 415


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_that_change_need_the_same(client: Client, method: str) -> None:
    assert client.send(method, "/api/change", b"{}").status == 200
    assert client.send(method, "/api/change", b"{}", {TOKEN_HEADER: None}).status == 401
    assert client.send(method, "/api/change", b"", {"Content-Type": None}).status == 415


def test_no_site_is_told_that_it_may_ask(client: Client) -> None:
    asking = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    reply = client.send("OPTIONS", "/api/change", headers=asking)
    assert reply.status == 403
    assert not [name for name in reply.headers if name.startswith("access-control-")]
    assert client.send("OPTIONS", "/api/change").status == 405
    assert client.send("TRACE", "/").status == 405


def test_answers_have_safe_headers_whatever_the_application_says(client: Client) -> None:
    for path in ("/", "/api/look", "/api/fail", "/api/nothing"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self';")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert not {"set-cookie", "server"} & set(headers)
        assert not [name for name in headers if name.startswith("access-control-")]


def test_large_bodies_are_refused_before_they_are_read(client: Client, visits: Visits) -> None:
    count = len(visits.bodies)
    reply = client.post("/api/change", {"a": "x" * 3000})
    assert (reply.status, len(visits.bodies)) == (413, count)
    assert client.post("/api/upload", {"a": "x" * 3000}).status == 200
    assert client.post("/api/upload", {"a": "x" * 6000}).status == 413


def test_large_bodies_are_refused_whatever_length_they_state(client: Client, visits: Visits) -> None:
    count = len(visits.bodies)
    chunk = "f00\r\n" + " " * 0xF00 + "\r\n"
    head = (
        f"POST /api/change HTTP/1.1\r\nHost: 127.0.0.1:{client.address.port}\r\n{TOKEN_HEADER}: {TOKEN}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    reply = _raw(client, head + chunk + "2\r\n{}\r\n0\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 413")
    assert len(visits.bodies) == count


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b"\xff\xfe",
        b"[" * 1900,
        b'{"a":' * 300 + b"1",
        b'{"a":' * 100 + b"1" + b"}" * 100,
        b"1" * 1990,
    ],
)
def test_what_is_no_json_object_is_refused(client: Client, visits: Visits, body: bytes) -> None:
    count = len(visits.bodies)
    reply = client.post("/api/change", body)
    assert (reply.status, len(visits.bodies)) == (400, count)
    assert reply.json["error"].startswith("the body")


def test_bad_input_is_explained(client: Client) -> None:
    reply = client.get("/api/complain")
    assert (reply.status, reply.json) == (400, {"error": "steps must be a whole number"})


def test_failures_tell_nothing_of_the_machine(client: Client) -> None:
    reply = client.get("/api/fail")
    assert reply.status == 500
    assert b"secret" not in reply.body
    assert b"Traceback" not in reply.body


def test_web_sockets_are_refused(client: Client) -> None:
    reply = client.get(
        "/api/look",
        Connection="Upgrade",
        Upgrade="websocket",
        Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
        Sec_WebSocket_Version="13",
        Origin="https://evil.example",
    )
    assert reply.status == 403


def _raw(client: Client, request: str) -> bytes:
    with socket.create_connection(("127.0.0.1", client.address.port), timeout=20) as connection:
        connection.sendall(request.encode())
        return connection.recv(4096)
