"""All that the server holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from fetalflex.anatomy import Registry
from fetalflex.anatomy.anomalies import AnomalyLibrary
from fetalflex.studio.desk import Desk
from fetalflex.studio.engine import Engine
from fetalflex.studio.shelf import Shelf
from fetalflex.studio.worker import Worker


@dataclass(frozen=True)
class Studio:
    """The parts of a running studio.

    Args:
        engine: The model.
        desk: Images, results and the work, on disk.
        shelf: Data sets to open images from.
        library: Anomalies.
        model: The model as the user named it.
        worker: The thread that computes; `application_of` ends it.
    """

    engine: Engine
    desk: Desk
    shelf: Shelf
    library: AnomalyLibrary
    model: str
    worker: Worker = field(default_factory=Worker)

    @property
    def registry(self) -> Registry:
        """Planes and structures."""
        return self.engine.registry
