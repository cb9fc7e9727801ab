"""Where a server listens, and under which names it may be spoken to."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from fetalflex.checks import whole_number
from fetalflex.errors import FetalFlexError

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_EVERYWHERE = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Address:
    """The names and the port of a server.

    Args:
        names: Host names as browsers write them, in lower case, IPv6 in brackets; the first one is shown to the user.
        port: The port, 1 to 65535.
    """

    names: tuple[str, ...]
    port: int

    @property
    def hosts(self) -> frozenset[str]:
        """The values of a `Host` header that mean this server."""
        bare = self.names if self.port == 80 else ()
        return frozenset((*(f"{name}:{self.port}" for name in self.names), *bare))

    @property
    def origins(self) -> frozenset[str]:
        """The values of an `Origin` header that pages of this server have."""
        return frozenset(f"http://{host}" for host in self.hosts)

    def link(self, token: str, path: str = "/") -> str:
        """Return an address to open; the token is behind the `#`, so it is neither sent nor logged nor referred to."""
        return f"http://{self.names[0]}:{self.port}{path}#token={token}"


def listen(host: str, port: int, has_token: bool, names: Iterable[str] = ()) -> tuple[socket.socket, Address]:
    """Start to listen.

    Args:
        host: Address or name of the interface; 127.0.0.1 is this machine alone.
        port: Port; 0 is any free one.
        has_token: Whether the user chose a token, without which nobody but this machine is let in.
        names: Further names under which browsers reach it, such as that of a machine; the first one is shown.

    Returns:
        The listening socket, and the address.

    Raises:
        FetalFlexError: If the port or address cannot be, is taken, or is open to others without a token.
    """
    if not is_loopback(host) and not has_token:
        raise FetalFlexError(
            f"--host {host} opens the server to other machines; give --token as well, a secret that visitors must "
            "know, or leave --host out"
        )
    whole_number(port, "--port", 0, 65535)
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(place)
            listening.listen(128)
        except BaseException:
            listening.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FetalFlexError(
            f"cannot listen on {host}, port {port}: {reason}; give another --port (0 is any free one) or --host"
        ) from error
    all_names = dict.fromkeys((*(_as_in_a_header(name) for name in names), *_names_of(host)))
    return listening, Address(tuple(all_names), listening.getsockname()[1])


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _names_of(host: str) -> list[str]:
    if is_loopback(host):
        return list(dict.fromkeys((_as_in_a_header(host), *_LOOPBACK)))
    if host not in _EVERYWHERE:
        return [_as_in_a_header(host)]
    machine = socket.gethostname()
    try:
        own = [str(entry[4][0]) for entry in socket.getaddrinfo(machine, None)]
    except OSError:
        own = []
    return [_as_in_a_header(name) for name in (machine, *own, *_LOOPBACK)]


def _as_in_a_header(host: str) -> str:
    host = host.lower().partition("%")[0]
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
