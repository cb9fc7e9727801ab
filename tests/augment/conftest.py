from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from fetalflex.data import DatasetFolder


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    kept = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(kept)


@pytest.fixture(scope="session")
def heads(phantom_folder: Path) -> DatasetFolder:
    return DatasetFolder(phantom_folder)
