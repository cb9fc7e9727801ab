from __future__ import annotations

import pytest

from fetalflex.data.paths import inside, safe_relative
from fetalflex.errors import FetalFlexError


@pytest.mark.parametrize(
    "text", ["", " ", ".", "/etc/passwd", "../a.png", "a/../../b.png", "C:\\a.png", "\\\\host\\share\\a", "a\0.png"]
)
def test_paths_that_leave_their_folder_are_refused(tmp_path, text):
    with pytest.raises(FetalFlexError):
        safe_relative(text)
    with pytest.raises(FetalFlexError):
        inside(tmp_path, text)


@pytest.mark.parametrize("text", ["\ud800.png", "x" * 5000 + ".png"])
def test_paths_that_no_disk_can_hold_are_refused(tmp_path, text):
    with pytest.raises(FetalFlexError, match="cannot be followed"):
        inside(tmp_path, text)


def test_backslashes_count_as_slashes(tmp_path):
    assert safe_relative("images\\a.png").as_posix() == "images/a.png"
    assert inside(tmp_path, "./images//a.png") == tmp_path / "images" / "a.png"


def test_links_may_point_inside_but_not_outside(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.png").write_bytes(b"x")
    (root / "a.png").write_bytes(b"x")
    (root / "good.png").symlink_to(root / "a.png")
    (root / "bad.png").symlink_to(tmp_path / "secret.png")
    (root / "up").symlink_to(tmp_path)
    assert inside(root, "good.png").exists()
    for name in ("bad.png", "up/secret.png"):
        with pytest.raises(FetalFlexError, match="leads outside root"):
            inside(root, name)
