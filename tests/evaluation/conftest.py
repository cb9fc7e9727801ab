from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fetalflex.data import DatasetFolder
from fetalflex.evaluation.evaluate import EvaluationSettings, evaluate
from fetalflex.evaluation.metrics.extractors import Lite0Features
from fetalflex.evaluation.results import Results
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling


@pytest.fixture(scope="session")
def phantoms(phantom_folder: Path) -> DatasetFolder:
    return DatasetFolder(phantom_folder)


@pytest.fixture(scope="session")
def eye() -> Lite0Features:
    """The network that judges images."""
    return Lite0Features.load()


@pytest.fixture(scope="session")
def results(pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """What an evaluation of a model with random weights finds on six phantoms; shared, so not to be changed.

    Networks that papers report by are not there, whatever this machine has.
    """
    settings = EvaluationSettings("val", limit=6, sampling=Sampling(steps=2), seed=5, batch_size=2)
    root = tmp_path_factory.mktemp("evaluation")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.hub, "get_dir", lambda: str(root / "no weights"))
        return evaluate(pipeline, [phantoms], root / "out", settings)
