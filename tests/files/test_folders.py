from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from fetalflex.errors import FetalFlexError
from fetalflex.files import MARKER, FolderKind, check_replaceable, folders, kind_at, new_folder, reserved
from fetalflex.files.leftovers import replaced_name
from other_processes import NOBODY, leave_file, leave_folder, names


def _before_markers(folder: Path) -> set[str] | None:
    return {"thing.json", "inner/file"} if (folder / "thing.json").exists() else None


THING = FolderKind("thing", may_hold=("added.json",), written_before=_before_markers)
OTHER = FolderKind("other thing")


def make(out: Path, text: str = "new", force: bool = False, kind: FolderKind = THING) -> None:
    with new_folder(out, kind, force) as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "file").write_text(text)


def content(folder: Path) -> str:
    return (folder / "inner" / "file").read_text()


def test_the_folder_appears_when_the_block_has_ended(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    with new_folder(out, THING, False) as folder:
        (folder / "file").write_text("x")
        assert folder.parent == out.parent
        assert not out.exists()
    assert (out / "file").read_text() == "x"
    assert names(out.parent) == ["b"]
    assert kind_at(out) == "thing"


def test_the_same_folder_has_the_same_marker(tmp_path: Path) -> None:
    make(tmp_path / "a")
    make(tmp_path / "b")
    assert (tmp_path / "a" / MARKER).read_bytes() == (tmp_path / "b" / MARKER).read_bytes()


def test_an_empty_folder_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    make(tmp_path / "out")
    assert content(tmp_path / "out") == "new"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("is_there", [False, True])
def test_a_failing_block_leaves_everything_as_it_was(tmp_path: Path, error: type[BaseException], is_there) -> None:
    out = tmp_path / "out"
    if is_there:
        make(out, "old")

    def fail() -> None:
        with new_folder(out, THING, True) as folder:
            (folder / "file").write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert names(tmp_path) == ["out"] * is_there
    if is_there:
        assert content(out) == "old"


def test_folders_that_were_made_for_nothing_go_again(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_folder(tmp_path / "a" / "b" / "c", THING, False):
        raise RuntimeError
    assert names(tmp_path) == []


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_folder_is_replaced_by_force_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool) -> None:
    if not exchanges:  # as on file systems that cannot
        monkeypatch.setattr(folders, "_renameat2", lambda: None)
    out = tmp_path / "out"
    make(out, "old")
    with pytest.raises(FetalFlexError, match="already there and not empty"):
        make(out)
    assert content(out) == "old"
    make(out, force=True)
    assert content(out) == "new"
    assert names(tmp_path) == ["out"]


class TestWhatIsNotOurs:
    @pytest.mark.parametrize("place", ["mine.txt", "inner/mine.txt", "deep/er/mine.txt", ".mine", "annotations.json"])
    @pytest.mark.parametrize("force", [False, True])
    def test_a_file_in_our_folder_keeps_it(self, tmp_path: Path, place: str, force: bool) -> None:
        out = tmp_path / "out"
        make(out, "old")
        (out / place).parent.mkdir(parents=True, exist_ok=True)
        (out / place).write_text("years of work")
        with pytest.raises(
            FetalFlexError, match=rf"did not write \({place}\), so it is not replaced, not even by force"
        ):
            make(out, force=force)
        assert (out / place).read_text() == "years of work"
        assert content(out) == "old"

    def test_a_link_in_our_folder_keeps_it(self, tmp_path: Path) -> None:
        out = tmp_path / "out"
        make(out)
        (tmp_path / "scans").mkdir()
        (out / "scans").symlink_to(tmp_path / "scans")
        with pytest.raises(FetalFlexError, match=r"did not write \(scans\)"):
            make(out, force=True)

    def test_a_folder_without_marker_is_kept(self, tmp_path: Path) -> None:
        out = tmp_path / "home"
        out.mkdir()
        (out / "thesis.txt").write_text("years of work")
        with pytest.raises(FetalFlexError, match="home is already there and is not a thing that FetalFlex wrote"):
            make(out, force=True)
        assert names(out) == ["thesis.txt"]

    @pytest.mark.parametrize(
        "marker", ["", "{", "[]", '{"format": "fetalflex/folder", "version": 1, "kind": 3}', "null"]
    )
    def test_a_damaged_marker_is_none(self, tmp_path: Path, marker: str) -> None:
        make(tmp_path / "out")
        (tmp_path / "out" / MARKER).write_text(marker)
        with pytest.raises(FetalFlexError, match="is not a thing that FetalFlex wrote"):
            make(tmp_path / "out", force=True)

    def test_another_kind_of_ours_is_kept(self, tmp_path: Path) -> None:
        make(tmp_path / "out", kind=OTHER)
        with pytest.raises(FetalFlexError, match="is not a thing that FetalFlex wrote"):
            make(tmp_path / "out", force=True)
        with pytest.raises(FetalFlexError, match="is not an other thing"):
            check_replaceable(tmp_path, OTHER, force=True)

    def test_what_comes_while_the_folder_is_made_is_kept_too(self, tmp_path: Path) -> None:
        out = tmp_path / "out"

        def meanwhile() -> None:
            with new_folder(out, THING, True) as folder:
                (folder / "file").write_text("new")
                out.mkdir()
                (out / "thesis.txt").write_text("years of work")

        with pytest.raises(FetalFlexError, match="is not a thing"):
            meanwhile()
        assert (out / "thesis.txt").read_text() == "years of work"
        assert names(tmp_path) == ["out"]


class TestWhatIsOurs:
    @pytest.mark.parametrize("name", ["added.json", ".DS_Store", "inner/Thumbs.db"])
    def test_what_may_be_added_does_not_matter(self, tmp_path: Path, name: str) -> None:
        make(tmp_path / "out", "old")
        (tmp_path / "out" / name).write_text("")
        make(tmp_path / "out", force=True)
        assert content(tmp_path / "out") == "new"

    def test_nor_what_was_taken_away_or_changed(self, tmp_path: Path) -> None:
        make(tmp_path / "out", "old")
        (tmp_path / "out/inner/file").write_text("corrected")
        make(tmp_path / "out", force=True)
        (tmp_path / "out/inner/file").unlink()
        make(tmp_path / "out", force=True)
        assert content(tmp_path / "out") == "new"

    def test_a_folder_of_before_there_were_markers_is_known_if_all_files_are(self, tmp_path: Path) -> None:
        out = tmp_path / "out"
        (out / "inner").mkdir(parents=True)
        (out / "thing.json").write_text("{}")
        (out / "inner/file").write_text("old")
        make(out, force=True)
        assert content(out) == "new"
        (out / MARKER).unlink()
        (out / "thing.json").write_text("{}")
        (out / "inner/more").write_text("mine")
        with pytest.raises(FetalFlexError, match=r"did not write \(inner/more\)"):
            make(out, force=True)


def test_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(FetalFlexError, match="is a file"):
        check_replaceable(tmp_path / "out", THING, True)
    with pytest.raises(FetalFlexError, match="out is a file; give a folder"):
        make(tmp_path / "out" / "new" / "pair", force=True)


def test_a_link_to_a_folder_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    make(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to("real")
    make(tmp_path / "link", force=True)
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "real") == "new"


def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(folders, "_renameat2", lambda: None)
    out = tmp_path / "out"
    make(out, "old")
    rename = Path.rename

    def rename_old_only(self: Path, target: Path) -> Path:
        if self.suffix == ".partial":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", rename_old_only)
    with pytest.raises(FetalFlexError, match="out cannot be written: Permission denied"):
        make(out, force=True)
    assert content(out) == "old"
    assert names(tmp_path) == ["out"]


def test_errors_inside_are_told_with_the_name_in_the_end(tmp_path: Path) -> None:
    with pytest.raises(FetalFlexError) as caught, new_folder(tmp_path / "out", THING, False) as folder:
        raise FetalFlexError(f"{folder}/annotations.json: quality must not be 1001")
    assert str(caught.value) == f"{tmp_path}/out/annotations.json: quality must not be 1001"


class TestWhatKilledProcessesLeft:
    def test_a_folder_that_made_room_comes_back(self, tmp_path: Path) -> None:
        out = tmp_path / "out"
        make(out, "old")
        parts = replaced_name(out).split("-")
        out.rename(tmp_path / f".fetalflex-{NOBODY}-{parts[-2]}-{parts[-1]}")
        with reserved(out, THING, True):
            assert content(out) == "old"
        assert names(tmp_path) == ["out"]

    def test_one_whose_successor_came_is_removed(self, tmp_path: Path) -> None:
        out = tmp_path / "out"
        make(out, "old")
        parts = replaced_name(out).split("-")
        out.rename(tmp_path / f".fetalflex-{NOBODY}-{parts[-2]}-{parts[-1]}")
        out.mkdir()
        make(out, "new")
        assert content(out) == "new"
        assert names(tmp_path) == ["out"]

    def test_what_they_were_writing_beside_it_is_removed(self, tmp_path: Path) -> None:
        leave_folder(tmp_path)
        make(tmp_path / "out")
        leave_file(tmp_path)
        make(tmp_path / "out", force=True)
        assert names(tmp_path) == ["out"]

    def test_and_inside_it_is_no_foreign_file(self, tmp_path: Path) -> None:
        make(tmp_path / "out", "old")
        leave_folder(tmp_path / "out")
        make(tmp_path / "out", force=True)
        assert content(tmp_path / "out") == "new"


@pytest.mark.parametrize(("mask", "of_files", "of_folders"), [(0o077, 0o600, 0o700), (0o022, 0o644, 0o755)])
def test_modes_are_what_the_umask_says(tmp_path: Path, mask: int, of_files: int, of_folders: int) -> None:
    before = os.umask(mask)
    try:
        with new_folder(tmp_path / "out", THING, False) as folder:
            (folder / "inner").mkdir()
            (folder / "inner" / "file").write_text("x")
            (folder / "inner" / "file").chmod(0o640)  # as some libraries do
    finally:
        os.umask(before)
    for path in (tmp_path / "out").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (of_folders if path.is_dir() else of_files)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == of_folders


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tells file names from descriptors")
def test_files_and_folders_are_on_disk_before_the_folder_appears(tmp_path: Path, monkeypatch) -> None:
    out = tmp_path / "out"
    before, after = set(), set()
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        (after if out.exists() else before).add(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    make(out)
    assert {"inner", "file", MARKER} < before
    assert after == {tmp_path.name}


def test_a_file_that_somebody_adds_at_the_last_moment_stays(tmp_path: Path, monkeypatch) -> None:
    """Between the last look and the exchange no other program can be kept from writing there."""
    out = tmp_path / "out"
    make(out, "old")
    exchange = folders._exchange
    added: list[Path] = []

    def exchange_late(one: Path, other: Path) -> bool:
        if not added:
            added.append(other / "thesis.tex")
            added[0].write_text("mine")
        return exchange(one, other)

    if folders._renameat2() is None:
        pytest.skip("this system cannot exchange folders")
    monkeypatch.setattr(folders, "_exchange", exchange_late)
    with pytest.raises(FetalFlexError, match=r"thesis\.tex"):
        make(out, "new", force=True)
    assert content(out) == "old"
    assert added[0].read_text() == "mine"
    assert names(tmp_path) == ["out"]
