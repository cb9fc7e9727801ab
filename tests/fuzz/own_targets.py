"""The product's own files, configs, models and detectors: small sound ones, and how each is read."""

from __future__ import annotations

import functools
import json
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from importer_seeds import Files, picture

from fetalflex.anatomy import Box, Layout, Move, PlacedStructure, Recipe, Scale, default_registry, draw_roi_mask

ROOT = Path(__file__).parents[2]
REGISTRY = default_registry()
LAYOUT = Layout(
    "abdominal_transverse",
    64,
    48,
    (PlacedStructure("abdomen", Box(32, 24, 50, 40, 5)), PlacedStructure("stomach", Box(26, 20, 10, 8))),
    0.3,
)


@dataclass(frozen=True)
class OwnTarget:
    """Hold files, which of them are to be damaged, how they are read, and how many times as long that takes."""

    files: Files
    damaged: tuple[str, ...]
    read: Callable[[Path, random.Random], None]
    weight: int = 1


def _layout(folder: Path, _: random.Random) -> None:
    layout = Layout.load(folder / "a.layout.json")
    assert Layout.from_json(layout.to_json()) == layout
    layout.problems(REGISTRY)
    if layout.width * layout.height < 10**6 and not layout.problems(REGISTRY):
        draw_roi_mask(layout, REGISTRY, "full")


def _recipe(folder: Path, _: random.Random) -> None:
    recipe = Recipe.load(folder / "a.recipe.json")
    recipe.apply(LAYOUT, REGISTRY)


def _planes(folder: Path, _: random.Random) -> None:
    REGISTRY.extended_with(folder / "planes.yaml").to_yaml()


def _anomalies(folder: Path, draw: random.Random) -> None:
    from fetalflex.anatomy.anomalies import AnomalyLibrary

    library = AnomalyLibrary.load(folder / "anomalies.yaml", REGISTRY)
    anomalies = list(library)
    for anomaly in draw.sample(anomalies, min(2, len(anomalies))):
        anomaly.sample(LAYOUT, seed=draw.randrange(9), registry=REGISTRY)


def _plan(folder: Path, _: random.Random) -> None:
    from fetalflex.augment import load_plan

    load_plan(folder / "plan.yaml").model_dump_json()


def _run(folder: Path, _: random.Random) -> None:
    from fetalflex.training.config import load_run_config

    load_run_config(folder / "run.yaml").model_dump_json()


def _run_recipe(folder: Path, _: random.Random) -> None:
    from fetalflex.training.recipe import load_recipe

    for config in load_recipe(folder / "recipe.yaml").runs():
        config.model_dump_json()


def _dataset(folder: Path, _: random.Random) -> None:
    from fetalflex.data.opening import open_dataset

    dataset = open_dataset(folder if (folder / "annotations.json").exists() else next(folder.iterdir()), REGISTRY)
    for record in dataset:
        dataset.image(record)
        json.dumps(dict(record.extra), allow_nan=False).encode()
        f"{record.patient} {record.source}".encode()


def _shards(folder: Path, _: random.Random) -> None:
    from fetalflex.data.opening import open_dataset

    dataset = open_dataset(folder, REGISTRY)
    for record in dataset:
        dataset.image(record)


def _abilities(folder: Path, _: random.Random) -> None:
    from fetalflex.abilities import Abilities

    read = Abilities.load(folder / "abilities.json")
    f"{read.anomaly('dilated_stomach')} {read.prompt.share if read.prompt else 0:.1f}"


def _model(folder: Path, _: random.Random) -> None:
    from fetalflex.models.components import Components
    from fetalflex.models.text import encode_prompts

    model = Components.load(folder)
    encode_prompts(model.tokenizer, model.text_encoder, ["fetal abdomen"])


def _detector(folder: Path, _: random.Random) -> None:
    from fetalflex.detection import Detector

    Detector.from_pretrained(folder).detect([np.zeros((48, 64), np.uint8)])


def _checkpoint(folder: Path, _: random.Random) -> None:
    from fetalflex.training.checkpoints import CheckpointStore

    CheckpointStore(folder).restore(*_training())


def _training() -> tuple:
    import torch

    from fetalflex.training.ema import MovingAverage

    networks = torch.nn.ModuleDict({"a": torch.nn.Linear(2, 2)})
    parameters = list(networks.parameters())
    optimizer = torch.optim.AdamW(parameters)
    networks["a"](torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return networks, MovingAverage(parameters, 10), optimizer


def _files(write: Callable[[Path], object]) -> Files:
    with tempfile.TemporaryDirectory() as name:
        write(Path(name))
        return {
            path.relative_to(name).as_posix(): path.read_bytes() for path in Path(name).rglob("*") if path.is_file()
        }


def _write_dataset(folder: Path) -> None:
    from fetalflex.data import DatasetFolder, Record

    pixels = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)
    records = [Record(f"{name}.png", LAYOUT, name, "set", "train", 2, {"machine": "x"}) for name in "ab"]
    DatasetFolder.write(folder / "set", [(record, pixels + number) for number, record in enumerate(records)])


def _write_packed(folder: Path) -> None:
    from fetalflex.data import DatasetFolder
    from fetalflex.data.packed import pack

    with tempfile.TemporaryDirectory() as name:
        _write_dataset(Path(name))
        pack([DatasetFolder(Path(name) / "set")], folder / "a.safetensors")


def _write_shards(folder: Path) -> None:
    from fetalflex.data import DatasetFolder
    from fetalflex.data.exporting import export

    with tempfile.TemporaryDirectory() as name:
        _write_dataset(Path(name))
        dataset = DatasetFolder(Path(name) / "set")
        export(((record, dataset.image(record)) for record in dataset), "webdataset", folder / "shards")


def _write_model(folder: Path) -> None:
    from fetalflex.anatomy import prompt_corpus
    from fetalflex.models.build import build_components
    from fetalflex.models.configs import get_preset

    build_components(get_preset("tiny"), prompt_corpus(REGISTRY)).save(folder / "model")


def _write_detector(folder: Path) -> None:
    from fetalflex.detection import Detector
    from fetalflex.detection.config import DetectorConfig, NetworkConfig

    sizes = {"abdomen": (0.6, 0.5), "stomach": (0.2, 0.2)}
    network = NetworkConfig(channels=(8, 8, 8, 8), blocks=(1, 1, 1, 1), neck=8)
    planes = {"abdominal_transverse": ("abdomen", "stomach")}
    Detector(DetectorConfig(size=64, planes=planes, typical_sizes=sizes, network=network)).save(folder / "detector")


def _write_checkpoint(folder: Path) -> None:
    from fetalflex.training.checkpoints import CheckpointStore, RunProgress

    networks, average, optimizer = _training()
    CheckpointStore(folder).save(RunProgress(8, 1, 0.5), networks, average, optimizer)


def _write_abilities(folder: Path) -> None:
    from fetalflex.abilities import Abilities, Hits, PromptAbility, StructureAbility

    structure = StructureAbility("abdominal_transverse", "stomach", 9, Hits(1, 2), Hits(2, 2), Hits(0, 2))
    anomalies = {"dilated_stomach": {"mild": Hits(1, 2)}}
    Abilities("m", {"n": 1}, anomalies, (structure,), PromptAbility(1.5, 2.5, 8)).save(folder / "abilities.json")


def _inside(files: Files) -> Files:
    """Return files without the one folder that all lie in."""
    return {name.partition("/")[2]: content for name, content in files.items()}


def _one(name: str, content: str, read: Callable[[Path, random.Random], None]) -> OwnTarget:
    return OwnTarget({name: content.encode()}, (name,), read)


_PLANES = """format: fetalflex/planes
version: 1
structures:
  bladder: {colour: [10, 200, 30], echogenicity: anechoic, typical_size: [0.2, 0.2], synonyms: [urinary bladder]}
planes:
  pelvic_transverse:
    structures: [bladder]
    synonyms: [pelvis]
    typical_sizes: {bladder: [0.3, 0.3]}
"""


@functools.cache
def own_target(name: str) -> OwnTarget:
    """Return one of `OWN_TARGETS`; what it needs is made for it alone."""
    return OWN_TARGETS[name]()


def _config(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _shards_target() -> OwnTarget:
    shards = _inside(_files(_write_shards))
    return OwnTarget(shards, tuple(name for name in shards if name.endswith((".tar", "shards.json"))), _shards)


def _model_target() -> OwnTarget:
    model = _inside(_files(_write_model))
    return OwnTarget(model, tuple(name for name in model if not name.endswith(".md")), _model, 4)


def _all_of(files: Files, read: Callable[[Path, random.Random], None]) -> OwnTarget:
    return OwnTarget(files, tuple(files), read)


OWN_TARGETS: dict[str, Callable[[], OwnTarget]] = {
    "layout": lambda: _one("a.layout.json", LAYOUT.to_json(), _layout),
    "recipe": lambda: _one("a.recipe.json", Recipe((Move("stomach", 2, 0), Scale("stomach", 1.2))).to_json(), _recipe),
    "planes": lambda: _one("planes.yaml", _PLANES, _planes),
    "anomalies": lambda: _one("anomalies.yaml", _config("src/fetalflex/anatomy/anomalies/anomalies.yaml"), _anomalies),
    "plan": lambda: _one("plan.yaml", _config("configs/augment/examples.yaml"), _plan),
    "run": lambda: _one("run.yaml", _config("configs/tiny/control.yaml"), _run),
    "run_recipe": lambda: _one("recipe.yaml", _config("configs/mini/gpu/recipe.yaml"), _run_recipe),
    "abilities": lambda: _all_of(_files(_write_abilities), _abilities),
    "dataset": lambda: OwnTarget(_inside(_files(_write_dataset)), ("annotations.json",), _dataset),
    "dataset_image": lambda: OwnTarget(_inside(_files(_write_dataset)) | {"a.png": picture()}, ("a.png",), _dataset),
    "packed": lambda: _all_of(_files(_write_packed), _dataset),
    "shards": _shards_target,
    "model": _model_target,
    "detector": lambda: OwnTarget(
        _inside(_files(_write_detector)), ("config.json", "model.safetensors", "planes.yaml"), _detector, 2
    ),
    "checkpoint": lambda: _all_of(_files(_write_checkpoint), _checkpoint),
}
"""Every kind of file that the product itself writes, and those that its users write for it."""
