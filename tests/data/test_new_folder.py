from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fetalflex.data.new_folder import check_new_folder, new_folder
from fetalflex.errors import FetalFlexError

MARKER = "marker.json"


def make(out: Path, text: str = "new", force: bool = False) -> None:
    with new_folder(out, force, MARKER) as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "file").write_text(text)
        (folder / MARKER).write_text("{}")


def content(folder: Path) -> str:
    return (folder / "inner" / "file").read_text()


def test_the_folder_appears_when_the_block_has_ended(tmp_path):
    out = tmp_path / "a" / "b"
    with new_folder(out, False, MARKER) as folder:
        (folder / "file").write_text("x")
        assert folder.parent == out.parent
        assert not out.exists()
    assert (out / "file").read_text() == "x"
    assert list(out.parent.iterdir()) == [out]


def test_an_empty_folder_is_taken_over(tmp_path):
    (tmp_path / "out").mkdir()
    make(tmp_path / "out")
    assert content(tmp_path / "out") == "new"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("is_there", [False, True])
def test_a_failing_block_leaves_everything_as_it_was(tmp_path, error, is_there):
    out = tmp_path / "out"
    if is_there:
        make(out, "old")

    def fail() -> None:
        with new_folder(out, True, MARKER) as folder:
            (folder / "file").write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["out"] * is_there
    if is_there:
        assert content(out) == "old"


def test_a_folder_is_replaced_by_force_alone(tmp_path):
    out = tmp_path / "out"
    make(out, "old")
    with pytest.raises(FetalFlexError, match="already there and not empty"):
        make(out)
    assert content(out) == "old"
    make(out, force=True)
    assert content(out) == "new"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_of_another_kind_is_never_replaced(tmp_path):
    out = tmp_path / "home"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(FetalFlexError, match=r"holds no marker\.json, so it is not replaced"):
        make(out, force=True)
    assert (out / "thesis.txt").read_text() == "years of work"


def test_a_file_is_in_the_way(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(FetalFlexError, match="is a file"):
        check_new_folder(tmp_path / "out", True, MARKER)
    with pytest.raises(FetalFlexError, match="out is a file; give a folder"):
        check_new_folder(tmp_path / "out" / "new" / "pair", True, MARKER)


def test_a_link_to_a_folder_stays_and_what_it_leads_to_is_replaced(tmp_path):
    make(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to("real")
    make(tmp_path / "link", force=True)
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "real") == "new"


def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    out = tmp_path / "out"
    make(out, "old")
    rename = Path.rename

    def rename_old_only(self: Path, target: Path) -> Path:
        if self.suffix == ".partial":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", rename_old_only)
    with pytest.raises(FetalFlexError, match="cannot be written: Permission denied"):
        make(out, force=True)
    assert content(out) == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tells file names from descriptors")
def test_files_and_folders_are_on_disk_before_the_folder_appears(tmp_path, monkeypatch):
    out = tmp_path / "out"
    flushed: set[str] = set()
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        assert not out.exists()
        flushed.add(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    make(out)
    assert {"inner", "file", MARKER} < flushed
    assert len(flushed) == 4
