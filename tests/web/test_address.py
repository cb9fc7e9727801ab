from __future__ import annotations

import socket

import pytest

from fetalflex.errors import FetalFlexError
from fetalflex.web import Address, check_token, is_one_of, listen, new_token
from fetalflex.web.address import is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org", ""])
def test_other_machines_are_let_in_with_a_token_only(host: str) -> None:
    with pytest.raises(FetalFlexError, match="--token"):
        listen(host, 0, has_token=False)


def test_all_interfaces_have_the_names_of_this_machine_and_given_ones() -> None:
    listening, address = listen("0.0.0.0", 0, has_token=True, names=["Reading-Room.example", "fe80::1%eth0"])
    with listening:
        assert {"127.0.0.1", "localhost", "[::1]", "reading-room.example", "[fe80::1]"} <= set(address.names)
        assert socket.gethostname().lower() in address.names
        assert address.link("secret") == f"http://reading-room.example:{address.port}/#token=secret"


def test_free_ports_are_free() -> None:
    first, one = listen("127.0.0.1", 0, has_token=False)
    with first:
        second, other = listen("localhost", 0, has_token=False)
        with second:
            assert one.port != other.port
        with pytest.raises(FetalFlexError, match=f"port {one.port}: Address already in use"):
            listen("127.0.0.1", one.port, has_token=False)


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_ports_that_cannot_be_are_refused(port: int) -> None:
    with pytest.raises(FetalFlexError, match="--port"):
        listen("127.0.0.1", port, has_token=False)


@pytest.mark.parametrize(("host", "expected"), [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True)])
@pytest.mark.parametrize("other", ["127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1 ", "10.0.0.1"])
def test_loopback(host: str, expected: bool, other: str) -> None:
    assert is_loopback(host) is expected
    assert not is_loopback(other)


def test_an_address_knows_its_hosts_and_origins() -> None:
    address = Address(("127.0.0.1", "[::1]"), 8000)
    assert address.hosts == {"127.0.0.1:8000", "[::1]:8000"}
    assert address.origins == {"http://127.0.0.1:8000", "http://[::1]:8000"}
    assert Address(("localhost",), 80).hosts == {"localhost", "localhost:80"}


def test_the_token_stands_where_browsers_do_not_send_it() -> None:
    assert Address(("127.0.0.1",), 8000).link("secret") == "http://127.0.0.1:8000/#token=secret"


@pytest.mark.parametrize("token", ["", "short", "a b" * 10, "x" * 201, "ä" * 20, "x" * 16 + "\n"])
def test_weak_tokens_are_refused(token: str) -> None:
    with pytest.raises(FetalFlexError, match="16 to 200"):
        check_token(token)


def test_tokens_differ_and_are_their_own() -> None:
    one, other = new_token(), new_token()
    assert check_token(one) != check_token(other)
    assert is_one_of(one, [other, one])
    assert not is_one_of(one, [other])
    assert not is_one_of("", [])
    assert not is_one_of("\ud800", [one])
