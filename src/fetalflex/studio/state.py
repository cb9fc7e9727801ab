"""All that the server holds."""

from __future__ import annotations

from dataclasses import dataclass

from fetalflex.anatomy import Registry
from fetalflex.anatomy.anomalies import AnomalyLibrary
from fetalflex.studio.desk import Desk
from fetalflex.studio.engine import Engine
from fetalflex.studio.shelf import Shelf
from fetalflex.studio.worker import Worker


@dataclass(frozen=True)
class Studio:
    """Hold the parts of a running studio.

    Args:
        engine: The model.
        desk: Images, results and the work, on disk.
        shelf: Data sets to open images from.
        worker: The thread that computes.
        library: Anomalies.
        model: The model as the user named it.
    """

    engine: Engine
    desk: Desk
    shelf: Shelf
    worker: Worker
    library: AnomalyLibrary
    model: str

    @property
    def registry(self) -> Registry:
        """Planes and structures."""
        return self.engine.registry
