from __future__ import annotations

import subprocess
import sys

import fetalflex.anatomy


def test_import_stays_light():
    code = "import sys, fetalflex.anatomy.anomalies; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"torch", "scipy", "pydantic", "PIL.Image", "yaml"} & set(loaded)


def test_every_published_name_is_there():
    assert all(hasattr(fetalflex.anatomy, name) for name in fetalflex.anatomy.__all__)
