"""Whatever is in the files of a study, it opens or is refused in one sentence."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from study_helpers import make_study

from fetalflex.errors import FetalFlexError
from fetalflex.study.folder import Study
from fetalflex.study.manifest import read_manifest
from fetalflex.study.ratings import random_ratings

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=10), children, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("studies") / "study", each=2).root


@pytest.fixture(scope="module")
def folder(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(sound, tmp_path_factory.mktemp("damaged") / "study"))


def open_all(folder: Path) -> None:
    study = Study(folder)
    random_ratings(study, 0)
    assert study.key.images


NAMES = st.sampled_from(["study.json", "readers.json", "key.json"])


@given(name=NAMES, start=st.floats(0, 1), length=st.integers(0, 200), put=st.binary(max_size=20))
def test_overwritten_files(sound: Path, folder: Path, name: str, start: float, length: int, put: bytes) -> None:
    content = (sound / name).read_bytes()
    place = int(start * len(content))
    (folder / name).write_bytes(content[:place] + put + content[place + length :])
    with contextlib.suppress(FetalFlexError):
        open_all(folder)
    (folder / name).write_bytes(content)


@given(name=NAMES, steps=st.lists(st.integers(0, 30), min_size=1, max_size=4), value=VALUES)
def test_other_values(sound: Path, folder: Path, name: str, steps: list[int], value: Any) -> None:
    content = (sound / name).read_bytes()
    (folder / name).write_text(json.dumps(_with_another(json.loads(content), steps, value)))
    with contextlib.suppress(FetalFlexError):
        open_all(folder)
    (folder / name).write_bytes(content)


def _with_another(tree: Any, steps: list[int], value: Any) -> Any:
    """Return JSON with a value put in at the end of a way down."""
    if not steps or not isinstance(tree, (dict, list)) or not tree:
        return value
    places = list(tree) if isinstance(tree, dict) else range(len(tree))
    place = places[steps[0] % len(places)]
    tree[place] = _with_another(tree[place], steps[1:], value)
    return tree


@given(content=st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_manifests(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    for name, start in (("m.csv", b"image,method,plane\n"), ("m.jsonl", b"")):
        (folder / name).write_bytes(start + content)
        with contextlib.suppress(FetalFlexError):
            read_manifest(folder / name)
