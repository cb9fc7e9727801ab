"""WebDataset shards as a data set: read where they lie, never unpacked.

A shard is a plain tar file, in which `KEY.png` and `KEY.json` with one key follow each other. The JSON holds the layout
and, as `record`, what else is known of the image, as in an entry of COCO's `images`. Beside the shards lies an index,
`shards.json`. None of it is trusted: names in a shard are labels, not paths, and sizes are checked before reading.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy.layout import Layout
from fetalflex.anatomy.registry import Registry, default_registry
from fetalflex.checks import mapping_with_keys, shown, whole_number
from fetalflex.data.coco_records import image_entry, record_of_entry
from fetalflex.data.image_files import decode_image
from fetalflex.data.paths import inside
from fetalflex.data.records import Dataset, Record, check_size
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject, json_text, parse_json, read_json, tagged_with
from fetalflex.provenance import SyntheticMark, mark_in_bytes

SHARD_INDEX = "shards.json"
SAMPLE_FORMAT, SAMPLE_VERSION = "fetalflex/sample", 1
MAX_IMAGE_BYTES = 512 * 2**20
MAX_JSON_BYTES = 10_000_000
_LAYOUT_FIELDS = ("plane", "width", "height", "pixel_spacing_mm")
_LARGEST_COUNT = 2**53


def sample_json(record: Record) -> bytes:
    """Return the content of a sample's JSON file."""
    fields = {key: value for key, value in image_entry(record).items() if key not in _LAYOUT_FIELDS}
    sample = {
        "format": SAMPLE_FORMAT,
        "version": SAMPLE_VERSION,
        "record": fields,
        "layout": record.layout.to_dict(),
    }
    return json_text(sample).encode()


def index_of_shards(folder: Path, shards: Sequence[tuple[str, int]]) -> JsonObject:
    """Return the content of `shards.json`, which WebDataset's indexed reader takes too.

    Args:
        folder: Folder of the shards.
        shards: File name and number of samples of each shard.
    """
    entries = [
        {"url": name, "nsamples": samples, "filesize": (folder / name).stat().st_size} for name, samples in shards
    ]
    return {"__kind__": "wids-shard-index-v1", "wids_version": 1, "shardlist": entries}


class ShardedDataset(Dataset):
    """Open shards; images are read from them when they are asked for.

    Args:
        path: Folder with `shards.json`, or a single shard.
        registry: Planes and structures that the layouts may name; the built-in ones by default.

    Raises:
        FetalFlexError: If there are no shards, or one is damaged or does not hold what the index says.
    """

    def __init__(self, path: Path | str, registry: Registry | None = None) -> None:
        self.path = path = Path(path)
        self._places: dict[str, _Place] = {}
        records = []
        for place, record in _records(path, registry or default_registry()):
            self._places[record.file_name] = place
            records.append(record)
        super().__init__(records)

    def image(self, record: Record) -> NDArray[np.uint8]:
        """Return the image of a record as grey, `(H, W) uint8`.

        Raises:
            FetalFlexError: If the record is none of these shards'.
        """
        place = self._places.get(record.file_name)
        if place is None:
            raise FetalFlexError(f"{self.path} holds no image {record.file_name}")
        return _image(place, record)

    def mark(self, record: Record) -> SyntheticMark | None:
        """Return what says that an image is synthetic: its record, or its file; None if nothing does."""
        place = self._places.get(record.file_name)
        return super().mark(record) or (None if place is None else mark_in_bytes(_encoded(place)))


def read_shards(path: Path, registry: Registry | None = None) -> Iterator[tuple[Record, NDArray[np.uint8]]]:
    """Yield the records of shards, each with its image, `(H, W) uint8`, one by one from beginning to end.

    Args:
        path: Folder with `shards.json`, or a single shard.
        registry: Planes and structures that the layouts may name; the built-in ones by default.

    Raises:
        FetalFlexError: As `ShardedDataset`, but only when the reading gets there.
    """
    for place, record in _records(path, registry or default_registry()):
        yield record, _image(place, record)


@dataclass(frozen=True)
class _Place:
    """Where the image of a sample lies: its shard, its key, offset and size in bytes."""

    shard: Path
    key: str
    offset: int
    size: int

    @property
    def name(self) -> str:
        return f"{self.shard.name}: {self.key}"


def _records(path: Path, registry: Registry) -> Iterator[tuple[_Place, Record]]:
    names: set[str] = set()
    for shard, expected in _shards(path):
        count = 0
        for place, text in _samples(shard):
            count += 1
            record = _record(text, registry, f"{place.name}.json")
            if record.file_name in names:
                raise FetalFlexError(f"{place.name}: the file name {record.file_name} is used twice")
            names.add(record.file_name)
            yield place, record
        if expected not in (None, count):
            raise FetalFlexError(f"{shard} holds {count} samples, but {SHARD_INDEX} says {expected}; copy it again")


def _shards(path: Path) -> list[tuple[Path, int | None]]:
    """Return the shards and how many samples each should hold, None if nothing says so."""
    if path.is_file():
        return [(path, None)]
    index = path / SHARD_INDEX
    if not index.is_file():
        raise FetalFlexError(f"{path} has no {SHARD_INDEX}; give a folder that has, or a single shard")
    content = read_json(index)
    entries = content.get("shardlist") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise FetalFlexError(f"{index}: shardlist is {shown(entries)}; it must be a list of shards")
    return [_indexed_shard(path, entry, f"{index}: shardlist[{number}]") for number, entry in enumerate(entries)]


def _indexed_shard(folder: Path, entry: object, place: str) -> tuple[Path, int]:
    if not isinstance(entry, dict) or not isinstance(entry.get("url"), str):
        raise FetalFlexError(f"{place} has no url")
    shard = inside(folder, entry["url"])
    if not shard.is_file():
        raise FetalFlexError(f"{place}: there is no shard {entry['url']}")
    return shard, whole_number(entry.get("nsamples"), f"{place}: nsamples", 0, _LARGEST_COUNT)


def _record(text: bytes, registry: Registry, name: str) -> Record:
    content = tagged_with(parse_json(text, name), SAMPLE_FORMAT, SAMPLE_VERSION, name)
    mapping_with_keys(content, name, ("record", "layout"))
    fields = content["record"]
    if not isinstance(fields, Mapping):
        raise FetalFlexError(f"{name}: record is {shown(fields)}; it must be an object")
    try:
        layout = Layout.from_dict(content["layout"])
        layout.validate(registry, strict=False)
    except FetalFlexError as error:
        raise FetalFlexError(f"{name}: {error}") from error
    entry = {**fields, **{key: getattr(layout, key) for key in _LAYOUT_FIELDS}}
    return record_of_entry(entry, layout.structures, registry, name)


def _image(place: _Place, record: Record) -> NDArray[np.uint8]:
    name = f"{place.name}.png"
    return check_size(decode_image(_encoded(place), name), record, name)


def _encoded(place: _Place) -> bytes:
    """Return the content of a sample's image file."""
    try:
        with _BoundedFile(io.FileIO(place.shard)) as file:
            return _content(file, place.offset, place.size, f"{place.name}.png")
    except OSError as error:
        raise FetalFlexError(f"{place.shard} cannot be read: {error.strerror or error}") from error


def _samples(shard: Path) -> Iterator[tuple[_Place, bytes]]:
    """Yield the samples of a shard in order, each with its JSON."""
    try:
        with _BoundedFile(io.FileIO(shard)) as file:
            key: str | None = None
            parts: dict[str, tarfile.TarInfo] = {}
            for member in _members(file, shard):
                member_key, ending = _divided(member.name, shard)
                if member_key != key and key is not None:
                    yield _sample(file, shard, key, parts)
                    parts = {}
                key = member_key
                if ending in parts:
                    raise FetalFlexError(f"{shard.name}: {key}.{ending} is there twice")
                parts[ending] = member
            if key is not None:
                yield _sample(file, shard, key, parts)
    except OSError as error:
        raise FetalFlexError(f"{shard} cannot be read: {error.strerror or error}") from error


def _divided(name: str, shard: Path) -> tuple[str, str]:
    """Return key and ending of a member: what stands before and after the first dot of its bare name."""
    path = PurePosixPath(name)
    stem, _, ending = path.name.partition(".")
    if not stem or not ending:
        raise FetalFlexError(
            f"{shard.name}: {shown(name)} is no file of a sample; those are called KEY.png and KEY.json"
        )
    return str(path.with_name(stem)), ending.lower()


def _sample(file: _BoundedFile, shard: Path, key: str, parts: Mapping[str, tarfile.TarInfo]) -> tuple[_Place, bytes]:
    for ending, limit in (("png", MAX_IMAGE_BYTES), ("json", MAX_JSON_BYTES)):
        if ending not in parts:
            raise FetalFlexError(f"{shard.name}: the sample {shown(key)} has no {ending} file beside its others")
        if parts[ending].size > limit:
            raise FetalFlexError(
                f"{shard.name}: {key}.{ending} has {parts[ending].size:,} bytes; at most {limit:,} are read"
            )
    image, text = parts["png"], parts["json"]
    content = _content(file, text.offset_data, text.size, f"{shard.name}: {key}.json")
    return _Place(shard, key, image.offset_data, image.size), content


def _content(file: _BoundedFile, offset: int, size: int, name: str) -> bytes:
    file.seek(offset)
    content = file.read(size)
    if len(content) != size:
        raise FetalFlexError(f"{name} is cut off; copy its shard again")
    return content


def _members(file: _BoundedFile, shard: Path) -> Iterator[tarfile.TarInfo]:
    """Yield the files in a tar archive up to its proper end; folders are passed over."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    raise FetalFlexError(f"{shard.name}: {shown(member.name)} is no plain file but a link or the like")
                yield member
            end = archive.offset
        if not _is_zero_from(file, end):
            raise FetalFlexError(f"{shard} is damaged: the archive breaks off after {end:,} bytes; copy it again")
    except (FetalFlexError, OSError):
        raise
    except Exception as error:  # the reader fails in many ways on damaged files
        raise FetalFlexError(f"{shard} is no readable shard: {error or type(error).__name__}") from error


def _is_zero_from(file: _BoundedFile, offset: int) -> bool:
    """Tell whether a tar archive ends as it should: in a block of zeros, and nothing but zeros after it."""
    file.seek(offset)
    first = file.read(tarfile.BLOCKSIZE)
    rest = iter(lambda: file.read(2**20), b"")
    return len(first) == tarfile.BLOCKSIZE and not any(chunk.strip(b"\0") for chunk in (first, *rest))


class _BoundedFile(io.BufferedReader):
    """Refuse to read more at once than any part of a sound shard has, whatever size its headers claim."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= MAX_IMAGE_BYTES:
            raise tarfile.ReadError(f"a part of it claims {size} bytes")
        return super().read(size)
