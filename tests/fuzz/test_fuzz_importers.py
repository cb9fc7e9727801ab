"""A few damaged inputs of every kind, the same ones each time; FETALFLEX_FUZZ=1000 asks for more."""

from __future__ import annotations

import os

import pytest
from fuzzing import finds
from importer_seeds import seeds

from fetalflex.data.importers import IMPORTERS

INPUTS = int(os.environ.get("FETALFLEX_FUZZ", "12"))


@pytest.mark.parametrize("target", seeds())
def test_damaged_sources_are_refused_or_read(target, tmp_path):
    assert [f"{find.number}: {find.what}" for find in finds(target, range(INPUTS), 0, tmp_path)] == []


def test_every_importer_is_a_target():
    assert {name for name, _, _ in seeds().values()} == set(IMPORTERS)
