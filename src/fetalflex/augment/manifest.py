"""The manifest: everything that the images of a set depend on, written first and compared when a run goes on."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fetalflex.anatomy import Registry
from fetalflex.augment.plan import Plan
from fetalflex.augment.planned import PlannedImage
from fetalflex.augment.shards import LARGEST_FILE, SHARD_FILE, SHARDS, forget_rounds
from fetalflex.data import Dataset
from fetalflex.data.fingerprint import records_fingerprint
from fetalflex.errors import FetalFlexError
from fetalflex.files import FolderKind, check_claimable, claim, write_text
from fetalflex.files.json_files import JsonObject, json_text, read_json

MANIFEST = "manifest.json"
MANIFEST_FORMAT, MANIFEST_VERSION = "fetalflex/augment-manifest", 1
_MAY_CHANGE = "versions"
_SHOWN = 5


def _is_set(folder: Path) -> set[str] | None:
    try:
        manifest = read_json(folder / MANIFEST, LARGEST_FILE)
    except FetalFlexError:
        return None
    return set() if isinstance(manifest, dict) and manifest.get("format") == MANIFEST_FORMAT else None


AUGMENTED_SET = FolderKind("augmented data set", written_before=_is_set)


def manifest_of(
    dataset: Dataset, plan: Plan, images: Sequence[PlannedImage], model: str, registry: Registry
) -> JsonObject:
    """Return the manifest, as JSON values.

    The plan stands there with each entry's `sampling` whole, as it follows from the entry and the plan together: what
    an entry leaves out and what it sets to the default are not the same.

    Args:
        dataset: Where sources come from.
        plan: The plan.
        images: What follows from it; their digest stands for planes, structures and anomalies as they are now.
        model: Identity of the model.
        registry: Planes and structures.
    """
    digest = hashlib.sha256()
    for candidate in (candidate for image in images for candidate in image.candidates):
        facts = candidate.facts(registry) | {"after": candidate.after.to_dict()}
        digest.update(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode())
    values = plan.model_dump(mode="json")
    for written, entry in zip(values["entries"], plan.entries, strict=True):
        written["sampling"] = plan.sampling_of(entry).model_dump(mode="json")
    return {
        "format": MANIFEST_FORMAT,
        "version": MANIFEST_VERSION,
        "model": model,
        "data_fingerprint": records_fingerprint(dataset),
        "samples_digest": digest.hexdigest()[:16],
        "plan": values,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("fetalflex", "torch", "diffusers", "numpy", "pillow")},
    }


def check_folder(root: Path, manifest: JsonObject) -> None:
    """Check that a set may be made, or gone on with, in a folder.

    Raises:
        FetalFlexError: If the folder holds other things, or a set that would be another one; what differs is named.
    """
    check_claimable(root, AUGMENTED_SET)
    if not _has_shards(root):  # a run without shards may be restarted with other settings
        return
    before = read_json(root / MANIFEST, LARGEST_FILE)
    changes = list(_changes(before, manifest))
    if changes:
        more = f" and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
        raise FetalFlexError(
            f"{root} holds another set ({'; '.join(changes[:_SHOWN])}{more}); give another folder, or undo the change "
            "to go on"
        )


def write_manifest(root: Path, manifest: JsonObject) -> None:
    """Write the manifest of a new set, and forget decisions on another one's images; a set that goes on stays."""
    if not _has_shards(root):
        claim(root, AUGMENTED_SET)
        forget_rounds(root)
        write_text(root / MANIFEST, json_text(manifest))


def _has_shards(root: Path) -> bool:
    return any((root / SHARDS).glob(f"*/{SHARD_FILE}"))


def _changes(before: object, now: JsonObject) -> Iterator[str]:
    old, new = dict(_flat(before)), dict(_flat(now))
    for name in dict.fromkeys((*old, *new)):
        if name.split(".")[0] != _MAY_CHANGE and old.get(name) != new.get(name):
            yield f"{name} was {old.get(name)!r}, now {new.get(name)!r}"


def _flat(value: object, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all values in nested mappings and lists, each with its path."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield name, value
        return
    for key, item in items:
        yield from _flat(item, f"{name}.{key}" if name else str(key))
