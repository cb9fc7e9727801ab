"""The folder of a model, and how it is told where an earlier version wrote it, without a marker."""

from __future__ import annotations

import json
import re
from pathlib import Path

from fetalflex.files import FolderKind

_BESIDE = ("model_index.json", "fetalflex_config.json", "planes.yaml", "abilities.json")
_OF_A_PART = re.compile(
    r"(vae|text_encoder|unet|controlnet|prealignment)/"
    r"(config\.json|(diffusion_pytorch_)?model(-[0-9]{5}-of-[0-9]{5})?\.safetensors(\.index\.json)?)"
    r"|tokenizer/(tokenizer|tokenizer_config|special_tokens_map|added_tokens)\.json|tokenizer/vocab\.txt"
    r"|scheduler/scheduler_config\.json"
)


def _names(folder: Path) -> set[str] | None:
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        config = json.loads((folder / "fetalflex_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(config, dict) or not isinstance(index, dict) or index.get("_class_name") != "FetalFlexPipeline":
        return None
    names = (path.relative_to(folder).as_posix() for path in folder.glob("*/*"))
    return {*_BESIDE, *(name for name in names if _OF_A_PART.fullmatch(name))}


MODEL = FolderKind("model", may_hold=("abilities.json",), written_before=_names)
"""A diffusers folder with the parts of a model. A model card that somebody wrote beside them is no part of it."""
