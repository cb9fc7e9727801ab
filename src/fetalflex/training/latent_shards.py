"""Files of cached latents: which samples share one, how it is named by its content, written and read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fetalflex.files import replacing_file
from fetalflex.training.images import TrainingView

RECORDS_PER_SHARD = 32

ShardContent = tuple[dict[str, Tensor], list[str]]
"""Tensors by name, and the prompts of the variants."""


def in_shards(samples: list[TrainingView]) -> Iterator[list[TrainingView]]:
    """Return the samples in parts of one view each, so that shards are found again whatever other views are used."""
    for _, group in groupby(samples, key=lambda sample: sample.view):
        of_view = list(group)
        for start in range(0, len(of_view), RECORDS_PER_SHARD):
            yield of_view[start : start + RECORDS_PER_SHARD]


@dataclass(frozen=True)
class ShardFiles:
    """Where the files of shards lie.

    Args:
        folder: Of the cache.
        kinds: Which files a shard has: `image`, `conditions`, `structures`.
        common_key: What the keys of all shards share.
        code_key: What those of conditions share beyond that: how names are shown.
    """

    folder: Path
    kinds: tuple[str, ...]
    common_key: str
    code_key: str

    def paths(self, samples: Sequence[TrainingView], images: Sequence[NDArray[np.uint8]]) -> dict[str, Path]:
        """Return the files of a shard by kind; their names follow from the content.

        Args:
            samples: Views of images.
            images: Their pixels.
        """
        digest = hashlib.sha256(self.common_key.encode())
        for sample, image in zip(samples, images, strict=True):
            digest.update(sample.layout.to_json().encode() + repr(image.shape).encode() + image.tobytes())
            if sample.kept_back or sample.prompt is not None:
                digest.update(json.dumps([sorted(sample.kept_back), sample.prompt]).encode())
        key = digest.hexdigest()[:32]
        with_code = hashlib.sha256((key + self.code_key).encode()).hexdigest()[:32]
        keys = {kind: with_code if kind == "conditions" else key for kind in self.kinds}
        return {kind: self.folder / f"{keys[kind]}.{kind}.safetensors" for kind in self.kinds}


def write_shard(path: Path, tensors: dict[str, Tensor], prompts: list[str]) -> None:
    """Write a shard, wholly or not at all, with its name and digest."""
    metadata = {"name": path.name, "prompts": json.dumps(prompts), "sha256": _digest(tensors, prompts)}
    with replacing_file(path) as partial:
        save_file(tensors, partial, metadata)


def read_shard(path: Path) -> ShardContent | None:
    """Return a shard's tensors and prompts, or None if it is absent, cut short or damaged."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as handle:
            metadata = handle.metadata() or {}
            tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 - not a mapping
        prompts = json.loads(metadata["prompts"])
        if metadata["name"] != path.name or metadata["sha256"] != _digest(tensors, prompts):
            return None
        return tensors, prompts
    except (SafetensorError, OSError, LookupError, ValueError, TypeError, RecursionError):
        return None


def _digest(tensors: dict[str, Tensor], prompts: list[str]) -> str:
    digest = hashlib.sha256(json.dumps(prompts).encode())
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].contiguous().numpy().tobytes())
    return digest.hexdigest()
