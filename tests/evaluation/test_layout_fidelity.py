from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fetalflex.anatomy import Layout, default_registry
from fetalflex.data import DatasetFolder, write_png
from fetalflex.detection import Detector
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.layout_fidelity import KINDS, LayoutFidelity, looks, measure_layout_fidelity
from fetalflex.evaluation.report.fidelity import fidelity_markdown, fidelity_summary, fidelity_values
from fetalflex.evaluation.samples import Selection, select_samples
from fetalflex.evaluation.syntheses import ENLARGED, REMOVED, Task, plan_tasks
from phantoms import draw_phantom


def drawn(layout: Layout) -> np.ndarray:
    return draw_phantom(layout, np.random.default_rng(5))


@pytest.fixture(scope="module")
def selection(phantoms: DatasetFolder) -> Selection:
    return select_samples([phantoms], default_registry(), "val", limit=8)


def fidelity_of(
    make: Any, detector: Detector, selection: Selection, folder: Path, with_edits: bool = True
) -> LayoutFidelity:
    """Measure a model that makes the image `make(task)`."""
    tasks = plan_tasks(selection.evaluated, with_edits)
    kept = KeptSyntheses(folder, {"any": "settings"})
    for task in tasks:
        write_png(kept.path(task.name), make(task), {})
    done: list[float] = []
    found = measure_layout_fidelity(detector, selection, tasks, kept, 3, done.append)
    assert done[-1] == looks(tasks)
    return found


@pytest.fixture(scope="module")
def obedient(detector: Detector, selection: Selection, tmp_path_factory: pytest.TempPathFactory) -> LayoutFidelity:
    """What is found in images that show exactly what their layouts ask for."""
    return fidelity_of(lambda task: drawn(task.layout), detector, selection, tmp_path_factory.mktemp("obedient"))


@pytest.fixture(scope="module")
def deaf(detector: Detector, selection: Selection, tmp_path_factory: pytest.TempPathFactory) -> LayoutFidelity:
    """What is found if a model gives the real image back, whatever the layout."""
    return fidelity_of(lambda task: task.sample.image(), detector, selection, tmp_path_factory.mktemp("deaf"))


def test_the_real_images_are_the_ceiling(deaf: LayoutFidelity, detector: Detector) -> None:
    assert tuple(deaf.structures) == KINDS
    assert deaf.structures["unedited"] == deaf.structures["real"]
    assert deaf.structures["real"]["skull"].precision.ap50 == 1
    assert deaf.structures["real"]["skull"].found.value == 1
    assert deaf.detector == detector.identity


def test_a_model_that_obeys_reaches_it(obedient: LayoutFidelity) -> None:
    skull = obedient.structures["unedited"]["skull"]
    assert skull.precision.ap50 == 1
    assert skull.iou.value > 0.7
    assert skull.precision.images == 8


def test_what_edits_do_tells_obedience(obedient: LayoutFidelity, deaf: LayoutFidelity) -> None:
    good, bad = obedient.edits["skull"], deaf.edits["skull"]
    assert good.enlarged_iou.value > bad.enlarged_iou.value
    assert good.unenlarged_iou.value < bad.unenlarged_iou.value
    assert list(bad.still_found) == ["real", "unedited", "removed"]
    assert bad.still_found["removed"].value == bad.still_found["real"].value == 1
    assert "skull" not in obedient.structures[REMOVED]
    assert obedient.structures[ENLARGED]["skull"].iou.value == pytest.approx(good.enlarged_iou.value)


def test_a_blank_image_has_nothing(detector: Detector, selection: Selection, tmp_path: Path) -> None:
    def blank(task: Task) -> np.ndarray:
        return np.zeros((task.layout.height, task.layout.width), np.uint8)

    found = fidelity_of(blank, detector, selection, tmp_path / "out", with_edits=False)
    assert found.means("unedited")[1] < 0.1
    assert found.means("real")[0] > 0.6
    assert list(found.structures) == ["real", "unedited"]
    assert found.edits == {}


def test_a_detector_that_has_seen_the_images_is_told(
    obedient: LayoutFidelity, detector: Detector, phantoms: DatasetFolder, tmp_path: Path
) -> None:
    [note] = obedient.notes
    assert note.startswith("36 of the 36 patients in the split train")
    seen = select_samples([phantoms], default_registry(), "train", limit=2)
    notes = fidelity_of(lambda task: task.sample.image(), detector, seen, tmp_path / "seen", False).notes
    assert notes[0].startswith("2 of the 2 evaluated patients are among those")
    silent = Detector(detector.config.model_copy(update={"training": None}), detector.network)
    assert "does not say" in fidelity_of(lambda t: t.sample.image(), silent, seen, tmp_path / "silent", False).notes[0]


def test_planes_that_the_detector_does_not_know_are_left_out(
    detector: Detector, selection: Selection, tmp_path: Path
) -> None:
    first, second, *_ = selection.evaluated
    turned = replace(second.record, layout=replace(second.layout, plane="ventricular_transverse"))
    mixed = replace(selection, evaluated=(first, replace(second, record=turned)))
    found = fidelity_of(lambda task: task.sample.image(), detector, mixed, tmp_path / "out", False)
    assert found.notes[0] == "The detector does not know ventricular_transverse, which are left out."
    assert found.structures["real"]["skull"].precision.images == 1


@pytest.mark.parametrize("stem", ["head.removed", "head.enlarged"])
def test_an_image_that_is_called_like_an_edit_is_none(
    detector: Detector, phantoms: DatasetFolder, selection: Selection, tmp_path: Path, stem: str
) -> None:
    record = selection.evaluated[0].record
    DatasetFolder.write(tmp_path / "set", [(replace(record, file_name=f"{stem}.png"), phantoms.image(record))])
    named = select_samples([DatasetFolder(tmp_path / "set")], default_registry(), "val")
    found = fidelity_of(lambda task: drawn(task.layout), detector, named, tmp_path / "out")
    assert tuple(found.structures) == KINDS
    assert all(structure.precision.images == 1 for kind in KINDS for structure in found.structures[kind].values())
    assert len(found.pairs) == 1


def test_the_report_shows_all_kinds(obedient: LayoutFidelity) -> None:
    values = fidelity_values(obedient)
    assert json.loads(json.dumps(values)) == values
    assert list(values["kinds"]) == list(KINDS)
    assert values["edits"]["skull"]["found_at_all"]["removed"]["count"] == 8
    text = "\n".join(fidelity_markdown(obedient))
    assert "| structure | measure | real | unedited | enlarged | removed |" in text
    assert "| skull | AP50 | 1.000 | 1.000 |" in text
    assert "36 of the 36 patients" in text
    assert fidelity_summary(obedient)[0].startswith("layout fidelity: AP50 ")
    assert fidelity_summary(obedient)[1].startswith("skull removed, still found: ")
