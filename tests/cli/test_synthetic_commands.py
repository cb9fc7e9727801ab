"""Commands that want real images take no synthetic ones for them, whichever way these came."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_helpers import RunCommand, run_command
from PIL import Image

from fetalflex.data import DatasetFolder, read_image, read_png_text
from fetalflex.provenance import SYNTHETIC_LIST, mark_of_fields
from phantoms import write_phantoms

HEADS = {"plane": "thalamic_transverse", "split": "train"}
NO_CHECKS = {"layout": False, "anomaly": False, "least_grey": 0, "least_contrast": 0, "copy_correlation": None}
PLAN = {"sampling": {"steps": 1}, "checks": NO_CHECKS, "entries": [HEADS | {"normal": True, "count": 2}]}


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Phantoms in `set`, two syntheses of them in `made`, and a set that `augment` made of them in `augmented`."""
    root = tmp_path_factory.mktemp("synthetic")
    write_phantoms(root / "set", 8)
    (root / "plan.yaml").write_text(yaml.safe_dump(PLAN))
    model = ("--model", tiny_model, "--device", "cpu")
    from_set = ("--dataset", root / "set", "--split", "train", "--limit", 2)
    run_command("generate", *from_set, "--out", root / "made", "--steps", 1, "--seed", 5, *model)
    run_command("augment", root / "set", "--plan", root / "plan.yaml", "--out", root / "augmented", *model)
    return root


@pytest.fixture
def generated(made_once: Path, workplace: Path) -> Path:
    """Two syntheses of phantoms in a folder, as `generate` writes them, and the phantoms beside it."""
    for name in ("set", "made"):
        shutil.copytree(made_once / name, workplace / name)
    return workplace / "made"


def write_table(folder: Path, names: list[str]) -> None:
    rows = [f"{name},skull,8,8,50,50,{name},train" for name in names]
    (folder / "boxes.csv").write_text("\n".join(["file,label,x0,y0,x1,y1,patient,split", *rows]))


def marks(folder: str) -> list[Any]:
    return [mark_of_fields(record.extra) for record in DatasetFolder(Path(folder))]


def save_anew(folder: Path, kind: str) -> None:
    """Save all images of a folder with another program, so that their text is gone."""
    for path in folder.glob("*.png"):
        pixels = read_image(path)
        path.unlink()
        Image.fromarray(pixels).save(path.with_suffix(".jpg" if kind == "JPEG" else ".png"), kind, quality=90)


class TestTheWayIn:
    @pytest.mark.parametrize("saved", [None, "PNG", "JPEG"])
    def test_prepare_of_generated_images(self, run: RunCommand, generated: Path, saved: str | None) -> None:
        if saved:
            save_anew(generated, saved)
        names = sorted(path.name for path in generated.iterdir() if path.suffix in (".png", ".jpg"))
        write_table(generated, names)
        options = ("--format", "table", "--plane", "thalamic_transverse", "--keep-splits")
        text = run("prepare", "made", *options, "--out", "data").stdout
        assert "2 images taken" in text
        assert [mark.facts["seed"] for mark in marks("data")] == [5, 6]
        assert all(read_png_text(path)["Synthetic"] == "true" for path in Path("data/images").iterdir())
        assert (Path("data") / SYNTHETIC_LIST).is_file()
        report = json.loads(Path("data/report.json").read_text())
        assert any("2 of 2 images are synthetic" in remark for remark in report["remarks"])
        assert len([note for note in report["notes"] if "taken as synthetic" in note["reason"]]) == (2 if saved else 0)

    @pytest.mark.parametrize("saved", [None, "PNG", "JPEG"])
    def test_detect_in_generated_images(
        self, run: RunCommand, generated: Path, detector_folder: Path, saved: str | None
    ) -> None:
        if saved:
            save_anew(generated, saved)
        text = run("detect", "made", "--out", "found", "--model", detector_folder).stdout
        assert "2 images are synthetic" in text
        assert [mark.facts["seed"] for mark in marks("found")] == [5, 6]
        assert all("model" in mark.facts for mark in marks("found"))
        assert all(read_png_text(path)["Synthetic"] == "true" for path in Path("found/images").iterdir())
        assert read_png_text(Path("found/review-1.png"))["Synthetic"] == "true"
        assert all(one["synthetic"] for one in json.loads(Path("found/detections.json").read_text())["images"])

    @pytest.mark.usefixtures("generated")
    def test_real_images_have_no_mark(self, run: RunCommand, detector_folder: Path) -> None:
        run("detect", "set", "--out", "found", "--model", detector_folder)
        assert marks("found") == [None] * 8
        assert not Path("found", SYNTHETIC_LIST).exists()
        assert "Synthetic" not in read_png_text(Path("found/review-1.png"))
        assert "not for diagnosis" in read_png_text(Path("found/review-1.png"))["Description"]


class TestWhatWantsRealImages:
    @pytest.fixture(params=["augment", "detect", "export", "pack"])
    def fakes(
        self, request: pytest.FixtureRequest, run: RunCommand, made_once: Path, workplace: Path, detector_folder: Path
    ) -> str:
        """A data set of synthetic heads that came in different ways."""
        for name in ("set", "augmented"):
            shutil.copytree(made_once / name, workplace / name)
        shutil.copy(made_once / "plan.yaml", workplace)
        if request.param == "detect":
            run("detect", "augmented", "--plane", "TT", "--min-score", 0, "--out", "fakes", "--model", detector_folder)
        elif request.param == "export":
            run("export", "augmented", "--format", "voc", "--out", "voc")
            run("prepare", "voc", "--format", "voc", "--keep-splits", "--out", "fakes")
        elif request.param == "pack":
            run("pack", "augmented", "--out", "fakes.safetensors", "--size", 64)
        return {"augment": "augmented", "pack": "fakes.safetensors"}.get(request.param, "fakes")

    def test_augment(self, run: RunCommand, fakes: str, tiny_model: Path) -> None:
        options = ("--plan", "plan.yaml", "--out", "again", "--model", tiny_model, "--device", "cpu")
        error = run("augment", fakes, *options, code=2).stderr
        assert "2 synthetic images are left out; --allow-synthetic takes them" in error
        assert not Path("again").exists()
        if fakes != "augmented":
            return
        run("augment", fakes, *options, "--allow-synthetic")
        assert all(mark is not None for mark in marks("again"))

    def test_train(self, run: RunCommand, fakes: str) -> None:
        config = {
            "stage": "autoencoder",
            "output": "run",
            "data": {"paths": [fakes], "validation_split": "train"},
            "model": "tiny",
            "images": 2,
            "batch_size": 2,
            "autoencoder": {"crops": [{"until": 1.0, "size": 32}]},
            "device": "cpu",
        }
        Path("run.yaml").write_text(yaml.safe_dump(config))
        error = run("train", "autoencoder", "--config", "run.yaml", code=2).stderr
        assert "2 of 2 images are synthetic" in error
        assert "data.allow_synthetic: true" in error
        if fakes != "augmented":
            return
        config["data"]["allow_synthetic"] = True  # type: ignore[index]
        Path("run.yaml").write_text(yaml.safe_dump(config))
        run("train", "autoencoder", "--config", "run.yaml")
        assert Path("run/model").is_dir()

    def test_evaluate_and_experiments(
        self, run: RunCommand, fakes: str, tiny_model: Path, detector_folder: Path
    ) -> None:
        experiments = ("names", "prompts", "abilities", "strengths")
        for command in (("evaluate",), *(("experiment", name) for name in experiments)):
            error = run(*command, tiny_model, fakes, "--split", "train", "--out", "report", "--device", "cpu", code=2)
            assert "2 of 2 images are synthetic" in error.stderr
            assert "--allow-synthetic" in error.stderr
        error = run("evaluate-detector", detector_folder, fakes, "--split", "train", "--out", "report", code=2)
        assert "--allow-synthetic" in error.stderr
        if fakes != "augmented":
            return
        run("evaluate-detector", detector_folder, fakes, "--split", "train", "--out", "report", "--allow-synthetic")
        assert read_png_text(Path("report/sheet.png"))["Synthetic"] == "true"


def test_a_comparison_calls_no_synthetic_source_real(run: RunCommand, generated: Path, tiny_model: Path) -> None:
    name = next(path.stem for path in sorted(generated.glob("*.png")))
    options = ("--layout", f"made/{name}.layout.json", "--model", tiny_model, "--steps", 1, "--device", "cpu")
    run("edit", f"made/{name}.png", *options, "--scale", "skull:0.9", "--out", "e.png", "--compare", "c.png")
    assert "the source image, synthetic too" in read_png_text(Path("c.png"))["Description"]
    run(
        *("counterfactual", f"made/{name}.png", "--anomaly", "microcephaly", "--severity", "severe", "--out", "pair"),
        *options,
    )
    assert json.loads(Path("pair/pair.json").read_text())["source_synthetic"] is True
    assert "synthetic too" in read_png_text(Path("pair/sheet.png"))["Description"]
    marked = [path for path in Path("pair").glob("*.png") if read_png_text(path).get("Synthetic") == "true"]
    assert len(marked) == len(list(Path("pair").glob("*.png")))


def test_the_demo_shows_no_synthetic_image_as_real(run: RunCommand, generated: Path, tiny_model: Path) -> None:
    shutil.copytree("set", "fakes")
    coco = json.loads(Path("fakes/annotations.json").read_text())
    for image in coco["images"]:
        image["synthetic"] = True
    Path("fakes/annotations.json").write_text(json.dumps(coco))
    error = run("demo", "--examples", "fakes", "--model", tiny_model, "--out", "demo", code=2).stderr
    assert "none of the 0 images suits" in error
    assert "8 are synthetic" in error


def test_words_of_options_are_utf8(run: RunCommand, generated: Path) -> None:
    write_table(generated, ["a.png"])
    for option, value in (("--plane", "\udcfc"), ("--map", "\udcfc=skull"), ("--columns", "file=\udcfc")):
        done = run("prepare", "made", "--format", "table", option, value, "--out", "data", code=2)
        assert done.stderr.startswith(("error", "Usage"))
