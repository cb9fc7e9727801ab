from __future__ import annotations

import subprocess
import sys

import pytest

import fetalflex.data


@pytest.mark.parametrize("name", fetalflex.data.__all__)
def test_every_name_is_handed_on(name):
    assert getattr(fetalflex.data, name).__name__ == name


def test_unknown_names_are_told():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        fetalflex.data.nothing  # noqa: B018


def test_data_needs_no_torch():
    code = (
        "import sys, fetalflex.data as data; [getattr(data, name) for name in data.__all__]; "
        "from fetalflex.data.importers import get_importer; "
        "[get_importer(name) for name in ('coco', 'yolo', 'voc', 'labelme', 'cvat', 'table', 'masks')]; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
