"""The folder of an evaluation: which settings it belongs to, and the syntheses that are finished."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fetalflex.data import read_image, write_png
from fetalflex.data.image_files import is_whole_png
from fetalflex.errors import FetalFlexError
from fetalflex.files import FolderKind, check_claimable, claim, remove_leftovers, write_text
from fetalflex.files.json_files import JsonObject, json_text, read_json
from fetalflex.pipeline.synthesis import Synthesis
from fetalflex.provenance import SyntheticMark, append_to_list

SETTINGS = "settings.json"
_IMAGES = "syntheses"


def _is_evaluation(folder: Path) -> set[str] | None:
    try:
        settings = read_json(folder / SETTINGS)
    except FetalFlexError:
        return None
    format = settings.get("format") if isinstance(settings, dict) else None
    is_ours = isinstance(format, str) and format.startswith("fetalflex/") and format.endswith("-settings")
    return set() if is_ours else None


EVALUATION = FolderKind("evaluation", written_before=_is_evaluation)


class KeptSyntheses:
    """Keep syntheses as PNG files, so that an interrupted evaluation goes on where it stopped.

    Args:
        root: Folder of the evaluation; made if it is missing.
        settings: Everything that the syntheses depend on, as JSON values.

    Raises:
        FetalFlexError: If the folder holds other things, or an evaluation with other settings.
    """

    def __init__(self, root: Path, settings: JsonObject) -> None:
        self.root = root
        check_claimable(root, EVALUATION)
        path = root / SETTINGS
        for folder in (root, root / _IMAGES):
            remove_leftovers(folder)
        before = _settings_at(path, settings.get("format")) if path.is_file() else None
        if before is not None and any((root / _IMAGES).glob("*.png")):
            _check_same(before, settings, root)
        else:  # an evaluation without images may be restarted with other settings
            claim(root, EVALUATION)
            write_text(path, json_text(settings))

    def path(self, name: str) -> Path:
        """Return where the synthesis of that name lies, or will."""
        return self.root / _IMAGES / f"{name}.png"

    def has(self, name: str) -> bool:
        """Say whether the synthesis of that name is finished; one that was cut short or damaged is not."""
        return is_whole_png(self.path(name))

    def add(self, name: str, synthesis: Synthesis) -> None:
        """Write a finished synthesis."""
        mark = SyntheticMark({"seed": synthesis.seed, "model": synthesis.model})
        append_to_list(self.path(name), synthesis.image, mark)
        write_png(self.path(name), synthesis.image, synthesis.metadata(), force=True)

    def image(self, name: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Read a finished synthesis, (H, W) uint8.

        Args:
            name: Of the synthesis.
            shape: The (H, W) that it must have.

        Raises:
            FetalFlexError: If it is damaged or of another size.
        """
        image = read_image(self.path(name))
        if image.shape != shape:
            raise FetalFlexError(
                f"{self.path(name)} has the shape {image.shape}, not {shape} (height, width); delete it, and run the "
                "same command again"
            )
        return image


def _settings_at(path: Path, expected_format: object) -> JsonObject:
    """Return the settings of an evaluation; many programs call theirs `settings.json`, and those are not replaced."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise FetalFlexError(f"{path} is damaged; give another folder")
    if found.get("format") != expected_format:
        raise FetalFlexError(f"{path} holds the settings of something else, no evaluation's; give another folder")
    return found


def _check_same(before: JsonObject, now: JsonObject, root: Path) -> None:
    changed = [
        f"{key} was {before.get(key)!r}, now {now.get(key)!r}"
        for key in dict.fromkeys((*before, *now))
        if before.get(key) != now.get(key)
    ]
    if changed:
        raise FetalFlexError(
            f"{root} holds an evaluation with other settings ({'; '.join(changed)}); give another folder, or the same "
            "settings to go on"
        )
