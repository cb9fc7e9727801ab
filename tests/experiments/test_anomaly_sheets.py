from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from experiment_helpers import write_dataset
from PIL import Image

from fetalflex.anatomy import Box, PlacedStructure, default_registry
from fetalflex.anatomy.anomalies import AnomalyLibrary, default_library
from fetalflex.data import read_image
from fetalflex.errors import FetalFlexError
from fetalflex.experiments.anomaly_plan import PAGE, image_count, plan_sheets, sheet_files
from fetalflex.experiments.anomaly_sheets import make_sheets
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from small_layouts import ABDOMEN, HEAD

REGISTRY = default_registry()


def library(*names: str) -> AnomalyLibrary:
    whole = default_library()
    return AnomalyLibrary(
        [whole.anomaly(name) for name in names], whole.rules, whole.directions, whole.sources, whole.signs
    )


def test_every_anomaly_is_planned_with_all_its_grades_on_an_image_that_suits_it(tmp_path: Path) -> None:
    plans = plan_sheets(default_library(), write_dataset(tmp_path / "set", ABDOMEN, HEAD), REGISTRY)
    assert [plan.anomaly.name for plan in plans] == [anomaly.name for anomaly in default_library()]
    shown = {plan.anomaly.name: plan for plan in plans if plan}
    assert set(shown) == {
        *("microcephaly", "macrocephaly", "duodenal_atresia", "absent_stomach", "dilated_stomach"),
        *("displaced_stomach", "displacement", "size_change", "absence"),
    }
    for plan in shown.values():
        assert plan.record is not None
        assert [variant.severity for variant in plan.variants] == [grade.name for grade in plan.anomaly.severities]
        assert all(variant.before == plan.record.layout for variant in plan.variants)
    assert {shown[name].variants[0].structure for name in ("displacement", "absence")} == {"stomach"}
    assert image_count(plans) == sum(1 + len(plan.variants) for plan in shown.values())


def test_neighbours_in_the_library_take_turns_among_images(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "set", ABDOMEN, ABDOMEN.mirrored_horizontally(), ABDOMEN)
    plans = plan_sheets(library("absent_stomach", "dilated_stomach", "displaced_stomach"), dataset, REGISTRY)
    assert [plan.record and plan.record.file_name for plan in plans] == [f"images/{i}.png" for i in range(3)]


def test_an_image_on_which_the_anomaly_stays_inside_goes_before_others(tmp_path: Path) -> None:
    nuchal = PlacedStructure("nuchal_translucency", Box(60, 66, 40, 6))
    bone = PlacedStructure("nasal_bone", Box(60, 20, 12, 4))
    inside = replace(ABDOMEN, plane="facial_sagittal", structures=(nuchal, bone))
    cut = inside.with_structures((replace(nuchal, box=Box(60, 78, 40, 6)), bone))
    dataset = write_dataset(tmp_path / "set", cut, inside)
    [plan] = plan_sheets(library("increased_nuchal_translucency"), dataset, REGISTRY)
    assert plan.record is not None
    assert plan.record.file_name == "images/1.png"


def test_a_data_set_that_suits_nothing_is_refused(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "set", HEAD)
    with pytest.raises(FetalFlexError, match="none of the 1 images suits any of the 1 anomalies"):
        plan_sheets(library("absent_stomach"), dataset, REGISTRY)


def test_sheets_and_page_are_written_and_shown(pipeline: FetalFlexPipeline, tmp_path: Path) -> None:
    some, dataset = library("cleft_lip", "dilated_stomach"), write_dataset(tmp_path / "set", ABDOMEN)
    plans = plan_sheets(some, dataset, REGISTRY, seed=3)
    out, told = tmp_path / "out", []
    page = make_sheets(pipeline, some, dataset, plans, out, seed=3, steps=2, on_progress=told.append)
    assert page == out / PAGE
    assert sorted(path for path in out.rglob("*") if path.is_file()) == sorted(sheet_files(plans, out))
    assert told[-1] == image_count(plans) == 3
    text = page.read_text(encoding="utf-8")
    [shown] = re.findall(r"\]\((.*)\)", text)
    assert read_image(out / shown).shape[1] > 800
    with Image.open(out / shown) as sheet:
        assert b"not for diagnosis" in sheet.info["comment"]
    assert "Not shown: no example lets it be drawn. The layout must hold lips." in text
    with pytest.raises(FetalFlexError, match="already there"):
        make_sheets(pipeline, some, dataset, plans, out, steps=1)
    make_sheets(pipeline, some, dataset, plans, out, steps=1, force=True)
