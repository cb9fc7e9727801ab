from __future__ import annotations

from pathlib import Path

import pytest

from fetalflex.errors import FetalFlexError
from fetalflex.models.locate import _source_checkout, find_model


def make_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    return folder


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "checkout"


def test_a_folder_is_taken_as_it_is(checkout: Path) -> None:
    make_model(checkout / "weights" / "mini")
    own = Path("mini")
    own.mkdir()
    assert find_model("mini", checkout) == own
    assert find_model(own.resolve(), checkout) == own.resolve()


def test_a_name_is_looked_for_in_the_working_directory_first(checkout: Path) -> None:
    theirs = make_model(checkout / "weights" / "mini")
    assert find_model("mini", checkout) == theirs
    ours = make_model(Path.cwd() / "weights" / "mini")
    assert find_model("mini", checkout) == ours


def test_a_folder_without_an_index_is_not_found_by_name(checkout: Path) -> None:
    (checkout / "weights" / "mini").mkdir(parents=True)
    with pytest.raises(FetalFlexError, match="neither a folder nor found"):
        find_model("mini", checkout)


def test_the_message_says_where_was_looked_and_how_to_get_it(checkout: Path) -> None:
    with pytest.raises(FetalFlexError) as caught:
        find_model("mini", checkout)
    for part in ("'mini'", str(Path.cwd() / "weights"), str(checkout / "weights"), "copy weights/mini"):
        assert part in str(caught.value)


def test_a_path_is_not_looked_for_elsewhere(checkout: Path) -> None:
    make_model(checkout / "weights" / "runs" / "mini")
    with pytest.raises(FetalFlexError, match="there is no model folder runs/mini"):
        find_model("runs/mini", checkout)


def test_a_file_is_no_model(checkout: Path) -> None:
    Path("mini").write_text("")
    with pytest.raises(FetalFlexError, match="mini is a file"):
        find_model("mini", checkout)


def test_the_checkout_is_recognised_by_its_source() -> None:
    root = _source_checkout()
    assert root is None or (root / "src" / "fetalflex" / "__init__.py").is_file()
