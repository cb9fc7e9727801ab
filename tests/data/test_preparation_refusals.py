"""What of a source is refused while it is prepared, and with `strict` stops everything."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from preparation_helpers import add_rows, noise, prepare_table, refusals, row

from fetalflex.data.importers import ImportOptions
from fetalflex.errors import FetalFlexError

pytestmark = pytest.mark.usefixtures("quick")


def bomb(path: Path) -> None:
    """Write a small PNG whose header promises 30,000 x 30,000 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(100_000))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def truncated(path: Path) -> None:
    noise(path, 99)
    path.write_bytes(path.read_bytes()[:-200])


def duplicate(path: Path) -> None:
    with Image.open(path.parent / "00.png") as image:
        image.convert("RGB").save(path)


def link_outside(path: Path) -> None:
    path.symlink_to(noise(path.parent.parent / "secret.png", 98))


HOSTILE: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    "missing image": (lambda _: None, row("x.png"), "there is no image 'x.png'"),
    "empty file": (lambda path: path.write_bytes(b""), row("x.png"), "is an empty file"),
    "no image": (lambda path: path.write_text("hello"), row("x.png"), "is no readable image"),
    "damaged image": (truncated, row("x.png"), "x.png cannot be read"),
    "decompression bomb": (bomb, row("x.png"), "at most 64,000,000 are allowed|more than the 64,000,000 pixels"),
    "same picture": (duplicate, row("x.png"), "x.png: the image is the same picture as 00.png, pixel for pixel"),
    "path outside": (noise, row("../secret.png"), "leads out of its folder"),
    "absolute path": (noise, row("/etc/passwd"), "there is no image '/etc/passwd'"),
    "link outside": (link_outside, row("x.png"), "is a link that leads outside"),
    "unknown label": (noise, row("x.png", "fmur"), "unknown structure 'fmur'. Did you mean femur"),
    "other plane's label": (noise, row("x.png", "skull"), "skull is no structure of the plane femur"),
    "box outside": (noise, row("x.png", box="70,10,90,30"), "lies outside the image of 60 x 40"),
    "box inside out": (noise, row("x.png", box="50,10,10,30"), "must satisfy x0 < x1"),
    "no number": (noise, row("x.png", box="nan,10,10,30"), "x0 must be a number, got 'nan'"),
    "no annotation": (noise, "", "x.png: no usable annotation names this image"),
    "unknown plane": (noise, "x.png,femur,10,10,50,30,moon,,", "unknown plane 'moon'"),
    "unknown split": (noise, row("x.png", split="exam"), "split is 'exam'; it must be one of train"),
}


@pytest.mark.parametrize("kind", HOSTILE)
class TestRefusals:
    @pytest.fixture
    def hostile(self, source, kind):
        make, line, _ = HOSTILE[kind]
        if make is noise:
            noise(source / "x.png", 77)
        else:
            make(source / "x.png")
        add_rows(source, line)
        return source

    def test_only_the_bad_thing_is_left_out_and_the_reason_told(self, hostile, kind):
        report = prepare_table(hostile)
        assert report.taken == 12
        assert re.search(HOSTILE[kind][2], refusals(report)), refusals(report)
        assert str(hostile) not in refusals(report)
        written = (hostile.parent / "out" / "report.md").read_text()
        assert all(entry.reason in written for entry in report.refused)

    def test_strict_writes_nothing(self, hostile, kind):
        before = sorted(hostile.parent.iterdir())
        with pytest.raises(FetalFlexError, match="strict allows no refusal") as caught:
            prepare_table(hostile, strict=True)
        assert re.search(HOSTILE[kind][2], str(caught.value))
        assert sorted(hostile.parent.iterdir()) == before


class TestStrict:
    def test_a_sound_source_passes(self, source):
        assert prepare_table(source, strict=True).taken == 12

    def test_notes_are_no_refusals(self, source):
        noise(source / "x.png", 77)
        add_rows(source, row("x.png", box="-5,10,50,30"))
        (note,) = prepare_table(source, strict=True).notes
        assert note.where == "boxes.csv row 14"
        assert "sticks out of the image; 91% is kept" in note.reason

    def test_labels_ignored_on_request_are_counted_and_pass(self, source):
        add_rows(source, *[row(f"{n:02}.png", "callipers", patient=f"p{n // 2}") for n in range(7)])
        options = ImportOptions(label_map={"callipers": "ignore"})
        report = prepare_table(source, options=options, strict=True)
        assert report.left_out_on_request == {"callipers": 7}
        assert report.refused == []

    def test_the_message_stays_short(self, source):
        add_rows(source, *[row(f"x{number}.png") for number in range(100)])
        with pytest.raises(FetalFlexError, match=r"and 95 more$"):
            prepare_table(source, strict=True)
