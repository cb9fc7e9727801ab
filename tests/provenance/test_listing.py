from __future__ import annotations

import json
import time

import pytest
from pictures import MARK, scan

from fetalflex.errors import FetalFlexError
from fetalflex.provenance import SYNTHETIC_LIST, KnownSynthetic, SyntheticList, append_to_list, listing


class TestFiles:
    def test_without_synthetic_images_there_is_no_list(self, tmp_path):
        SyntheticList().write(tmp_path)
        assert not (tmp_path / SYNTHETIC_LIST).exists()

    def test_appending_adds_nothing_twice(self, tmp_path):
        (tmp_path / "out").mkdir()
        for _ in range(2):
            for number in range(3):
                append_to_list(tmp_path / "out" / f"{number}.png", scan(number), MARK)
        lines = (tmp_path / "out" / SYNTHETIC_LIST).read_text().splitlines()
        assert len(lines) == 4
        assert "synthetic" in json.loads(lines[0])["about"]
        assert [json.loads(line)["file"] for line in lines[1:]] == ["0.png", "1.png", "2.png"]

    def test_a_line_that_was_cut_off_costs_itself_alone(self, tmp_path):
        for number in range(2):
            append_to_list(tmp_path / f"{number}.png", scan(number), MARK)
        path = tmp_path / SYNTHETIC_LIST
        path.write_bytes(path.read_bytes()[:-100])
        append_to_list(tmp_path / "2.png", scan(2), MARK)
        known = KnownSynthetic(tmp_path)
        assert [known.find(tmp_path / "x.png", scan(number)) is not None for number in range(3)] == [True, False, True]

    @pytest.mark.parametrize(
        "line",
        [
            "not json",
            "[]",
            "{}",
            "[" * 5000,
            '{"pixels": "a", "look": "zz", "width": 1, "height": 1}',
            '{"pixels": "a", "look": "", "width": 1, "height": 0}',
            '{"pixels": "a", "look": "00", "width": 1e400, "height": 1}',
            '{"pixels": "a", "look": null, "width": "x", "height": 1}',
            "\ud800",
        ],
    )
    def test_lines_of_strangers_do_no_harm(self, tmp_path, line):
        folder, path = tmp_path, tmp_path / SYNTHETIC_LIST
        append_to_list(folder / "3.png", scan(3), MARK)
        path.write_bytes(line.encode("utf-8", "surrogatepass") + b"\n" + path.read_bytes())
        assert KnownSynthetic(folder).find(folder / "x.png", scan(3)) is not None
        path.write_bytes(line.encode("utf-8", "surrogatepass"))
        assert KnownSynthetic(folder).find(folder / "x.png", scan(3)) is None

    def test_a_file_of_somebody_else_under_its_name_stays_as_it_is(self, tmp_path):
        path = tmp_path / SYNTHETIC_LIST
        for content in (b'{"text": "a caption"}\n', b"\n\n", b"mine", b"\x89PNG", b"[1]\n"):
            path.write_bytes(content)
            with pytest.raises(FetalFlexError, match="not the list of synthetic images"):
                append_to_list(tmp_path / "a.png", scan(0), MARK)
            assert path.read_bytes() == content

    @pytest.mark.parametrize("kept", [0, 1, 20, 200, 230])
    def test_a_list_whose_beginning_was_cut_off_goes_on(self, tmp_path, kept):
        append_to_list(tmp_path / "a.png", scan(0), MARK)
        path = tmp_path / SYNTHETIC_LIST
        path.write_bytes(path.read_bytes()[:kept])
        append_to_list(tmp_path / "b.png", scan(1), MARK)
        append_to_list(tmp_path / "c.png", scan(2), MARK)
        known = KnownSynthetic(tmp_path)
        assert [known.find(tmp_path / "x.png", scan(number)) is not None for number in range(3)] == [False, True, True]

    def test_lines_of_other_processes_and_new_files_are_seen(self, tmp_path):
        path = tmp_path / SYNTHETIC_LIST
        append_to_list(tmp_path / "a.png", scan(0), MARK)
        other = listing.list_line("b.png", scan(1), MARK)
        with path.open("a") as file:
            file.write(other)
        append_to_list(tmp_path / "b.png", scan(1), MARK)
        assert path.read_text().count(other) == 1
        path.unlink()
        append_to_list(tmp_path / "a.png", scan(0), MARK)
        assert len(path.read_text().splitlines()) == 2

    def test_what_was_read_once_is_not_read_again(self, tmp_path):
        append_to_list(tmp_path / "a.png", scan(0, 40, 40), MARK)
        append_to_list(tmp_path / "b.png", scan(1, 40, 40), MARK)
        path = tmp_path / SYNTHETIC_LIST
        changed = path.read_bytes().replace(b'"a.png"', b'"x.png"')
        path.write_bytes(changed)  # the same file, and not shorter
        append_to_list(tmp_path / "a.png", scan(0, 40, 40), MARK)
        assert path.read_bytes() == changed

    def test_a_list_that_is_too_large_to_be_read_is_told(self, tmp_path, monkeypatch):
        append_to_list(tmp_path / "a.png", scan(0), MARK)
        monkeypatch.setattr(listing, "_MOST_BYTES", 1000)
        with pytest.raises(FetalFlexError, match="not told which images are synthetic"):
            KnownSynthetic(tmp_path).find(tmp_path / "x.png", scan(0))
        (tmp_path / SYNTHETIC_LIST).write_bytes(b"x" * 5000)
        assert KnownSynthetic(tmp_path).find(tmp_path / "x.png", scan(0)) is None

    def test_a_file_of_damaged_lines_is_not_read_to_its_end(self, tmp_path):
        path = tmp_path / SYNTHETIC_LIST
        path.write_bytes(b'{"a": 1}\n' * 3_000_000)
        started = time.process_time()
        assert KnownSynthetic(tmp_path).find(tmp_path / "x.png", scan(0)) is None
        assert time.process_time() - started < 1
        path.write_bytes(listing.header_line().encode() + b'{"a": 1}\n' * 2000)
        with pytest.raises(FetalFlexError, match="damaged lines"):
            KnownSynthetic(tmp_path).find(tmp_path / "x.png", scan(0))
