"""WebDataset: plain tar files, shards, in which files with one name but for the ending are one sample."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final

from fetalflex.data.exporters.base import ExportOptions, Item, split_name
from fetalflex.data.exporters.image_writer import Stems
from fetalflex.data.image_files import encode_png
from fetalflex.data.shards import SHARD_INDEX, index_of_shards, sample_json
from fetalflex.files.json_files import json_text
from fetalflex.provenance import SyntheticList, mark_of_fields

_FORMAT: Final = tarfile.PAX_FORMAT


class WebDatasetExporter:
    """Write `SPLIT-000000.tar`, `SPLIT-000001.tar` and so on, and an index, `shards.json`.

    A sample is `KEY.png` and `KEY.json`, which holds the layout and all else that is known of the image; nothing is
    lost. The index is one that WebDataset's indexed reader takes. The same records give the same bytes: members carry
    neither time nor owner. A synthetic image says so in both of its files.
    """

    name = "webdataset"
    reads_back = "Every command takes it in the place of a data set folder; `fetalflex.data.read_shards` streams it."

    def write(self, folder: Path, items: Iterable[Item], options: ExportOptions) -> list[str]:
        """Write records and images; see `Exporter.write`."""
        stems, listed = Stems(), SyntheticList()
        splits: dict[str, _Shards] = {}
        with ExitStack() as stack:
            for record, pixels in items:
                split = split_name(record)
                if split not in splits:
                    splits[split] = stack.enter_context(_Shards(folder, split, options))
                key = stems.give(record.file_name)
                mark = mark_of_fields(record.extra)
                if mark is not None:
                    listed.add(f"{key}.png", pixels, mark)
                png = encode_png(pixels, None if mark is None else mark.png_text())
                splits[split].add([(f"{key}.png", png), (f"{key}.json", sample_json(record))])
        listed.write(folder)
        written = [shard for split in sorted(splits) for shard in splits[split].written]
        (folder / SHARD_INDEX).write_text(json_text(index_of_shards(folder, written)), encoding="utf-8", newline="\n")
        return []


class _Shards:
    """Write the shards of one split one after the other; close the last by `with`.

    Attributes:
        written: File name and number of samples of each shard.
    """

    def __init__(self, folder: Path, split: str, options: ExportOptions) -> None:
        self._folder = folder
        self._split = split
        self._options = options
        self._archive: tarfile.TarFile | None = None
        self._bytes = 0
        self.written: list[tuple[str, int]] = []

    def __enter__(self) -> _Shards:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    def add(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Write the files of one sample, (name, content), next to each other."""
        members = [(_member(name, len(content)), content) for name, content in files]
        size = sum(_size_in_archive(member) for member, _ in members)
        archive = self._archive
        if archive is None or self._is_full(size):
            archive = self._open_next()
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
        self._bytes += size
        name, samples = self.written[-1]
        self.written[-1] = (name, samples + 1)

    def _is_full(self, more: int) -> bool:
        size = _rounded_up(self._bytes + more, tarfile.RECORDSIZE)
        return self.written[-1][1] >= self._options.shard_images or size > self._options.shard_bytes

    def _open_next(self) -> tarfile.TarFile:
        self._close()
        name = f"{self._split}-{len(self.written):06d}.tar"
        self._archive = tarfile.open(self._folder / name, "x:", format=_FORMAT)  # noqa: SIM115
        self._bytes = 2 * tarfile.BLOCKSIZE  # the end of the archive
        self.written.append((name, 0))
        return self._archive

    def _close(self) -> None:
        if self._archive is not None:
            self._archive.close()
            self._archive = None


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def _size_in_archive(member: tarfile.TarInfo) -> int:
    return len(member.tobuf(_FORMAT)) + _rounded_up(member.size, tarfile.BLOCKSIZE)


def _rounded_up(size: int, unit: int) -> int:
    return -(-size // unit) * unit
