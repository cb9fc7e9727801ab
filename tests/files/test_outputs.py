from __future__ import annotations

from pathlib import Path

import pytest

from fetalflex.errors import FetalFlexError
from fetalflex.files import check_outputs


class TestCheckOutputs:
    def test_new_files_are_fine(self, tmp_path: Path) -> None:
        check_outputs([tmp_path / "a.png", tmp_path / "new" / "b.png"], [tmp_path / "c.png"], force=False)

    def test_a_file_that_is_there_is_replaced_by_force_alone(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"mine")
        with pytest.raises(FetalFlexError, match="already there"):
            check_outputs([tmp_path / "a.png"], [], force=False)
        check_outputs([tmp_path / "a.png"], [], force=True)

    def test_a_link_to_nothing_is_there(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").symlink_to(tmp_path / "on another disk.png")
        with pytest.raises(FetalFlexError, match="already there"):
            check_outputs([tmp_path / "a.png"], [], force=False)

    @pytest.mark.parametrize("force", [False, True])
    def test_what_is_read_is_never_replaced_by_whatever_name(self, tmp_path: Path, force: bool) -> None:
        (tmp_path / "a.png").write_bytes(b"mine")
        (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
        for out in (tmp_path / "a.png", tmp_path / "link.png", tmp_path / "x" / ".." / "a.png"):
            with pytest.raises(FetalFlexError, match="read by this command"):
                check_outputs([out], [tmp_path / "a.png"], force)

    def test_two_outputs_must_not_be_one_file_nor_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(FetalFlexError, match="written twice"):
            check_outputs([tmp_path / "a.png", tmp_path / "." / "a.png"], [], force=True)
        with pytest.raises(FetalFlexError, match="is a folder"):
            check_outputs([tmp_path], [], force=True)
