from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fetalflex.anatomy import Box, Layout, PlacedStructure, Recipe, default_registry
from fetalflex.data import DatasetFolder, Record, read_image, read_png_text
from fetalflex.errors import FetalFlexError
from fetalflex.experiments.gallery import NOTICE, gallery_files, image_count, make_gallery, plan_gallery
from fetalflex.files import MARKER
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling
from fetalflex.provenance import SYNTHETIC_LIST

ABDOMEN = Layout(
    "abdominal_transverse",
    72,
    56,
    (PlacedStructure("abdomen", Box(36, 28, 48, 40)), PlacedStructure("stomach", Box(30, 38, 12, 8))),
)
VENTRICLE = Layout(
    "ventricular_transverse",
    64,
    64,
    (PlacedStructure("skull", Box(32, 32, 40, 30)), PlacedStructure("lateral_ventricle", Box(22, 36, 8, 5))),
)
WITHOUT_STOMACH = replace(ABDOMEN, structures=ABDOMEN.structures[:1])


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetFolder:
    """An abdomen without a stomach, two with one, a head, and a femur."""
    layouts = (WITHOUT_STOMACH, ABDOMEN, ABDOMEN, VENTRICLE, Layout("femur", 64, 64))
    rng = np.random.default_rng(0)
    return DatasetFolder.write(
        tmp_path / "set",
        [
            (Record(f"images/{i}.png", layout), rng.integers(0, 255, (layout.height, layout.width), dtype=np.uint8))
            for i, layout in enumerate(layouts)
        ],
    )


@pytest.fixture
def small(dataset: DatasetFolder, monkeypatch: pytest.MonkeyPatch) -> DatasetFolder:
    """The same data set, with only the first two edits of each plane."""
    from fetalflex.experiments import gallery

    shown = {plane: edits[:2] for plane, edits in gallery.SHOWN_EDITS.items()}
    monkeypatch.setattr(gallery, "SHOWN_EDITS", shown)
    return dataset


def test_the_first_image_of_each_plane_that_holds_what_is_edited_is_shown(dataset: DatasetFolder) -> None:
    scenes = plan_gallery(dataset, default_registry())
    assert [(scene.name, scene.record.file_name) for scene in scenes] == [
        ("ventricular_transverse", "images/3.png"),
        ("abdominal_transverse", "images/1.png"),
    ]


def test_more_sheets_per_plane_are_numbered(dataset: DatasetFolder) -> None:
    scenes = plan_gallery(dataset, default_registry(), per_plane=3)
    assert [scene.name for scene in scenes] == [
        "ventricular_transverse",
        "abdominal_transverse",
        "abdominal_transverse-2",
    ]
    assert len(set(gallery_files(scenes, Path("out")))) == len(gallery_files(scenes, Path("out")))


def test_a_scene_moves_enlarges_shrinks_rotates_and_removes(dataset: DatasetFolder) -> None:
    scene = plan_gallery(dataset, default_registry())[1]
    assert [variant.title for variant in scene.variants] == [
        "Synthesis, layout unedited",
        "Stomach moved",
        "Stomach enlarged to 150%",
        "Stomach shrunk to 60%",
        "Stomach rotated by 30°",
        "Stomach removed",
    ]
    assert scene.variants[0].layout == scene.record.layout
    assert len({variant.layout for variant in scene.variants}) == 6


def test_a_data_set_without_a_suitable_image_is_refused(dataset: DatasetFolder) -> None:
    with pytest.raises(FetalFlexError, match="none of the 1 images suits the gallery"):
        plan_gallery(dataset.subset(planes=["femur"]), default_registry())


def test_all_announced_files_are_written_and_no_others(
    small: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    scenes = plan_gallery(small, pipeline.registry)
    page = make_gallery(pipeline, scenes, out, steps=2)
    assert page == out / "index.html"
    own = {MARKER, SYNTHETIC_LIST}
    assert sorted(gallery_files(scenes, out)) == sorted(
        path for path in out.rglob("*") if path.is_file() and path.name not in own
    )
    assert image_count(scenes) == len(list((out / "images").glob("*.png"))) == 6


def test_every_image_is_what_the_saved_recipe_gives(
    small: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path
) -> None:
    scenes = plan_gallery(small, pipeline.registry)
    make_gallery(pipeline, scenes, tmp_path / "out", seed=5, steps=2)
    for scene in scenes:
        for variant in scene.variants[1:]:
            before = scene.record.layout
            recipe = Recipe.load(tmp_path / "out" / "images" / f"{variant.name}.recipe.json")
            again = pipeline.edit(
                scene.image, before, recipe.apply(before, pipeline.registry), seed=5, sampling=Sampling(steps=2)
            )
            written = read_image(tmp_path / "out" / "images" / f"{variant.name}.png")
            assert np.abs(again.image.astype(int) - written).max() <= 1
            kept = ~pipeline.edit_roi(before, variant.layout)
            assert kept.any()
            np.testing.assert_array_equal(written[kept], scene.image[kept])


def test_sheets_and_images_say_that_they_are_synthetic(
    small: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path
) -> None:
    make_gallery(pipeline, plan_gallery(small, pipeline.registry), tmp_path / "out", steps=1)
    for path in (tmp_path / "out").rglob("*.png"):
        text = read_png_text(path)
        assert text["Synthetic"] == "true"
        assert "not for diagnosis" in text["Description"]
    assert NOTICE in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_the_page_links_to_files_of_the_gallery_alone(
    small: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path
) -> None:
    scenes = plan_gallery(small, pipeline.registry)
    page = make_gallery(pipeline, scenes, tmp_path / "out", steps=1)
    links = re.findall(r'(?:href|src)="([^"]+)"', page.read_text(encoding="utf-8"))
    linked = {page.parent / link for link in links}
    assert linked == set(gallery_files(scenes, page.parent)) - {page}
    assert "<script" not in page.read_text(encoding="utf-8")


def test_progress_counts_all_images(small: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path) -> None:
    scenes = plan_gallery(small, pipeline.registry)
    seen: list[float] = []
    make_gallery(pipeline, scenes, tmp_path / "out", steps=2, on_progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == image_count(scenes)


def test_a_gallery_that_is_there_is_replaced_only_when_told(
    small: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path
) -> None:
    scenes = plan_gallery(small.subset(planes=["ventricular_transverse"]), pipeline.registry)
    make_gallery(pipeline, scenes, tmp_path / "out", steps=1)
    with pytest.raises(FetalFlexError, match="already there"):
        make_gallery(pipeline, scenes, tmp_path / "out", steps=1)
    make_gallery(pipeline, scenes, tmp_path / "out", steps=1, force=True)


def test_a_page_of_somebody_else_is_never_replaced(small: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "index.html").write_text("my home page")
    scenes = plan_gallery(small, pipeline.registry)
    with pytest.raises(FetalFlexError, match=r"is not empty \(index\.html\) and is not a gallery that FetalFlex wrote"):
        make_gallery(pipeline, scenes, tmp_path / "out", steps=1, force=True)
    assert (tmp_path / "out" / "index.html").read_text() == "my home page"
