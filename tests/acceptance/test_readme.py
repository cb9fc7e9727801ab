"""What the README shows works as written, with a small untrained model in place of the weights."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

from fetalflex.anatomy import GestationalAge, Layout, Recipe, centile_of, default_registry, prompt_corpus
from fetalflex.cli.app import main
from fetalflex.data import DatasetFolder, read_image
from fetalflex.models.build import build_components
from fetalflex.models.configs import get_preset

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^fetalflex .*$", README, re.MULTILINE)
FROM_SCANS = re.findall(r"^fetalflex .*$", README.split("takes four steps:")[1].split("\n```\n")[0], re.MULTILINE)
OTHERS = [line for line in COMMANDS if line not in FROM_SCANS]
RECIPE = "fetalflex train recipe --config configs/mini/gpu/recipe.yaml"


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the examples and recipes of the repository, and a small model as weights/mini."""
    for folder in ("examples", "configs"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    components = build_components(get_preset("tiny"), prompt_corpus(default_registry()), seed=0)
    components.save(tmp_path / "weights" / "mini")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command: str) -> int:
    """Run a command line in this process, and return its exit status."""
    with pytest.raises(SystemExit) as stopped:
        main(shlex.split(command, comments=True)[1:])
    return int(stopped.value.code or 0)


def test_the_edit_is_made_on_the_command_line_and_in_python(workplace: Path) -> None:
    [edit] = [line for line in COMMANDS if line.startswith("fetalflex edit ab_")]
    [refine] = [line for line in COMMANDS if line.startswith("fetalflex refine ")]
    assert [run(command) for command in (edit, refine)] == [0, 0]
    assert Path("out/edited.gif").is_file()
    [block] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(block, "README.md", "exec"), {})
    for name in ("edited", "refined"):
        assert (read_image(Path(f"out/{name}.png")) == read_image(Path(f"out/{name}-in-python.png"))).all()


def test_a_layout_is_measured_and_grown(workplace: Path) -> None:
    steps = [line for line in COMMANDS if re.match(r"fetalflex (measure|grow|edit) hc_", line)]
    assert [line.split()[1] for line in steps] == ["measure", "grow", "edit"]
    assert [run(command) for command in steps] == [0, 0, 0]
    grown = Layout.load("out/small.layout.json")
    assert centile_of(grown, "HC", GestationalAge.parse("18w3d"), default_registry()) == pytest.approx(5)
    [record] = [one for one in DatasetFolder(ROOT / "examples") if "hc_195" in one.file_name]
    replayed = Recipe.load("out/small.recipe.json").apply(record.layout, default_registry())
    assert replayed.structures == grown.structures
    assert (read_image(Path("out/small.png")) != DatasetFolder(ROOT / "examples").image(record)).any()


def test_anomalies_are_shown_and_applied(workplace: Path) -> None:
    commands = [line for line in COMMANDS if line.startswith("fetalflex anomaly ")]
    assert [line.split()[2] for line in commands] == ["list", "show", "apply"]
    assert [run(command) for command in commands] == [0, 0, 0]
    assert Path("out/atresia.recipe.json").is_file()
    assert Path("out/atresia.organs.png").is_file()


def test_a_counterfactual_pair_is_made(workplace: Path) -> None:
    [command] = [line for line in COMMANDS if line.startswith("fetalflex counterfactual ")]
    assert run(f"{command} --steps 2") == 0
    section = README.split("## Counterfactual pairs")[1].split("\n## ")[0]
    names = re.findall(r"`([a-z-]+\.(?:png|json|safetensors))`", section)
    assert len(names) == 5
    assert all(Path("out/dilated", name).is_file() for name in names)


@pytest.mark.slow
def test_own_data_lead_to_images(workplace: Path) -> None:
    (workplace / "scans").symlink_to(ROOT / "examples")
    kinds = r"fetalflex (prepare|train|generate|pack|detect|evaluate-detector) "
    steps = [line for line in OTHERS if re.match(kinds, line) and line != RECIPE]
    assert RECIPE in COMMANDS  # it takes its minutes whatever the data; tests/training rehearse it
    assert [line.split()[1] for line in steps] == [
        *("prepare", "train", "train", "train", "generate", "pack"),
        *("detect", "evaluate-detector"),
    ]
    shortened = workplace / "short"
    shortened.mkdir()
    for command in steps:
        assert run(_shortened(command, shortened)) == 0, command
    assert list(Path("out/mine").glob("*.png"))
    assert Path("data/fetalflex.safetensors").is_file()
    assert len(DatasetFolder(Path("out/found"))) == len(DatasetFolder(ROOT / "examples"))
    assert Path("out/detector/report.md").is_file()


def _shortened(command: str, folder: Path) -> str:
    """Return a training command with a copy of its recipe that stops after a few images; others as they are."""
    found = re.search(r"--config (\S+)", command)
    if found is None:
        short = "--split train" if "evaluate-detector" in command else "--steps 2"
        return command.replace("--split val", short)
    recipe = Path(found[1])
    values = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    values |= {"images": 16, "batch_size": 8, "warmup_images": 8}
    values["data"] |= {"validation_split": "train"}
    short = folder / recipe.name
    short.write_text(yaml.safe_dump(values), encoding="utf-8")
    return command.replace(found[1], str(short))


@pytest.mark.slow
def test_a_model_is_measured(workplace: Path) -> None:
    (workplace / "scans").symlink_to(ROOT / "examples")
    steps = [line for line in OTHERS if re.match(r"fetalflex (prepare|pack|evaluate|experiment ablation) ", line)]
    assert [line.split()[1] for line in steps] == ["prepare", "pack", "evaluate", "experiment"]
    # What an untrained model draws has no names to exchange and nothing that an anomaly demands; these have own tests.
    assert [line.split()[2] for line in OTHERS if line.startswith("fetalflex experiment ")] == [
        *("names", "abilities", "strengths", "ablation"),
    ]
    for command in steps[:2]:
        assert run(command) == 0, command
    for command in steps[2:]:
        short = _shortened(command, workplace) + " --split train --limit 1 --steps 1"
        assert run(short) == 0, command
    assert Path("out/evaluation/report.md").is_file()
    assert Path("out/ablation/ablation.md").is_file()


def test_the_data_set_is_exported(workplace: Path) -> None:
    (workplace / "data").mkdir()
    (workplace / "data" / "mine").symlink_to(ROOT / "examples")
    [command] = [line for line in COMMANDS if line.startswith("fetalflex export ")]
    assert run(command) == 0
    assert len(list(Path("out/mine-yolo/labels").rglob("*.txt"))) == len(DatasetFolder(ROOT / "examples"))


def test_a_labelled_data_set_is_made(workplace: Path) -> None:
    commands = [line for line in OTHERS if line.startswith("fetalflex augment ")]
    plan = Path("configs/augment/examples.yaml")
    values = yaml.safe_load(plan.read_text(encoding="utf-8"))
    Path("lenient.yaml").write_text(
        yaml.safe_dump(values | {"checks": {"layout": False, "anomaly": False}}), encoding="utf-8"
    )
    assert [run(command.replace(str(plan), "lenient.yaml")) for command in commands] == [0, 0]
    made = DatasetFolder(workplace / "out" / "synthetic")
    assert len(made) == sum(entry["count"] for entry in values["entries"]) == 12
    assert sum(record.extra["label"] == "abnormal" for record in made) == 6


@pytest.mark.slow
def test_scans_without_annotation_lead_to_a_balanced_data_set(workplace: Path) -> None:
    """With the released weights; what the detector finds is enough for every entry of the plan, its counts lowered."""
    shutil.copytree(ROOT / "examples" / "images", workplace / "scans")
    shutil.rmtree(workplace / "weights")
    (workplace / "weights").symlink_to(ROOT / "weights")
    plan = Path("configs/augment/balanced.yaml")
    values = yaml.safe_load(plan.read_text(encoding="utf-8"))
    entries = [entry | {"count": len(entry.get("severity", [None]))} for entry in values["entries"]]
    short = {
        "sampling": {"steps": 1},
        "checks": {"layout": False, "anomaly": False, "least_contrast": 0},
        "entries": entries,
    }
    Path("short.yaml").write_text(yaml.safe_dump(values | short), encoding="utf-8")
    detect, prepare, augment = (line.partition(" #")[0].strip() for line in FROM_SCANS)
    assert run(detect) == 0
    assert Path("out/found/review-1.png").is_file()
    assert run(f"{prepare} --split 100,0,0") == 0
    found = DatasetFolder(Path("data/found"))
    assert {record.layout.plane for record in found} == {entry["plane"] for entry in entries}
    assert "; 0 refusals" in Path("data/found/report.md").read_text(encoding="utf-8")
    assert run(augment.replace(str(plan), "short.yaml")) == 0
    made = DatasetFolder(Path("out/balanced"))
    assert len(made) == sum(entry["count"] for entry in entries)
    assert {record.extra["anomaly"] for record in made if record.extra["label"] == "abnormal"} == {
        entry["anomaly"] for entry in entries if "anomaly" in entry
    }


def test_links_and_folders_exist() -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", README)
    folders = re.findall(r"^\| `([^`]+)` \|", README, re.MULTILINE)
    assert links
    assert len(folders) > 10
    missing = [name for name in (*links, *folders) if not (ROOT / name.partition("#")[0]).exists()]
    assert [name for name in missing if not name.startswith(("docs/images/", "weights/"))] == []
