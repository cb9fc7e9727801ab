from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from fetalflex.errors import FetalFlexError
from fetalflex.training.config import AugmentationConfig, RunConfig, load_run_config

GOOD: dict[str, Any] = {
    "stage": "autoencoder",
    "output": "runs/a",
    "data": {"paths": ["data"]},
    "images": 100,
}


def write(folder: Path, **changes: Any) -> Path:
    path = folder / "run.yaml"
    values = {name: value for name, value in (GOOD | changes).items() if value is not ...}
    path.write_text(yaml.safe_dump(values))
    return path


def test_a_short_file_is_enough(tmp_path: Path) -> None:
    config = load_run_config(write(tmp_path))
    assert config.model == "mini"
    assert config.data.paths == (Path("data"),)
    assert config.augmentation == AugmentationConfig()


def test_overrides_replace_values_of_the_file(tmp_path: Path) -> None:
    assert load_run_config(write(tmp_path), {"images": 7, "device": "cpu"}).images == 7


def test_a_config_survives_a_round_trip_over_json(tmp_path: Path) -> None:
    config = load_run_config(write(tmp_path, max_minutes=3, crops=...))
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage": "vae"}, r"stage: .*'autoencoder', 'denoiser', 'control' or 'detector'.*got 'vae'"),
        ({"images": 0}, r"images: .*greater than or equal to 1.*got 0"),
        ({"images": ...}, r"images: Field required"),
        ({"learning_rate": -1}, r"learning_rate: .*got -1"),
        ({"learning_rate": "fast"}, r"learning_rate: .*got 'fast'"),
        ({"colour": "red"}, r"colour: .*got 'red'"),
        ({"data": {"paths": []}}, r"data\.paths: .*at least 1"),
        ({"data": {"paths": ["d"], "min_quality": 9}}, r"data\.min_quality: .*got 9"),
        ({"augmentation": {"zoom": [1.2, 0.9]}}, r"augmentation: zoom must be .* the smaller first; got 1\.2, 0\.9"),
        ({"augmentation": {"flip": 2}}, r"augmentation\.flip: .*got 2"),
        ({"stage": "denoiser"}, r"init is missing: stage denoiser starts from the model folder"),
        ({"images": 10**10}, r"images: .*less than or equal to 9999999999"),
        ({"images": 10**4000}, r"images: .*less than or equal to 9999999999"),
        ({"seed": 2**32}, r"seed: .*less than or equal to 4294967295"),
        ({"seed": datetime.date(2024, 1, 2)}, r"seed: .*got '2024-01-02'"),
        ({"batch_size": 10**9}, r"batch_size: .*less than or equal to 65536"),
        ({"learning_rate": 1e300}, r"learning_rate: .*less than or equal to 10"),
        ({"autoencoder": {"crops": [{"until": 1, "size": 10**6}]}}, r"autoencoder\.crops\.0\.size: .*1024"),
        ({"output": "a\0b"}, r"output: the path has characters"),
        ({"data": {"paths": ["d"], "cache": "a\0"}}, r"data\.cache: the path has characters"),
        ({"batch_size": 10, "accumulation": 3}, r"batch_size 10 is not a multiple of accumulation 3"),
        ({"autoencoder": {"crops": []}}, r"autoencoder.*crops"),
        ({"autoencoder": {"crops": [{"until": 0.5, "size": 32}]}}, r"autoencoder.*crops.*until 1"),
        (
            {"autoencoder": {"crops": [{"until": share, "size": 32} for share in (0.5, 0.4, 1)]}},
            r"autoencoder.*crops.*0\.5, 0\.4, 1\.0",
        ),
    ],
)
def test_what_is_wrong_is_told_with_field_and_value(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = write(tmp_path, **changes)
    with pytest.raises(FetalFlexError, match=message) as caught:
        load_run_config(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("field", ["learning_rate", "gradient_clip", "ema_half_life", "max_minutes", "weight_decay"])
def test_numbers_that_are_not_finite_are_refused_wherever_they_come_from(field: str, number: float) -> None:
    with pytest.raises(ValidationError, match=field):
        RunConfig.model_validate(GOOD | {field: number})


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FetalFlexError, match=r"images: .*; .*seed: "):
        load_run_config(write(tmp_path, images=0, seed=-1))


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [", "not valid YAML"), ("- 1", "must be a mapping of fields, got a list"), ("", "must be a mapping")],
)
def test_a_file_that_is_no_config_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(FetalFlexError, match=message):
        load_run_config(path)


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    with pytest.raises(FetalFlexError, match=r"run\.yaml: cannot be read: No such file"):
        load_run_config(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FetalFlexError, match=r"run\.yaml: "):
        load_run_config(path)


def test_yaml_does_not_make_objects(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("stage: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(FetalFlexError, match="not valid YAML"):
        load_run_config(path)
