"""Write a pair as a folder of files that say what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from fetalflex.anatomy import Registry, default_registry
from fetalflex.counterfactuals.difference import draw_difference
from fetalflex.counterfactuals.pair import CounterfactualPair
from fetalflex.data import write_png
from fetalflex.data.new_folder import new_folder
from fetalflex.evaluation.demands import judge_demands
from fetalflex.files import write_text
from fetalflex.synthesis import NOTICE, picture_metadata

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
}


def save_pair(
    pair: CounterfactualPair,
    folder: Path | str,
    source: str | None = None,
    force: bool = False,
    registry: Registry | None = None,
) -> None:
    """Write a pair into a new folder, wholly or not at all; see `write_pair`.

    Args:
        pair: What to write.
        folder: Folder to make.
        source: What the real image is called.
        force: Replace a folder that holds a pair.
        registry: Planes and structures; the built-in ones by default.

    Raises:
        FetalFlexError: If something else is in the way.
    """
    with new_folder(Path(folder), force, PAIR) as partial:
        write_pair(pair, partial, source, registry)


def write_pair(
    pair: CounterfactualPair, folder: Path, source: str | None = None, registry: Registry | None = None
) -> dict[str, Any]:
    """Write a pair into an empty folder.

    Both syntheses are written with their layouts, beside them the recipe of the anomaly, the mask of where they may
    differ (white), the signed difference (abnormal minus normal, int16, exact; and a picture of it) and `pair.json`,
    which also says what is seen of what the anomaly demands.

    Returns:
        What `pair.json` holds.
    """
    story = _story(pair, source)
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
    difference = np.ascontiguousarray(pair.difference)
    save_file({"difference": difference}, folder / _FILES["difference"], {"synthetic": "true", "description": NOTICE})
    write_text(folder / PAIR, json.dumps(story, indent=2, ensure_ascii=False, allow_nan=False))
    return story


def _story(pair: CounterfactualPair, source: str | None) -> dict[str, Any]:
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
