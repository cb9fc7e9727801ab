from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import save_file

from fetalflex.errors import FetalFlexError
from fetalflex.files import naming_failures, replacing, replacing_file, write_bytes, write_text, writing_together
from other_processes import names

CONTENT = b"\x00one\r\ntwo\xff"


def _by_handle(path: Path) -> None:
    with replacing(path) as file:
        file.write(CONTENT)


def _by_name(path: Path) -> None:
    with replacing_file(path) as partial:
        partial.write_bytes(CONTENT)


def _by_library(path: Path) -> None:
    with replacing_file(path) as partial:
        partial.unlink()  # as libraries do that write beside and rename
        descriptor = os.open(partial, os.O_CREAT | os.O_WRONLY, 0o600)
        os.write(descriptor, CONTENT)
        os.close(descriptor)


def _together(path: Path) -> None:
    with writing_together() as files:
        files.add(path, CONTENT)


WRITERS = [_by_handle, _by_name, _by_library, _together, lambda path: write_bytes(path, CONTENT)]


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize("write", WRITERS)
class TestEveryWriter:
    def test_writes_the_bytes_into_a_new_folder_and_nothing_else(self, tmp_path: Path, write) -> None:
        write(tmp_path / "a" / "b" / "file.bin")
        assert (tmp_path / "a/b/file.bin").read_bytes() == CONTENT
        assert names(tmp_path / "a/b") == ["file.bin"]

    @pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
    def test_follows_the_umask(self, tmp_path: Path, write, mask: int, mode: int, umask) -> None:
        umask(mask)
        write(tmp_path / "file")
        assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode

    def test_replaces_a_link_and_not_what_it_leads_to(self, tmp_path: Path, write) -> None:
        (tmp_path / "theirs").write_text("theirs")
        (tmp_path / "link").symlink_to("theirs")
        write(tmp_path / "link")
        assert (tmp_path / "theirs").read_text() == "theirs"
        assert not (tmp_path / "link").is_symlink()

    def test_takes_names_of_any_length(self, tmp_path: Path, write) -> None:
        write(tmp_path / ("x" * 255))
        assert len(names(tmp_path)) == 1

    def test_names_the_file_where_it_cannot_be(self, tmp_path: Path, write) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(FetalFlexError, match=r"file/x cannot be written: (Not a directory|File exists)"):
            write(tmp_path / "file" / "x")
        (tmp_path / "folder").mkdir()
        with pytest.raises(FetalFlexError, match="folder cannot be written: Is a directory"):
            write(tmp_path / "folder")
        assert names(tmp_path) == ["file", "folder"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_keeps_the_old_file_and_leaves_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def fail() -> None:
        with replacing(tmp_path / "a") as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_text_that_is_no_utf_8_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "a", "half a pair \ud800")
    assert names(tmp_path) == []


def test_file_and_folder_are_on_disk_in_this_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noting(descriptor: int) -> None:
        events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def renaming(self: Path, target: Path) -> Path:
        events.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noting)
    monkeypatch.setattr(Path, "replace", renaming)
    write_text(tmp_path / "a", "x")
    assert events == ["file", "rename", "folder"]


class TestFailuresOfLibraries:
    def test_a_full_disk_is_told_with_the_file(self) -> None:
        message = r"^model\.bin cannot be written: No space left on device$"
        with pytest.raises(FetalFlexError, match=message), naming_failures(Path("model.bin")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def test_also_by_safetensors(self) -> None:
        message = r"^model\.bin cannot be written: No space left on device$"
        with pytest.raises(FetalFlexError, match=message), naming_failures(Path("model.bin")):
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    def test_also_really(self, tmp_path: Path) -> None:
        if not Path("/dev/full").exists():
            pytest.skip("no /dev/full here")
        path = tmp_path / "w.safetensors"
        with pytest.raises(FetalFlexError, match=r"w\.safetensors cannot be written"), naming_failures(path):
            save_file({"w": np.zeros(1000)}, tmp_path / "none" / "w.safetensors")

        def fill() -> None:
            with naming_failures(tmp_path / "log"), Path("/dev/full").open("w") as file:
                file.write("x")

        with pytest.raises(FetalFlexError, match="log cannot be written: No space left on device"):
            fill()

    def test_other_errors_pass(self) -> None:
        with pytest.raises(KeyError), naming_failures(Path("a")):
            raise KeyError


class TestTogether:
    def test_all_appear(self, tmp_path: Path) -> None:
        with writing_together() as files:
            files.add(tmp_path / "a", "ä")
            files.add(tmp_path / "new" / "b", b"b")
            assert names(tmp_path) == []
        assert (tmp_path / "a").read_text(encoding="utf-8") == "ä"
        assert (tmp_path / "new/b").read_bytes() == b"b"
        assert names(tmp_path) == ["a", "new"]

    def test_one_that_cannot_be_written_keeps_all_away(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        (tmp_path / "old").write_text("old")

        def write() -> None:
            with writing_together() as files:
                files.add(tmp_path / "new", "new")
                files.add(tmp_path / "old", "new")
                files.add(tmp_path / "file" / "x", "x")

        with pytest.raises(FetalFlexError, match="file/x cannot be written"):
            write()
        assert names(tmp_path) == ["file", "old"]
        assert (tmp_path / "old").read_text() == "old"

    def test_one_whose_name_is_taken_takes_the_new_ones_back(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()

        def write() -> None:
            with writing_together() as files:
                files.add(tmp_path / "new", "new")
                files.add(tmp_path / "folder", "x")

        with pytest.raises(FetalFlexError, match="folder cannot be written: Is a directory"):
            write()
        assert names(tmp_path) == ["folder"]

    def test_an_error_in_the_block_writes_nothing(self, tmp_path: Path) -> None:
        def fail() -> None:
            with writing_together() as files:
                files.add(tmp_path / "a", "a")
                raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            fail()
        assert names(tmp_path) == []
