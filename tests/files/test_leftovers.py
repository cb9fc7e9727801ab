from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fetalflex.files import is_leftover, remove_leftovers
from fetalflex.files.leftovers import partial_name
from fetalflex.files.owner import Owner
from other_processes import NOBODY, leave_file, leave_folder, names

ELSEWHERE = Owner("0" * 8, 17, 4)
DAY = 24 * 3600


def aged(path: Path, seconds: float) -> Path:
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def test_an_owner_reads_back() -> None:
    here = Owner.this()
    assert Owner.parse(str(here)) == here
    assert here.pid == os.getpid()
    assert here.is_here()
    assert here.lives()
    assert not NOBODY.lives()
    assert Owner.parse("0a-1-2") is None


def test_a_process_that_has_the_number_of_a_dead_one_is_not_that_one() -> None:
    here = Owner.this()
    if here.start == 0:
        pytest.skip("this system does not tell when processes start")
    assert not Owner(here.place, here.pid, here.start - 1).lives()


def test_only_names_of_ours_are_leftovers() -> None:
    assert is_leftover(Path(partial_name()))
    for name in ("a.partial", ".a.partial", ".fetalflex-folder", ".fetalflex-x.partial", "movie.mp4.partial", ".git"):
        assert not is_leftover(Path(name))


@pytest.mark.parametrize("leave", [leave_file, leave_folder])
class TestRemoval:
    def test_of_a_dead_process(self, tmp_path: Path, leave) -> None:
        leave(tmp_path)
        remove_leftovers(tmp_path)
        assert names(tmp_path) == []

    def test_not_of_a_living_one(self, tmp_path: Path, leave) -> None:
        path = aged(leave(tmp_path, Owner.this()), 10 * DAY)
        remove_leftovers(tmp_path)
        assert path.exists()

    def test_not_of_another_machine_that_may_have_just_begun(self, tmp_path: Path, leave) -> None:
        path = leave(tmp_path, ELSEWHERE)
        remove_leftovers(tmp_path)
        assert path.exists()

    def test_of_another_machine_if_nobody_holds_it(self, tmp_path: Path, leave) -> None:
        aged(leave(tmp_path, ELSEWHERE), 3600)
        remove_leftovers(tmp_path)
        assert names(tmp_path) == []

    @pytest.mark.skipif(sys.platform == "win32", reason="no such locks")
    def test_not_of_another_container_that_holds_it(self, tmp_path: Path, leave) -> None:
        path = aged(leave(tmp_path, ELSEWHERE), 10 * DAY)
        code = f"import fcntl, os; fcntl.flock(os.open({str(path)!r}, os.O_RDONLY), fcntl.LOCK_EX); print(1); input()"
        command = [sys.executable, "-uc", code]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            remove_leftovers(tmp_path)
            assert path.exists()
            holder.communicate("\n")
        remove_leftovers(tmp_path)
        assert not path.exists()


def test_files_of_others_stay(tmp_path: Path) -> None:
    digest = "0f" * 16  # as other programs name downloads
    mine = ["movie.partial", ".abc.partial", f"{digest}.partial", f".{digest}.partial", ".fetalflex-folder"]
    for name in mine:
        (tmp_path / name).write_text("mine")
        aged(tmp_path / name, 100 * DAY)
        assert not is_leftover(tmp_path / name)
    remove_leftovers(tmp_path)
    assert sorted(names(tmp_path)) == sorted(mine)


def test_a_folder_that_is_missing_is_no_error(tmp_path: Path) -> None:
    remove_leftovers(tmp_path / "none")


def test_a_killed_writer_leaves_what_the_next_one_removes(tmp_path: Path) -> None:
    code = (
        "import os, signal\nfrom fetalflex.files import replacing\n"
        f"with replacing({str(tmp_path / 'a')!r}) as file:\n    file.write(b'half'); file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL if os.name != 'nt' else signal.SIGTERM)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    [left] = tmp_path.iterdir()
    assert is_leftover(left)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []
