from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from fetalflex.errors import FetalFlexError
from fetalflex.files import FolderKind, flock, locked, new_folder, remove_leftovers, reserved
from fetalflex.files.locks import is_lock
from fetalflex.files.owner import Owner
from other_processes import NOBODY, held_elsewhere, names

THING = FolderKind("thing")


def test_a_second_process_is_refused_at_once_and_told_which_is_there(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path / "out") as holder:
        with pytest.raises(FetalFlexError) as caught, locked(tmp_path / "out"):
            pass
        assert f"{tmp_path}/out is in use by process {holder.pid} on " in str(caught.value)
        assert ": -c an argument " in str(caught.value)
        assert str(caught.value).endswith("; wait until it has ended, or write somewhere else")


@pytest.mark.parametrize("path", ["out", "link", "./sub/../out"])
def test_a_folder_is_the_same_by_any_name(tmp_path: Path, path: str) -> None:
    for name in ("out", "sub"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("out")
    with held_elsewhere(tmp_path / "out"), pytest.raises(FetalFlexError, match="in use by"), locked(tmp_path / path):
        pass


def test_a_new_folder_is_locked_from_its_reservation_on(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path / "out"):
        with pytest.raises(FetalFlexError, match="in use by"), reserved(tmp_path / "out", THING, False):
            pass
        with pytest.raises(FetalFlexError, match="in use by"), new_folder(tmp_path / "out", THING, True):
            pass
        with locked(tmp_path / "other"):
            pass


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path / "out") as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert [is_lock(name) for name in names(tmp_path)] == [True]
        with locked(tmp_path / "out"):
            pass
    assert names(tmp_path) == []


def test_and_removed_by_whoever_cleans_up_unless_it_is_held(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path / "out") as holder:
        remove_leftovers(tmp_path)
        assert len(names(tmp_path)) == 1
        holder.kill()
        holder.wait()
        remove_leftovers(tmp_path)
        assert names(tmp_path) == []


def test_one_process_may_lock_a_folder_again(tmp_path: Path) -> None:
    with locked(tmp_path / "a" / "out"):
        with locked(tmp_path / "a" / "out"):
            assert len(names(tmp_path / "a")) == 1
        assert len(names(tmp_path / "a")) == 1
    assert names(tmp_path) == []


def test_the_lock_lies_inside_where_the_folder_around_is_read_only(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)
    (tmp_path / "out").mkdir()
    with locked(tmp_path / "out"):
        assert names(tmp_path) == ["out"]
        assert [is_lock(name) for name in names(tmp_path / "out")] == [True]
    assert names(tmp_path / "out") == []


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FetalFlexError, match="file is a file; give a folder"), locked(tmp_path / "file" / "out"):
        pass


class TestWithoutLocksOfTheSystem:
    """As on some network file systems: the file itself is the lock."""

    @pytest.fixture(autouse=True)
    def no_locks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr(flock.fcntl, "flock", fail)

    def lock_of(self, folder: Path, owner: Owner) -> Path:
        with locked(folder):
            [lock] = folder.parent.iterdir()
        lock.write_text(f"{owner}\nprocess {owner.pid} on a machine: fetalflex train\n")
        return lock

    def test_it_is_made_and_removed(self, tmp_path: Path) -> None:
        with locked(tmp_path / "out"):
            assert len(names(tmp_path)) == 1
        assert names(tmp_path) == []

    def test_that_of_a_dead_process_is_taken_over(self, tmp_path: Path) -> None:
        self.lock_of(tmp_path / "out", NOBODY)
        with locked(tmp_path / "out"):
            pass
        assert names(tmp_path) == []

    def test_that_of_a_living_one_is_not(self, tmp_path: Path) -> None:
        parent = Owner(Owner.this().place, os.getppid(), 0)
        lock = self.lock_of(tmp_path / "out", parent)
        with pytest.raises(FetalFlexError, match=f"in use by process {os.getppid()}"), locked(tmp_path / "out"):
            pass
        assert lock.exists()

    def test_that_of_another_machine_is_left_to_the_user(self, tmp_path: Path) -> None:
        lock = self.lock_of(tmp_path / "out", Owner("0" * 8, 3, 4))
        with pytest.raises(FetalFlexError, match=f"if that process has ended, delete {lock}"), locked(tmp_path / "out"):
            pass
