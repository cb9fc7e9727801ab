"""Serve a studio until the user stops."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator

from fetalflex.studio.app import studio_app
from fetalflex.studio.state import Studio
from fetalflex.web import Address, Guard, is_one_of, serve


@contextlib.contextmanager
def application_of(studio: Studio, address: Address, token: str) -> Iterator[Guard]:
    """Hand out the application during the block; the studio's thread ends with it."""
    try:
        yield studio_app(studio, address, lambda given: is_one_of(given, [token]))
    finally:
        studio.worker.close()


def run_studio(
    studio: Studio,
    listening: socket.socket,
    address: Address,
    token: str,
    tell: Callable[[str], object],
    open_browser: bool,
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        studio: What is served.
        listening: A listening socket, as `listen` returns it.
        address: Where that is.
        token: Secret that visitors must know.
        tell: Shows a line to the user.
        open_browser: Open the page in the user's browser, too.
    """
    with application_of(studio, address, token) as app:

        def show(link: str) -> None:
            tell(f"FetalFlex Studio: {link}")
            tell(f"work is saved in {studio.desk.folder}; stop with Ctrl-C")

        serve(app, listening, address, token, show, open_browser)
