from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from fetalflex.web import StaticPages
from served import Client, serving

PATHS = [
    "/../secret.txt",
    "/..%2fsecret.txt",
    "/%2e%2e/secret.txt",
    "/..\\secret.txt",
    "//etc/passwd",
    "/etc/passwd",
    "/parts//../../secret.txt",
    "/link.txt/",
    "/C:\\secret.txt",
    "/__init__.py",
    "/page.svg",
    "/parts",
    "/index.html%00",
    "/INDEX.HTML",
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    root = tmp_path_factory.mktemp("pages")
    package = root / "a_package_with_pages"
    (package / "static/parts").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "static/index.html").write_text("<p>start")
    (package / "static/page.svg").write_text("<svg onload='alert(1)'/>")
    (package / "static/parts/a.js").write_text("export {}")
    (package / "secret.txt").write_text("secret")
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.syspath_prepend(root)
    pages = StaticPages("a_package_with_pages", "static")
    (package / "static/later.txt").write_text("secret")  # as a link would be put there after the check
    app = Starlette(routes=[Mount("/", pages)])
    with serving(app) as client:
        yield client
    monkeypatch.undo()


def test_pages_are_served_with_their_types(client: Client) -> None:
    assert client.get("/").body == b"<p>start"
    assert client.get("/").headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/parts/a.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert client.get("/?a=b").status == 200


@pytest.mark.parametrize("path", [*PATHS, "/later.txt"])
def test_nothing_else_is_served(client: Client, path: str) -> None:
    reply = client.get(path)
    assert reply.status == 404
    assert b"secret" not in reply.body


def test_pages_cannot_be_changed(client: Client) -> None:
    assert client.post("/", {}).status == 405


def test_two_slashes_and_hosts_in_the_address_lead_nowhere(client: Client, tmp_path: Path) -> None:
    assert client.get(f"//{tmp_path}/index.html").status == 404
