from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fetalflex.anatomy.anomalies import default_library
from fetalflex.data import DatasetFolder
from fetalflex.errors import FetalFlexError
from fetalflex.studio.desk import desk_at
from fetalflex.studio.engine import Engine
from fetalflex.studio.shelf import Shelf
from fetalflex.studio.starting import application_of
from fetalflex.studio.state import Studio
from fetalflex.web import Server, listen
from served import TOKEN, Client

if TYPE_CHECKING:
    from fetalflex.detection import Detector
    from fetalflex.models.components import Components
    from fetalflex.pipeline import FetalFlexPipeline

Serving = Callable[[Path], contextlib.AbstractContextManager[Client]]


@pytest.fixture(scope="session")
def model_folder(shared_model: Components, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest model, with random weights, on disk."""
    return shared_model.save(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def model(model_folder: Path) -> FetalFlexPipeline:
    from fetalflex.pipeline import FetalFlexPipeline

    return FetalFlexPipeline.from_pretrained(model_folder)


@pytest.fixture(scope="session")
def serve_studio(model: FetalFlexPipeline, model_folder: Path, phantom_folder: Path) -> Serving:
    """Serve a studio with the smallest model and phantoms, in the desk's folder that is given."""

    def no_detector() -> Detector:
        raise FetalFlexError("there is no detector")

    @contextlib.contextmanager
    def serving(folder: Path, data: Path = phantom_folder, may_correct: bool = False) -> Iterator[Client]:
        listening, address = listen("127.0.0.1", 0, has_token=False)
        shelf = Shelf((("data", DatasetFolder(data)),), may_correct)
        with desk_at(folder) as desk:
            studio = Studio(Engine(model, no_detector), desk, shelf, default_library(), str(model_folder))
            with application_of(studio, address, TOKEN) as app, Server(app).running(listening):
                yield Client(address)

    return serving
