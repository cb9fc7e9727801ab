"""Put the parts together, and serve them until the user stops."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from fetalflex.anatomy.anomalies import AnomalyLibrary
from fetalflex.studio.app import studio_app
from fetalflex.studio.desk import Desk
from fetalflex.studio.engine import Engine
from fetalflex.studio.shelf import Shelf
from fetalflex.studio.state import Studio
from fetalflex.studio.worker import Worker
from fetalflex.web import Address, Guard, is_one_of, serve

if TYPE_CHECKING:
    from fetalflex.detection import Detector
    from fetalflex.pipeline import FetalFlexPipeline


@contextlib.contextmanager
def studio_of(
    address: Address,
    token: str,
    desk: Desk,
    shelf: Shelf,
    library: AnomalyLibrary,
    model: str,
    pipeline: FetalFlexPipeline,
    load_detector: Callable[[], Detector],
) -> Iterator[Guard]:
    """Hand out the application during the block; its thread ends with it."""
    worker = Worker()
    try:
        studio = Studio(Engine(pipeline, load_detector), desk, shelf, worker, library, model)
        yield studio_app(studio, address, lambda given: is_one_of(given, [token]))
    finally:
        worker.close()


def run_studio(
    listening: socket.socket,
    address: Address,
    token: str,
    desk: Desk,
    shelf: Shelf,
    library: AnomalyLibrary,
    model: str,
    pipeline: FetalFlexPipeline,
    load_detector: Callable[[], Detector],
    tell: Callable[[str], object],
    open_browser: bool,
) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    with studio_of(address, token, desk, shelf, library, model, pipeline, load_detector) as app:

        def show(link: str) -> None:
            tell(f"FetalFlex Studio: {link}")
            tell(f"work is saved in {desk.folder}; stop with Ctrl-C")

        serve(app, listening, address, token, show, open_browser)
