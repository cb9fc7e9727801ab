"""A few damaged files of our own, the same ones each time; FETALFLEX_FUZZ=1000 asks for more."""

from __future__ import annotations

import os

import pytest
from fuzzing import finds
from own_targets import OWN_TARGETS, own_target

INPUTS = int(os.environ.get("FETALFLEX_FUZZ", "12"))


@pytest.mark.parametrize("target", OWN_TARGETS)
def test_damaged_files_are_refused_or_read(target, tmp_path):
    inputs = range(max(INPUTS // own_target(target).weight, 1))
    assert [f"{find.number}: {find.what}" for find in finds(target, inputs, 0, tmp_path)] == []
