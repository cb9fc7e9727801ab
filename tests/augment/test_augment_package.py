from __future__ import annotations

import subprocess
import sys

import pytest

import fetalflex.augment


def test_every_name_is_handed_on() -> None:
    for name in fetalflex.augment.__all__:
        assert getattr(fetalflex.augment, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'agument'"):
        fetalflex.augment.agument  # noqa: B018


def test_the_package_loads_nothing_by_itself() -> None:
    code = "import sys, fetalflex.augment; print('torch' in sys.modules, 'pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False False\n"
