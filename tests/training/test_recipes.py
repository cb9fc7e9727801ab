"""The recipes in configs/."""

from __future__ import annotations

from pathlib import Path

import pytest

from fetalflex.anatomy import default_registry
from fetalflex.detection.config import DetectorConfig
from fetalflex.detection.network import DetectorNetwork
from fetalflex.models.configs import get_preset
from fetalflex.training.config import RunConfig, load_run_config

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
RECIPES = sorted(
    path.relative_to(CONFIGS)
    for path in CONFIGS.rglob("*.yaml")
    if path.parent.name != "augment" and path.stem != "recipe"  # several runs in one file, see test_training_recipe
)
FOLDERS = sorted({path.parent for path in RECIPES if path.stem == "autoencoder"})


def load(recipe: Path) -> RunConfig:
    return load_run_config(CONFIGS / recipe)


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_a_recipe_is_a_valid_run_of_the_stage_it_is_named_after(recipe: Path) -> None:
    config = load(recipe)
    assert config.stage in (recipe.stem, recipe.parent.name)
    if config.stage == "autoencoder":
        assert max(phase.size for phase in config.autoencoder.crops) == get_preset(config.model).image_size


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_each_stage_starts_from_the_model_of_the_one_before(folder: Path) -> None:
    first, second, third = (load(folder / f"{stage}.yaml") for stage in ("autoencoder", "denoiser", "control"))
    assert second.init == first.output / "model"
    assert third.init == second.output / "model"
    assert len({config.data.paths for config in (first, second, third)}) == 1


def test_the_recipes_for_one_gpu_take_less_than_half_an_hour() -> None:
    minutes = [load(path).max_minutes for path in RECIPES if path.parts[:2] == ("mini", "gpu")]
    assert sum(minute or float("inf") for minute in minutes) <= 28


@pytest.mark.parametrize("recipe", [path for path in RECIPES if load(path).stage == "detector"], ids=str)
def test_a_detector_in_half_precision_takes_no_more_than_15_mb(recipe: Path) -> None:
    settings = load(recipe).detector
    names = [structure.name for structure in default_registry().structures]
    config = DetectorConfig(
        size=settings.size,
        planes={plane.name: plane.structures for plane in default_registry().planes},
        typical_sizes=dict.fromkeys(names, (0.1, 0.1)),
        network=settings.network,
    )
    assert 2 * sum(parameter.numel() for parameter in DetectorNetwork(config).parameters()) < 15e6
