"""Open a data set in whichever form it comes."""

from __future__ import annotations

from pathlib import Path

from fetalflex.anatomy.registry import Registry
from fetalflex.data.dataset import DatasetFolder
from fetalflex.data.records import Dataset


def open_dataset(path: Path | str, registry: Registry | None = None) -> Dataset:
    """Open a data set folder, a packed file, or WebDataset shards.

    Args:
        path: Folder with `annotations.json`, file that `pack` wrote, folder with `shards.json`, or a single shard.
        registry: Planes and structures that the annotations may name; the built-in ones by default.

    Raises:
        FetalFlexError: If it is none of these, or it is damaged.
    """
    path = Path(path)
    if (path.is_file() and path.suffix == ".tar") or (path / "shards.json").is_file():
        from fetalflex.data.shards import ShardedDataset

        return ShardedDataset(path, registry)
    if path.is_file():
        from fetalflex.data.packed import PackedDataset

        return PackedDataset(path, registry)
    return DatasetFolder(path, registry)
