"""The folder of a run: what it is known by, and that nothing else is in it and nobody else writes there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fetalflex.detection.folder_kinds import DETECTOR
from fetalflex.errors import FetalFlexError
from fetalflex.files import (
    FolderKind,
    check_claimable,
    check_replaceable,
    claim,
    locked,
    release_empty,
    remove_leftovers,
)
from fetalflex.files.json_files import read_json
from fetalflex.files.yaml_files import read_yaml
from fetalflex.models.folder_kind import MODEL
from fetalflex.training.checkpoints import CheckpointStore

CONFIG_COPY = "run.yaml"
MODEL_FOLDER = "model"
CHECKPOINTS = "checkpoints"
RECIPE_STATE = "recipe.json"


def _is_run(folder: Path) -> set[str] | None:
    try:
        record = read_yaml(folder / CONFIG_COPY, CONFIG_COPY)
    except FetalFlexError:
        return None
    is_record = isinstance(record, dict) and {"config", "data_fingerprint", "versions"} <= record.keys()
    return set() if is_record else None


def _is_recipe(folder: Path) -> set[str] | None:
    try:
        state = read_json(folder / RECIPE_STATE)
    except FetalFlexError:
        return None
    return set() if isinstance(state, dict) and state.keys() == {"finished", "seconds"} else None


RUN = FolderKind("training run", written_before=_is_run)
RECIPE = FolderKind("training recipe's output", written_before=_is_recipe)


@contextmanager
def run_folder(output: Path, is_detector: bool) -> Iterator[None]:
    """Keep the folder of a run for this process, after a check that all that training will replace is its own.

    Args:
        output: The folder.
        is_detector: Whether a detector is trained, in place of a stage of a model.

    Raises:
        FetalFlexError: If it holds something else, or another process trains there.
    """
    with locked(output):
        check_claimable(output, RUN)
        check_replaceable(output / MODEL_FOLDER, DETECTOR if is_detector else MODEL, force=True)
        CheckpointStore(output / CHECKPOINTS).check()
        remove_leftovers(output)
        remove_leftovers(output / CHECKPOINTS)
        try:
            yield
        finally:
            release_empty(output)


@contextmanager
def recipe_folder(output: Path) -> Iterator[None]:
    """Keep the folder of a recipe for this process; see `run_folder`."""
    with locked(output):
        check_claimable(output, RECIPE)
        check_replaceable(output / MODEL_FOLDER, MODEL, force=True)
        claim(output, RECIPE)
        remove_leftovers(output)
        try:
            yield
        finally:
            release_empty(output)
