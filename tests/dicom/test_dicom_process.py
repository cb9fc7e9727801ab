"""The process that reads DICOM files: kept, limited, replaced, and never fooled by hostile files."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import warnings
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import DeflatedExplicitVRLittleEndian

from dicom_files import PRIVATE, dataset_of, noise, save, shipped, write_dicom
from fetalflex.data.image_files import read_image
from fetalflex.dicom import DicomReading, child, dicom_picture, serving
from fetalflex.errors import FetalFlexError

SLOW = "RG1_J2KR.dcm"  # takes more than a second to decode
_HEAD_BYTES = 600
_SALT = b"salt"


@pytest.fixture
def fresh() -> Iterator[None]:
    """Let the test start a process of its own, and the next test another."""
    child.end()
    yield
    child.end()


def process_id() -> int:
    assert child._reader is not None
    return child._reader._process.pid


def test_one_process_reads_many_files(tmp_path: Path, fresh: None) -> None:
    ids = set()
    for number in range(20):
        path = write_dicom(tmp_path / f"{number}.dcm", noise(8, 9, seed=number))
        np.testing.assert_array_equal(read_image(path), noise(8, 9, seed=number))
        ids.add(process_id())
    assert len(ids) == 1


def test_a_file_that_changes_is_read_anew(tmp_path: Path) -> None:
    for seed in range(3):
        path = write_dicom(tmp_path / "a.dcm", noise(8, 9, seed=seed))
        np.testing.assert_array_equal(read_image(path), noise(8, 9, seed=seed))


def test_a_process_that_was_killed_is_replaced(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", noise(8, 9))
    read_image(path)
    before = process_id()
    os.kill(before, signal.SIGKILL)
    assert child._reader is not None
    child._reader._process.wait()
    np.testing.assert_array_equal(read_image(path), noise(8, 9))
    assert process_id() != before


def test_a_process_that_dies_over_a_file_is_replaced_too(tmp_path: Path, fresh: None) -> None:
    path = write_dicom(tmp_path / "a.dcm", noise(8, 9))
    read_image(path)
    timer = threading.Timer(0.1, os.kill, (process_id(), signal.SIGKILL))
    timer.start()
    with pytest.raises(FetalFlexError, match=rf"{SLOW} cannot be read: it is damaged, and its decoder broke down"):
        read_image(shipped(SLOW))
    timer.join()
    np.testing.assert_array_equal(read_image(path), noise(8, 9))


def test_time_is_limited(monkeypatch: pytest.MonkeyPatch, fresh: None) -> None:
    read_image(shipped("MR_small.dcm"))
    monkeypatch.setattr(child, "SECONDS", 0.05)
    with pytest.raises(FetalFlexError, match=rf"{SLOW} cannot be read: it takes more than 0\.05 seconds"):
        read_image(shipped(SLOW))
    monkeypatch.setattr(child, "SECONDS", 60.0)
    assert read_image(shipped("MR_small.dcm")).any()


def test_an_interrupt_leaves_no_answer_behind(tmp_path: Path, fresh: None) -> None:
    path = write_dicom(tmp_path / "a.dcm", noise(8, 9))
    read_image(path)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            read_image(shipped(SLOW))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    np.testing.assert_array_equal(read_image(path), noise(8, 9))


def test_threads_get_their_own_pictures(tmp_path: Path) -> None:
    paths = [write_dicom(tmp_path / f"{number}.dcm", noise(8, 9, seed=number)) for number in range(8)]
    with ThreadPoolExecutor(4) as threads:
        for number, pixels in enumerate(threads.map(read_image, paths * 3)):
            np.testing.assert_array_equal(pixels, noise(8, 9, seed=number % 8))


def test_a_forked_program_has_a_process_of_its_own(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", noise(8, 9))
    read_image(path)
    before = process_id()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        forked = os.fork()
    if forked == 0:
        status = 1
        try:
            status = int(not (np.array_equal(read_image(path), noise(8, 9)) and process_id() != before))
            child.end()
        finally:
            os._exit(status)
    assert os.waitpid(forked, 0)[1] == 0
    np.testing.assert_array_equal(read_image(path), noise(8, 9))
    assert process_id() == before


class TestHostileFiles:
    """Each gives one clear error, and the next file is read as if nothing had been."""

    @pytest.fixture(autouse=True)
    def unharmed(self, tmp_path: Path) -> Iterator[None]:
        yield
        np.testing.assert_array_equal(read_image(write_dicom(tmp_path / "good.dcm", noise(8, 9))), noise(8, 9))

    @pytest.mark.usefixtures("fresh")
    def test_a_deflate_bomb(self, tmp_path, monkeypatch):
        monkeypatch.setattr(child, "MEMORY_BYTES", 700 * 2**20)
        path = save(dataset_of(noise(8, 9)), tmp_path / "a.dcm", DeflatedExplicitVRLittleEndian)
        data = path.read_bytes()
        start = next(place for place in range(132, len(data)) if is_deflated(data[place:]))
        content = zlib.decompress(data[start:], -15)
        packer = zlib.compressobj(1, wbits=-15)
        bomb = packer.compress(content)
        for _ in range(8):
            bomb += packer.compress(bytes(2**26))
        path.write_bytes(data[:start] + bomb + packer.flush())
        assert path.stat().st_size < 10 * 2**20
        with pytest.raises(FetalFlexError, match=r"a\.dcm cannot be read: it needs more memory than is allowed"):
            read_image(path)

    def test_sequences_that_are_nested_without_end(self, tmp_path):
        level = b"\x18\x00\x11\x60SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
        data = write_dicom(tmp_path / "a.dcm", noise(8, 9)).read_bytes()
        place = data.index(b"\x28\x00\x02\x00US")
        (tmp_path / "b.dcm").write_bytes(data[:place] + level * 20000 + data[place:])
        with pytest.raises(FetalFlexError, match=r"b\.dcm (cannot be read|is no readable DICOM image)"):
            read_image(tmp_path / "b.dcm")

    @pytest.mark.parametrize("length", [0xFFFFFFFF, 0xFFFFFFF0, 0x7FFFFFFF])
    def test_lengths_beyond_the_end(self, tmp_path, length):
        data = write_dicom(tmp_path / "a.dcm", noise(8, 9)).read_bytes()
        place = data.rindex(b"\xe0\x7f\x10\x00OB\0\0") + 8
        (tmp_path / "b.dcm").write_bytes(data[:place] + length.to_bytes(4, "little") + data[place + 4 :])
        with pytest.raises(FetalFlexError, match=r"b\.dcm "):
            read_image(tmp_path / "b.dcm")

    def test_more_frames_than_pixels(self, tmp_path):
        path = write_dicom(tmp_path / "a.dcm", noise(2, 8, 9), NumberOfFrames=1000)
        with pytest.raises(FetalFlexError, match=r"a\.dcm cannot be read: it is damaged"):
            read_image(path, dicom=DicomReading(900))
        path = write_dicom(tmp_path / "a.dcm", noise(2, 8, 9), NumberOfFrames=10**9)
        with pytest.raises(FetalFlexError, match=r"has 1,000,000,000 as NumberOfFrames; 1 to 100,000 are read"):
            read_image(path, dicom=DicomReading(1))

    @pytest.mark.parametrize(
        "content", [b"x", b"\0" * 5000, bytes(128) + b"DICM", bytes(128) + b"DICM" + b"\xff" * 500]
    )
    def test_no_dicom_at_all(self, tmp_path, content):
        (tmp_path / "a.dcm").write_bytes(content)
        with pytest.raises(FetalFlexError, match=r"a\.dcm (is no readable DICOM image|cannot be read)"):
            read_image(tmp_path / "a.dcm")

    def test_too_many_bytes(self, tmp_path):
        with (tmp_path / "a.dcm").open("wb") as file:
            file.truncate(2**30)
        with pytest.raises(
            FetalFlexError, match=r"a\.dcm has 1,073,741,824 bytes; of a DICOM file at most 536,870,912"
        ):
            read_image(tmp_path / "a.dcm")


def is_deflated(data: bytes) -> bool:
    try:
        return b"ORIGINAL" in zlib.decompressobj(-15).decompress(data)
    except zlib.error:
        return False


@pytest.fixture(scope="module")
def desk() -> serving._Desk:
    return serving._Desk(_SALT)


def seeds() -> list[bytes]:
    names = (
        "MR_small_RLE",
        "MR_small_jpeg_ls_lossless",
        "SC_rgb_jpeg_dcmtk",
        "MR_small_jp2klossless",
        "SC_rgb_small_odd",
    )
    return [shipped(f"{name}.dcm").read_bytes() for name in names]


SEEDS = seeds()


@given(data=st.data(), number=st.integers(0, len(SEEDS) - 1))
def test_damaged_files_give_a_picture_or_a_refusal(data: st.DataObject, number: int) -> None:
    content = bytearray(SEEDS[number])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, min(len(content) - 1, data.draw(st.sampled_from([_HEAD_BYTES, 10**9])))))
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    file = io.BytesIO(bytes(content[:cut]))
    told = ""
    try:
        picture = dicom_picture(file, "file", DicomReading(1, colour_doppler=True), 10**6, 10**6)
    except FetalFlexError as error:
        told = str(error)
    if told:
        assert told.startswith("file ")
        assert "more than 60 seconds" not in told
    else:
        assert picture.width * picture.height <= 10**6


@given(data=st.data())
def test_no_message_holds_what_a_header_holds(desk: serving._Desk, data: st.DataObject) -> None:
    made = dataset_of(noise(8, 9), LastMenstrualDate="20240131")
    stream = io.BytesIO()
    made.save_as(stream, implicit_vr=False, little_endian=True)
    content = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer, _ = desk.answer({"want": "facts"}, bytes(content))
    told = str(answer)
    assert not [text for text in PRIVATE if text in told]


def test_the_process_ends_with_the_program() -> None:
    code = (
        "from fetalflex.dicom import child, dicom_facts\nfrom pathlib import Path\n"
        f"dicom_facts(Path({str(shipped('MR_small.dcm'))!r}), 'a')\nprint(child._reader._process.pid)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    for _ in range(100):
        try:
            os.kill(int(done.stdout), 0)
        except ProcessLookupError:
            return
        threading.Event().wait(0.05)
    pytest.fail("the process is still there")
