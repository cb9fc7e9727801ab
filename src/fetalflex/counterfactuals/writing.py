"""Write a pair as a folder of files that say what they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from fetalflex.anatomy import Registry, default_registry
from fetalflex.counterfactuals.difference import draw_difference
from fetalflex.counterfactuals.pair import CounterfactualPair
from fetalflex.data import write_png
from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.adherence.demands import judge_demands
from fetalflex.files import FolderKind, new_folder, write_bytes, write_text
from fetalflex.files.json_files import JsonObject, read_json
from fetalflex.pipeline.synthesis import NOTICE, picture_metadata
from fetalflex.provenance import SYNTHETIC_LIST

PAIR = "pair.json"
"""What tells a folder of a pair."""

_FILES = {
    "normal": "normal.png",
    "normal_layout": "normal.layout.json",
    "abnormal": "abnormal.png",
    "abnormal_layout": "abnormal.layout.json",
    "recipe": "anomaly.recipe.json",
    "may_differ": "may-differ.png",
    "difference": "difference.safetensors",
    "difference_picture": "difference.png",
    "synthetic_list": SYNTHETIC_LIST,
}


def _pair_names(folder: Path) -> set[str] | None:
    try:
        found = read_json(folder / PAIR)
    except FetalFlexError:
        return None
    if not isinstance(found, dict) or found.get("format") != "fetalflex/counterfactual":
        return None
    return {PAIR, "sheet.png", "synthetic.jsonl", *_FILES.values()}


PAIR_FOLDER = FolderKind("counterfactual pair", written_before=_pair_names)


def save_pair(
    pair: CounterfactualPair,
    folder: Path | str,
    source: str | None = None,
    force: bool = False,
    registry: Registry | None = None,
    source_is_synthetic: bool = False,
) -> None:
    """Write a pair into a new folder, wholly or not at all; see `write_pair`.

    Args:
        pair: What to write.
        folder: Folder to make.
        source: What the source image is called.
        force: Replace a folder that holds a pair.
        registry: Planes and structures; the built-in ones by default.
        source_is_synthetic: The source is no real image.

    Raises:
        FetalFlexError: If something else is in the way.
    """
    with new_folder(Path(folder), PAIR_FOLDER, force) as partial:
        write_pair(pair, partial, source, registry, source_is_synthetic)


def write_pair(
    pair: CounterfactualPair,
    folder: Path,
    source: str | None = None,
    registry: Registry | None = None,
    source_is_synthetic: bool = False,
) -> JsonObject:
    """Write a pair into an empty folder.

    Both syntheses are written with their layouts, beside them the recipe of the anomaly, the mask of where they may
    differ (white), the signed difference (abnormal minus normal, int16, exact; and a picture of it) and `pair.json`,
    which also says what is seen of what the anomaly demands.

    Returns:
        What `pair.json` holds.
    """
    story = _story(pair, source)
    if source_is_synthetic:
        story["source_synthetic"] = True
    findings = judge_demands(pair.abnormal.image, pair.variant, registry or default_registry())
    story["demands"] = [finding.to_dict() for finding in findings]
    short = {key: story[key] for key in ("anomaly", "severity", "structure", "anomaly_seed", "recipe")}
    for role, synthesis in (("normal", pair.normal), ("abnormal", pair.abnormal)):
        note = {"FetalFlex:counterfactual": json.dumps({"role": role} | short)}
        synthesis.save(folder / _FILES[role], extra=note)
    pair.variant.recipe.save(folder / _FILES["recipe"])
    about = picture_metadata("of the pair") | {"FetalFlex:counterfactual": json.dumps(short)}
    write_png(folder / _FILES["may_differ"], pair.may_differ.astype(np.uint8) * 255, about)
    write_png(folder / _FILES["difference_picture"], draw_difference(pair.difference), about)
    tensors = {"difference": np.ascontiguousarray(pair.difference)}
    write_bytes(folder / _FILES["difference"], save(tensors, {"synthetic": "true", "description": NOTICE}))
    write_text(folder / PAIR, json.dumps(story, indent=2, ensure_ascii=False, allow_nan=False))
    return story


def _story(pair: CounterfactualPair, source: str | None) -> JsonObject:
    variant, normal, abnormal = pair.variant, pair.normal, pair.abnormal
    return {
        "format": "fetalflex/counterfactual",
        "version": 1,
        "synthetic": True,
        "notice": NOTICE,
        "source": source,
        "anomaly": variant.anomaly,
        "severity": variant.severity,
        "structure": variant.structure,
        "anomaly_seed": variant.seed,
        "values": dict(variant.values),
        "repairs": list(variant.repairs),
        "recipe": variant.recipe.to_dict(),
        "prompts": {"normal": normal.prompt, "abnormal": abnormal.prompt},
        "seed": normal.seed,
        "model": normal.model,
        "settings": abnormal.settings,
        "margin": pair.margin,
        "measures": pair.measures(),
        "files": _FILES,
    }
