from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fetalflex.anatomy import Layout
from fetalflex.data import DatasetFolder, Record
from fetalflex.diffusion.guidance import Guidance
from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.evaluate import EvaluationSettings, evaluate
from fetalflex.evaluation.metrics.catalogue import METRICS
from fetalflex.evaluation.report.comparison import read_report
from fetalflex.evaluation.report.writing import write_report
from fetalflex.evaluation.results import AUDITS, Results
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling

SETTINGS = EvaluationSettings("val", limit=2, sampling=Sampling(steps=1), with_edits=False)


def test_everything_is_measured(results: Results) -> None:
    [plane] = results.planes.values()
    assert set(plane.metrics) == {metric.name for metric in METRICS} - {"fid_inception_roi", "lpips_roi"}
    assert all(len(values) == 6 for values in plane.sample_metrics.values())
    assert set(plane.audits) == set(AUDITS)
    assert len(plane.training) == 36
    assert len(plane.audits["grey"].held_out_distances) == 12
    assert len(results.adherence["skull"].verdicts) == 6


def test_the_facts_say_what_was_evaluated(results: Results, pipeline: FetalFlexPipeline) -> None:
    assert results.facts["model"] == pipeline.identity
    assert results.facts["extractor"].startswith("EfficientNet-Lite0 (ImageNet, ")
    assert results.facts["image_size"] == 64
    assert results.facts["images"] == 6
    assert results.facts["sampling"]["steps"] == 2
    assert json.loads(json.dumps(results.facts)) == results.facts


def test_what_needs_networks_that_are_not_there_is_noted(results: Results) -> None:
    missing = [note for note in results.notes if note.startswith("Not measured: ")]
    assert [note.split()[2] for note in missing] == ["FID", "LPIPS"]


def test_few_held_out_images_are_noted(results: Results) -> None:
    assert any("rests on 12 held-out images" in note for note in results.notes)


def test_finished_syntheses_are_measured_again_without_the_model(
    pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = evaluate(pipeline, [phantoms], tmp_path / "out", SETTINGS)
    monkeypatch.setattr(FetalFlexPipeline, "batch", lambda *_, **__: pytest.fail("nothing is missing"))
    again = evaluate(pipeline, [phantoms], tmp_path / "out", replace(SETTINGS, batch_size=1))
    for name, metric in first.planes["thalamic_transverse"].metrics.items():
        assert again.planes["thalamic_transverse"].metrics[name].value == pytest.approx(metric.value, rel=1e-3), name


def test_other_settings_need_another_folder(
    pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path: Path
) -> None:
    evaluate(pipeline, [phantoms], tmp_path / "out", SETTINGS)
    with pytest.raises(FetalFlexError, match="seed was 0, now 1"):
        evaluate(pipeline, [phantoms], tmp_path / "out", replace(SETTINGS, seed=1))


def test_a_perfect_model_has_perfect_numbers_and_copies_nothing(
    pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that gives the real held-out image back."""
    found = _evaluate_with(lambda image, _: image, pipeline, phantoms, tmp_path, monkeypatch)
    plane = found.planes["thalamic_transverse"]
    assert plane.metrics["psnr_roi"].value == np.inf
    assert plane.metrics["ms_ssim_roi"].value == pytest.approx(1)
    assert plane.metrics["perceptual_roi"].value == 0
    assert plane.metrics["kid_roi"].value == pytest.approx(0, abs=1e-9)
    assert plane.metrics["kid_roi_training"].value == pytest.approx(plane.metrics["real_kid_roi_training"].value)


def test_a_model_that_repeats_training_images_is_caught(
    pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = [phantoms.image(record) for record in phantoms.subset(split="train")]

    def repeat(image: np.ndarray, roi: np.ndarray) -> np.ndarray:
        """Put a mirrored training image there, brightened."""
        return np.where(roi, (trained[4][:, ::-1] * 0.7 + 20).astype(np.uint8), image)

    found = _evaluate_with(repeat, pipeline, phantoms, tmp_path, monkeypatch, replace(SETTINGS, roi="full"))
    audit = found.planes["thalamic_transverse"].audits["grey"]
    assert not audit.is_far.any()
    assert set(audit.nearest) == {4}


def _evaluate_with(
    make: Any,
    pipeline: FetalFlexPipeline,
    phantoms: DatasetFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: EvaluationSettings = SETTINGS,
) -> Results:
    original = FetalFlexPipeline.batch

    def stand_in(self: FetalFlexPipeline, requests: Any, *args: Any, **options: Any) -> Any:
        made = original(self, requests, *args, **options)
        return [
            replace(one, image=make(request.image, np.ones_like(one.roi_mask)))
            for one, request in zip(made, requests, strict=True)
        ]

    monkeypatch.setattr(FetalFlexPipeline, "batch", stand_in)
    return evaluate(pipeline, [phantoms], tmp_path / "out", settings)


def test_the_region_is_the_one_asked_for(pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path: Path) -> None:
    settings = replace(SETTINGS, with_edits=False, with_audit=False)
    ellipse = evaluate(pipeline, [phantoms], tmp_path / "ellipse", settings)
    box = evaluate(pipeline, [phantoms], tmp_path / "box", replace(settings, roi="box"))
    assert (ellipse.facts["roi"], box.facts["roi"]) == ("auto", "box")
    values = [found.planes["thalamic_transverse"].metrics["psnr_roi"].value for found in (ellipse, box)]
    assert values[0] != values[1]
    with pytest.raises(FetalFlexError, match="roi was 'auto', now 'box'"):
        evaluate(pipeline, [phantoms], tmp_path / "ellipse", replace(settings, roi="box"))


def test_without_the_audit_no_training_image_is_read(
    pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path: Path
) -> None:
    found = evaluate(pipeline, [phantoms], tmp_path / "out", replace(SETTINGS, with_edits=False, with_audit=False))
    [plane] = found.planes.values()
    assert plane.audits == {}
    assert found.facts["training_images"] == 0
    assert "kid_roi" in plane.metrics
    assert "kid_roi_training" not in plane.metrics
    assert not any("audit" in note for note in found.notes)


@pytest.mark.parametrize(
    ("layout", "edit", "with_edits", "expected"),
    [(0, 0, True, "null"), (0, 1, False, "null"), (0, 1, True, "given"), (1, 0, True, "given")],
)
def test_the_layout_is_hidden_if_no_image_depends_on_it(
    pipeline: FetalFlexPipeline,
    phantoms: DatasetFolder,
    tmp_path: Path,
    layout: float,
    edit: float,
    with_edits: bool,
    expected: str,
) -> None:
    sampling = Sampling(steps=1, guidance=Guidance(layout=layout, edit=edit))
    settings = EvaluationSettings("val", limit=1, sampling=sampling, with_edits=with_edits, with_audit=False)
    assert evaluate(pipeline, [phantoms], tmp_path, settings).facts["layout"] == expected


def test_without_training_images_there_is_no_audit(
    pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path: Path
) -> None:
    found = evaluate(pipeline, [phantoms.subset(split="val")], tmp_path / "out", SETTINGS)
    plane = found.planes["thalamic_transverse"]
    assert plane.audits == {}
    assert "kid_roi_training" not in plane.metrics
    assert "kid_roi" in plane.metrics
    assert any("no memorisation audit" in note for note in found.notes)


def test_local_edits_are_made_and_measured_if_asked_for(
    pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, with_local_edits=True, with_audit=False, blurs=())
    found = evaluate(pipeline, [phantoms], tmp_path / "out", settings)
    assert found.blurs == {}
    assert found.local_edits is not None
    metrics = found.local_edits.planes["thalamic_transverse"]
    assert metrics["tone_error"].count == 2
    assert metrics["seam_step"].value > 0
    assert "psnr_roi" not in metrics
    plain = found.planes["thalamic_transverse"].metrics
    assert metrics["tone_shift"].value != plain["tone_shift"].value
    assert len(list((tmp_path / "out/syntheses").glob("*.moved.png"))) == 2


def test_names_are_exchanged_if_asked_for(pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path: Path) -> None:
    settings = replace(SETTINGS, limit=6, names_on=1, with_audit=False, blurs=())
    found = evaluate(pipeline, [phantoms], tmp_path / "out", settings)
    assert found.names is not None
    (pair,) = found.names.scored()
    assert pair.pair.names == ("cavum_septi_pellucidi", "thalami")
    write_report(found, pipeline.registry)
    report = read_report(tmp_path / "out" / "report.json")
    assert report["names"]["pairs"][0]["way"]["value"] == pytest.approx(pair.way.value, abs=1e-4)
    assert "## Names" in (tmp_path / "out/report.md").read_text()
    assert (tmp_path / "out/names.png").is_file()
    plain = evaluate(pipeline, [phantoms], tmp_path / "out", replace(settings, names_on=0))
    write_report(plain, pipeline.registry)
    assert not (tmp_path / "out/names.png").exists()


def test_without_pairs_that_differ_no_names_are_exchanged(
    pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path: Path
) -> None:
    found = evaluate(pipeline, [phantoms], tmp_path / "out", replace(SETTINGS, names_on=1, with_audit=False, blurs=()))
    assert found.names is not None
    assert found.names.pairs == ()  # two images do not say whether structures differ


def test_a_single_image_has_no_intervals_and_no_kid(
    pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path: Path
) -> None:
    found = evaluate(pipeline, [phantoms], tmp_path, replace(SETTINGS, limit=1))
    plane = found.planes["thalamic_transverse"]
    assert not any("FID" in note for note in found.notes if "Inception" not in note)
    assert "kid" not in plane.metrics
    assert plane.metrics["psnr"].estimate.low is None


def test_planes_are_drawn_independently(pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path: Path) -> None:
    """The same images as two planes: equal numbers, but other draws."""
    heads = list(phantoms.subset(split="val"))[:5]
    twins = [replace(one, file_name=f"v/{one.file_name}", layout=_as_ventricular(one.layout)) for one in heads]
    items = [(one, phantoms.image(head)) for some in (heads, twins) for one, head in zip(some, heads, strict=True)]
    both = DatasetFolder.write(tmp_path / "both", items)
    planes = evaluate(pipeline, [both], tmp_path / "out", replace(SETTINGS, limit=None)).planes.values()
    first, second = (plane.metrics["reconstruction_psnr"] for plane in planes)
    assert first.value == pytest.approx(second.value)
    assert not np.allclose(first.drawn, second.drawn)


def _as_ventricular(layout: Layout) -> Layout:
    return replace(layout, plane="ventricular_transverse", structures=layout.find("skull"))


def test_images_trained_on_are_not_held_out(
    pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path: Path
) -> None:
    found = evaluate(pipeline, [phantoms], tmp_path, replace(SETTINGS, split="train"))
    assert len(found.planes["thalamic_transverse"].audits["grey"].held_out_distances) == 12


def test_leaks_and_left_out_images_are_noted(
    pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path: Path
) -> None:
    record = phantoms.subset(split="train")[0]
    image = phantoms.image(record)
    same = replace(record, file_name="images/again.png", split="val")
    empty = Record("images/empty.png", record.layout.with_structures(()), split="val")
    other = DatasetFolder.write(tmp_path / "other", [(same, image), (empty, image)])
    for with_audit in (True, False):
        settings = replace(SETTINGS, limit=None, with_audit=with_audit)
        notes = evaluate(pipeline, [phantoms, other], tmp_path / "out", settings).notes
        assert any("1 images of the split hold no structure" in note for note in notes)
        assert any("1 patients of the split are also in the split train" in note for note in notes)


def test_another_extractor_can_be_given_whatever_its_size(
    pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path: Path
) -> None:
    class GreyAndEdges:
        name = "grey-and-edges-1"
        size = 48
        width = 2

        def maps(self, pixels: torch.Tensor) -> list[torch.Tensor]:
            grey = pixels[:, :1]
            return [torch.cat([grey + 2, grey - grey.roll(1, 3)], dim=1)] * 2

        def vectors(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
            return maps[0].mean(dim=(2, 3))

    found = evaluate(pipeline, [phantoms], tmp_path / "out", SETTINGS, GreyAndEdges())
    assert found.facts["extractor"] == "grey-and-edges-1"
    assert any("2 images with 2 features each" in note for note in found.notes)
    assert found.facts["image_size"] == 64


def test_progress_is_told_to_the_end(pipeline: FetalFlexPipeline, phantoms: DatasetFolder, tmp_path: Path) -> None:
    seen: dict[str, tuple[int, list[float]]] = {}

    @contextmanager
    def show(label: str, total: int) -> Any:
        seen[label] = (total, [])
        yield seen[label][1].append

    evaluate(pipeline, [phantoms], tmp_path, SETTINGS, show=show)
    for total, done in seen.values():
        assert done == sorted(done)
        assert done[-1] == total
    totals = {label: total for label, (total, _) in seen.items()}
    assert totals == {"synthesising": 2, "measuring": 2 + 36 + 10, "blurring": 2 * 2}
