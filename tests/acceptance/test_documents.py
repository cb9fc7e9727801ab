"""What README and guides show works as written, with a small untrained model in place of the weights."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from documents import DOCUMENTS, ROOT, Block, blocks_of, run_block
from PIL import Image

from dicom_files import region, write_dicom
from fetalflex.anatomy import GestationalAge, Layout, Recipe, centile_of, default_registry, prompt_corpus
from fetalflex.data import DatasetFolder, read_image
from fetalflex.data.coco_records import coco_from_records
from fetalflex.models.build import build_components
from fetalflex.models.configs import get_preset

LANGUAGES = {"sh", "python", "yaml", "csv", "text", "bibtex"}
WITH_RELEASED_WEIGHTS = {"anomalies", "labelled-data-sets"}
"""What an untrained model draws passes no check, and the smallest text encoder does not read the longest prompts."""

SLOW = {"anomalies", "training", "fine-tuning", "evaluation", "detection", "labelled-data-sets", "gallery", "sd15"}
ELSEWHERE = {"python", "reader-study"}
"""Run by tests of their own: the blocks of one continue each other, the other serves pages between its commands."""

RUN = sorted(
    name for name in DOCUMENTS if name not in ELSEWHERE and any(not block.is_marked for block in blocks_of(name))
)


@pytest.fixture(scope="module")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    components = build_components(get_preset("tiny"), prompt_corpus(default_registry()), seed=0)
    return components.save(tmp_path_factory.mktemp("weights") / "mini")


@pytest.fixture
def workplace(tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source folder with examples, recipes and weights, a small model for `mini`; scans, and a data set of them."""
    for folder in ("examples", "configs"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "mini").symlink_to(tiny_weights)
    (tmp_path / "weights" / "detector").symlink_to(ROOT / "weights" / "detector")
    (tmp_path / "scans").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def data_set_with_splits(folder: Path) -> None:
    """Make a data set of the examples with some of every plane in each split."""
    shutil.copytree(ROOT / "examples" / "images", folder / "images")
    values = json.loads((ROOT / "examples" / "annotations.json").read_text(encoding="utf-8"))
    for number, image in enumerate(values["images"]):
        image["split"] = ("train", "val", "train", "test")[number % 4]
    (folder / "annotations.json").write_text(json.dumps(values), encoding="utf-8")


def dicom_scans(folder: Path) -> None:
    """Write one of the examples and a clip of another as DICOM files, with annotations of the first."""
    examples = DatasetFolder(ROOT / "examples")
    records = examples.subset(planes=["abdominal_transverse"])
    image, other = examples.image(records[0]), examples.image(records[1])
    calibrated = {"SequenceOfUltrasoundRegions": [region((0, 0, image.shape[1] - 1, image.shape[0] - 1), (0.4, 0.4))]}
    write_dicom(folder / "scan.dcm", image, **calibrated)
    calibrated = {"SequenceOfUltrasoundRegions": [region((0, 0, other.shape[1] - 1, other.shape[0] - 1), (0.4, 0.4))]}
    write_dicom(folder / "clip.dcm", np.stack([np.roll(other, shift, axis=1) for shift in (0, 2, 4)]), **calibrated)
    coco = coco_from_records([replace(records[0], file_name="scan.dcm")], default_registry())
    (folder / "boxes.json").write_text(json.dumps(coco), encoding="utf-8")


def provide(name: str, blocks: list[Block]) -> None:
    """Put what a document takes for granted into the working directory, unless it makes that itself."""
    text = "\n".join(block.text for block in blocks)
    if "--out data/mine" not in text:
        data_set_with_splits(Path("data/mine"))
    if name == "own-planes":
        Path("arms").mkdir()
        for number in (1, 2):
            Image.fromarray(np.full((200, 320), 40 * number, np.uint8)).save(f"arms/arm-{number}.png")
    if name == "dicom":
        dicom_scans(Path("dicom"))
    if name in WITH_RELEASED_WEIGHTS:
        Path("weights/mini").unlink()
        Path("weights/mini").symlink_to(ROOT / "weights" / "mini")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_block_says_what_it_is(name: str) -> None:
    for block in blocks_of(name):
        assert block.language in LANGUAGES
        assert not block.title or block.is_marked or "." in block.title
    assert DOCUMENTS[name].read_text(encoding="utf-8").count("\n```") % 2 == 0


@pytest.mark.parametrize("name", [pytest.param(one, marks=[pytest.mark.slow] if one in SLOW else []) for one in RUN])
def test_the_blocks_of_a_document_run_in_their_order(name: str, workplace: Path) -> None:
    blocks = blocks_of(name)
    provide(name, blocks)
    for block in blocks:
        if not block.is_marked:
            run_block(block, shortened=name not in ("README", "edit"))
    if check := CHECKS.get(name):
        check()


def _readme() -> None:
    assert (read_image(Path("out/edited.png")) == read_image(Path("out/edited-in-python.png"))).all()
    assert Path("out/edited.gif").is_file()


def _edit() -> None:
    for name in ("edited", "refined"):
        assert (read_image(Path(f"out/{name}.png")) == read_image(Path(f"out/{name}-in-python.png"))).all()


def _biometry() -> None:
    grown = Layout.load("out/small.layout.json")
    assert centile_of(grown, "HC", GestationalAge.parse("18w3d"), default_registry()) == pytest.approx(5)
    [record] = [one for one in DatasetFolder(ROOT / "examples") if "hc_195" in one.file_name]
    replayed = Recipe.load("out/small.recipe.json").apply(record.layout, default_registry())
    assert replayed.structures == grown.structures
    assert (read_image(Path("out/small.png")) != DatasetFolder(ROOT / "examples").image(record)).any()


def _abnormal_images() -> None:
    assert {path.name for path in Path("out").glob("atresia.*")} == {
        *("atresia.layout.json", "atresia.recipe.json", "atresia.organs.png"),
    }


def _counterfactuals() -> None:
    text = DOCUMENTS["counterfactuals"].read_text(encoding="utf-8")
    names = re.findall(r"`([a-z-]+\.(?:recipe\.json|png|json|safetensors))`", text)
    assert len(names) == 8
    assert all(Path("out/dilated", name).is_file() for name in names)


def _own_scans() -> None:
    assert len(list(Path("out/mine-yolo/labels").rglob("*.txt"))) == len(DatasetFolder(Path("data/mine")))
    assert len(DatasetFolder(Path("out/found"))) == len(DatasetFolder(ROOT / "examples"))


def _training() -> None:
    assert list(Path("out/mine").glob("*.png"))


def _fine_tuning() -> None:
    assert Path("runs/fine-tuned/model/controlnet").is_dir()
    assert Path("out/after/comparison.md").is_file()


def _labelled_data_sets() -> None:
    for folder in ("out/synthetic", "out/balanced"):
        labels = {record.extra["label"] for record in DatasetFolder(Path(folder))}
        assert labels == {"normal", "abnormal"}
    assert "; 0 refusals" in Path("data/found/report.md").read_text(encoding="utf-8")


CHECKS = {
    "README": _readme,
    "edit": _edit,
    "biometry": _biometry,
    "abnormal-images": _abnormal_images,
    "counterfactuals": _counterfactuals,
    "own-scans": _own_scans,
    "training": _training,
    "fine-tuning": _fine_tuning,
    "labelled-data-sets": _labelled_data_sets,
}


def test_the_readme_is_short() -> None:
    assert len(DOCUMENTS["README"].read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files_of_the_repository(name: str) -> None:
    path = DOCUMENTS[name]
    links = re.findall(r"\]\((?![a-z]+:|#)([^)#]+)", path.read_text(encoding="utf-8"))
    made = ("api/", "commands/")  # the site's own pages, which its strict build checks
    assert [link for link in links if not link.startswith(made) and not (path.parent / link).exists()] == []


def test_commands_that_the_text_names_exist() -> None:
    from typer.main import get_command

    from fetalflex.cli.app import app

    known = set(get_command(app).commands)
    for name, path in DOCUMENTS.items():
        named = re.findall(r"`fetalflex ([a-z][a-z-]+)[ `]", path.read_text(encoding="utf-8"))
        assert set(named) <= known, name
