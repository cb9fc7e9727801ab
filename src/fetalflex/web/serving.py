"""Run an application on a free port, and open it in the browser."""

from __future__ import annotations

import contextlib
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from fetalflex.web.address import Address

_SECONDS_TO_FINISH = 2


class Server(uvicorn.Server):
    """A server for one application on a listening socket.

    It says nothing about itself, believes no proxy's word on who is asking, and keeps no log of what was asked.
    """

    def __init__(self, app: ASGIApp, on_started: Callable[[], object] | None = None) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="on",
            limit_concurrency=200,
            timeout_graceful_shutdown=_SECONDS_TO_FINISH,  # streams of events do not end by themselves
            h11_max_incomplete_event_size=64 * 1024,
        )
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell so."""
        await super().startup(sockets)
        if self.started and self._on_started is not None:
            self._on_started()

    @contextlib.contextmanager
    def running(self, listening: socket.socket) -> Iterator[None]:
        """Serve in another thread during the block."""
        ready = threading.Event()
        self._on_started = ready.set
        thread = threading.Thread(target=self.run, args=([listening],), daemon=True)
        thread.start()
        try:
            if not ready.wait(30):
                raise RuntimeError("the server did not start")
            yield
        finally:
            self.should_exit = True
            thread.join(30)
            listening.close()


def serve(
    app: ASGIApp,
    listening: socket.socket,
    address: Address,
    token: str,
    show: Callable[[str], object],
    open_browser: bool = True,
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        app: The application, in its guard.
        listening: A listening socket, as `listen` returns it.
        address: Where that is.
        token: What the printed address holds.
        show: Tells the user the address, once it is answered.
        open_browser: Open it in the user's browser, too.
    """
    link = address.link(token)

    def tell() -> None:
        show(link)
        if open_browser:
            threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()

    with contextlib.closing(listening):
        Server(app, tell).run([listening])
