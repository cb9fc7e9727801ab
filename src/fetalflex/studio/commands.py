"""The command line that makes a result again."""

from __future__ import annotations

import shlex

from fetalflex.studio.messages import Settings
from fetalflex.studio.results import Result

_USUAL = Settings()
_USUAL_STRENGTH = {"generate": 1.0, "refine": 0.6}


def command_line(facts: Result, model: str) -> str | None:
    """Return the command that makes a result from the files that are exported beside it; None if there is none.

    Args:
        facts: What the desk knows of the result.
        model: The model as the user named it.
    """
    settings = Settings(**facts["options"])
    if facts["kind"] == "refine":
        words = ["fetalflex", "refine", "source.png", "--layout", "image.layout.json", "--mask", "mask.png"]
    elif facts["kind"] == "generate" and not facts["is_unedited"]:
        words = ["fetalflex", "edit", "source.png", "--layout", "source.layout.json", "--recipe", "edit.recipe.json"]
        words += ["--mask", "mask.png"] if facts["region"] == "mask" else ["--roi", facts["region"]]
    else:
        return None
    words += ["--seed", str(facts["seed"]), *_options(settings, facts["kind"]), "--model", model, "--out", "again.png"]
    return shlex.join(words)


def _options(settings: Settings, kind: str) -> list[str]:
    words = ["--steps", str(settings.steps), "--sampler", settings.sampler]
    for name in ("guidance_prompt", "guidance_layout", "guidance_edit"):
        value = getattr(settings, name)
        if value != getattr(_USUAL, name) and not (name == "guidance_edit" and kind == "refine"):
            words += [f"--{name.replace('_', '-')}", f"{value:g}"]
    if settings.strength != _USUAL_STRENGTH[kind]:
        words += ["--strength", f"{settings.strength:g}"]
    if settings.ssa:
        words.append("--ssa")
    if settings.feather is not None:
        words += ["--feather", str(settings.feather)]
    for name in ("prompt", "negative_prompt"):
        if text := getattr(settings, name).strip():
            words += [f"--{name.replace('_', '-')}", text]
    return words
