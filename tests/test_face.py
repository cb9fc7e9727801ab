"""What `import fetalflex as ff` offers: everything, lazily, with values that show themselves."""

from __future__ import annotations

import doctest
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fetalflex as ff
from fetalflex.detection import Detection

ROOT = Path(__file__).parents[1]
LAYOUT = ff.Layout(
    "abdominal_transverse",
    96,
    80,
    (ff.PlacedStructure("abdomen", ff.Box(48, 40, 70, 60)), ff.PlacedStructure("stomach", ff.Box(40, 44, 14, 10))),
)
PIXELS = np.random.default_rng(0).integers(20, 90, (80, 96), dtype=np.uint8)
OWN_PLANE = ff.Layout("my_plane", 96, 80)


@pytest.fixture(scope="module")
def synthesis(pipeline: ff.FetalFlexPipeline) -> ff.Synthesis:
    return pipeline(LAYOUT, image=PIXELS, seed=3, sampling=ff.Sampling(steps=1))


@pytest.fixture(scope="module")
def pair(pipeline: ff.FetalFlexPipeline) -> ff.CounterfactualPair:
    variant = ff.default_library().anomaly("absent_stomach").sample(LAYOUT, seed=1)
    return ff.synthesise_pairs(pipeline, PIXELS, [variant], seed=3, sampling=ff.Sampling(steps=1))[0]


def test_every_name_is_there_and_listed() -> None:
    assert all(getattr(ff, name) is not None for name in ff.__all__)
    assert set(ff.__all__) <= set(dir(ff))
    with pytest.raises(AttributeError, match="has no attribute 'Pipeline'"):
        _ = ff.Pipeline


def test_the_import_costs_nothing_heavy() -> None:
    code = "import sys, fetalflex; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"torch", "numpy", "scipy", "pydantic", "PIL.Image", "yaml", "typer"} & set(loaded)


def test_the_examples_in_the_docstrings_run() -> None:
    names = {name: getattr(ff, name) for name in ff.__all__}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    report = io.StringIO()
    for name in ff.__all__:
        for test in doctest.DocTestFinder(recurse=True).find(names[name], name, globs=dict(names)):
            runner.run(test, out=report.write)
    result = runner.summarize(verbose=False)
    assert result.failed == 0, report.getvalue()
    assert result.attempted > 5


def test_a_repr_is_short_and_for_eyes(synthesis: ff.Synthesis, pair: ff.CounterfactualPair, detector: Any) -> None:
    model = synthesis.model
    assert repr(LAYOUT) == "Layout(abdominal_transverse, 96 x 80 px: abdomen, stomach)"
    assert repr(OWN_PLANE) == "Layout(my_plane, 96 x 80 px: no structures)"
    share = f"{synthesis.roi_mask.mean():.0%}"
    assert repr(synthesis) == (f"Synthesis(96 x 80 px, {share} synthetic, seed 3, {model}, {synthesis.prompt!r})")
    assert repr(ff.Request(LAYOUT, PIXELS, seed=2)) == f"Request(layout={LAYOUT}, image=<80 x 96 uint8>, seed=2)"
    assert repr(pair).startswith("CounterfactualPair(absent_stomach, ")
    assert repr(pair.variant) == f"Variant(absent_stomach, {pair.variant.severity}, seed 1: 1 edits)"
    assert repr(ff.open_dataset(str(ROOT / "examples"))).startswith("DatasetFolder(16 images: 4 ")
    assert repr(detector).startswith("Detector(detector-")
    assert repr(ff.default_library()).startswith("AnomalyLibrary(")
    for value in (ff.default_registry(), ff.default_library(), pair, synthesis, detector, ff.Sampling()):
        assert len(repr(value)) < 250
        assert " at 0x" not in repr(value)


def test_notebooks_show_pictures(synthesis: ff.Synthesis, pair: ff.CounterfactualPair) -> None:
    sizes = {}
    examples = ff.DatasetFolder(str(ROOT / "examples")).subset(planes=["abdominal_transverse"])
    for value in (LAYOUT, synthesis, pair, examples):
        png = value._repr_png_()
        assert png is not None
        sizes[type(value)] = Image.open(io.BytesIO(png)).size
    assert sizes[ff.Layout] == sizes[ff.Synthesis] == (96, 80)
    assert min(sizes[ff.DatasetFolder]) > 300
    assert min(sizes[ff.CounterfactualPair]) > 300
    shown = synthesis._repr_png_()
    assert shown is not None
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(shown))), synthesis.image)


def test_a_notebook_shows_text_where_planes_are_unknown() -> None:
    assert OWN_PLANE.with_structures([])._repr_png_() is not None  # nothing in it to draw
    unknown = ff.Layout("my_plane", 96, 80, (ff.PlacedStructure("my_organ", ff.Box(40, 44, 14, 10)),))
    assert unknown._repr_png_() is None


def test_paths_may_be_texts(tmp_path: Path) -> None:
    from fetalflex.data import PackedDataset, export, pack, prepare

    folder = str(ROOT / "examples")
    some = ff.open_dataset(folder).subset(planes=["facial_sagittal"])
    assert pack([some], str(tmp_path / "packed.safetensors"), size=64) > 0
    packed = PackedDataset(str(tmp_path / "packed.safetensors"))
    items = ((record, packed.image(record)) for record in packed)
    export(items, "coco", str(tmp_path / "coco"))
    report = prepare(str(tmp_path / "coco"), "coco", str(tmp_path / "again"))
    assert len(report.records) == len(some)
    assert ff.read_image(str(ROOT / "examples" / "images" / Path(some[0].file_name).name)).ndim == 2


def test_the_detector_takes_pil_images(detector: ff.Detector) -> None:
    [array], [picture] = detector.detect([PIXELS]), detector.detect([Image.fromarray(PIXELS)])
    assert isinstance(array, Detection)
    assert array == picture
    assert detector.to("cpu") is detector


def test_a_pair_takes_pil_images(pipeline: ff.FetalFlexPipeline, pair: ff.CounterfactualPair) -> None:
    picture, sampling = Image.fromarray(PIXELS), ff.Sampling(steps=1)
    [same] = ff.synthesise_pairs(pipeline, picture, [pair.variant], seed=3, sampling=sampling)
    assert np.array_equal(same.abnormal.image, pair.abnormal.image)
    assert np.array_equal(same.source, PIXELS)
