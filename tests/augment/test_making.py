from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from augment_helpers import NOT_CHECKED, contents, made, small_plan

from fetalflex.augment.report import Report
from fetalflex.compute.processes import Processes
from fetalflex.data import DatasetFolder, read_image
from fetalflex.errors import FetalFlexError
from fetalflex.models.components import Components
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from joined_threads import together

CROWDED = NOT_CHECKED | {"attempts": 6, "sources": 1, "duplicate_correlation": 0.03}
"""Images of the random model correlate by -0.1 to 0.1: some of them are that alike, within shards and across them."""


@pytest.fixture(scope="module")
def crowded(heads: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A finished set with near-copies across shards."""
    torch.set_num_threads(1)
    return made(heads, small_plan(checks=CROWDED), tmp_path_factory.mktemp("crowded") / "out", pipeline)


def test_the_set_opens_with_labels_seeds_and_sources(
    heads: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path
) -> None:
    report = made(heads, small_plan(), tmp_path / "out", pipeline)
    assert (report.made, report.failed) == (7, [])
    dataset = DatasetFolder(tmp_path / "out")
    assert len(dataset) == 7
    sources = {record.file_name: record for record in heads}
    for record in dataset:
        source = sources[record.extra["source_image"]]
        assert record.extra["synthetic"] is True
        assert (record.patient, record.split) == (source.patient_key, "val")
        assert (record.extra["model"], record.extra["attempt"]) == (pipeline.identity, 1)
        image, original = dataset.image(record), heads.image(source)
        outside = ~pipeline.edit_roi(source.layout, record.layout)
        assert outside.any()
        assert np.array_equal(image[outside], original[outside])
    labels = [(record.extra["label"], record.extra["anomaly"], record.extra["severity"]) for record in dataset]
    assert labels == [("normal", "none", "none")] * 4 + [("abnormal", "microcephaly", "severe")] * 3
    [skull] = dataset[-1].layout.find("skull")
    [before] = sources[dataset[-1].extra["source_image"]].layout.find("skull")
    assert skull.box.area < 0.8 * before.box.area
    assert dataset.info["synthetic"] is True


def test_every_sample_has_a_line_and_sheets_are_there(crowded: Report) -> None:
    lines = [json.loads(line) for line in (crowded.folder / "samples.jsonl").read_text().splitlines()]
    assert [line["number"] for line in lines] == [1, 2, 3, 4, 5, 6, 7]
    for line in lines:
        assert len(line["rejected"]) == line.get("attempt", 7) - 1
        assert ("file" in line) == ("sha256" in line)
        assert line["source"]["split"] == "val"
    files = {line["file"] for line in lines if "file" in line}
    assert files == {str(path.relative_to(crowded.folder)) for path in crowded.folder.rglob("shards/*/*.png")}
    assert read_image(crowded.folder / "sheet.png").shape[1] > 1000
    assert read_image(crowded.folder / "contact_sheet.png").size


def test_near_copies_across_shards_are_made_again_and_counted(crowded: Report) -> None:
    assert crowded.rounds > 0
    assert crowded.rejected["duplicate"] > 0
    dataset = DatasetFolder(crowded.folder)
    assert len(dataset) == crowded.made
    assert crowded.made + len(crowded.failed) == 7


def test_any_number_of_processes_makes_the_same_files(
    heads: DatasetFolder, shared_model: Components, crowded: Report, tmp_path: Path
) -> None:
    count = 3
    pipelines = [FetalFlexPipeline(copy.deepcopy(shared_model)) for _ in range(count)]

    def work(processes: Processes) -> Report:
        return made(
            heads, small_plan(checks=CROWDED), tmp_path / "out", pipelines[processes.index], processes=processes
        )

    reports = together(work, count)
    assert [report.made for report in reports] == [crowded.made] * count
    assert contents(tmp_path / "out") == contents(crowded.folder)


class StoppedError(Exception):
    """Stands for a process that ends at once."""


def stopping_after(steps: int) -> Callable[[str, int], Iterator[Callable[[float], None]]]:
    @contextmanager
    def show(label: str, total: int) -> Iterator[Callable[[float], None]]:
        calls = iter(range(steps))

        def tell(done: float) -> None:
            if next(calls, None) is None:
                raise StoppedError

        yield tell

    return show


def test_it_goes_on_wherever_it_was_stopped(
    heads: DatasetFolder, pipeline: FetalFlexPipeline, crowded: Report, tmp_path: Path
) -> None:
    stops, steps = 0, 2
    while True:
        try:
            made(heads, small_plan(checks=CROWDED), tmp_path / "out", pipeline, show=stopping_after(steps))
            break
        except StoppedError:
            stops, steps = stops + 1, steps + 2
            assert not (tmp_path / "out" / "annotations.json").exists()
    assert stops > 2
    assert contents(tmp_path / "out") == contents(crowded.folder)


def test_whole_shards_are_kept_and_damaged_ones_made_again(
    heads: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, out = small_plan(), tmp_path / "out"
    made(heads, plan, out, pipeline)
    before, times = contents(out), {path: path.stat().st_mtime_ns for path in out.glob("shards/*/*.png")}
    image = out / "shards/00001/000004-normal-thalamic_transverse.png"
    image.write_bytes(image.read_bytes()[:-5])
    (out / "shards/.0123.partial").mkdir()
    made(heads, plan, out, pipeline)
    assert contents(out) == before
    assert {path for path, time in times.items() if path.stat().st_mtime_ns != time} == {image}
    monkeypatch.setattr(FetalFlexPipeline, "batch", lambda *_, **__: pytest.fail("nothing is missing"))
    made(heads, plan, out, pipeline)
    assert contents(out) == before


def test_progress_is_told_to_the_end(heads: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path) -> None:
    told: list[float] = []

    @contextmanager
    def show(label: str, total: int) -> Iterator[Callable[[float], None]]:
        assert (label, total) == ("synthesising", 7)
        yield told.append

    made(heads, small_plan(), tmp_path / "out", pipeline, show=show)
    assert told == sorted(told)
    assert told[-1] == 7
    assert len(set(told)) > 4


def test_processes_with_different_plans_are_told(
    heads: DatasetFolder, shared_model: Components, tmp_path: Path
) -> None:
    pipelines = [FetalFlexPipeline(copy.deepcopy(shared_model)) for _ in range(2)]

    def work(processes: Processes) -> Report:
        plan = small_plan(seed=processes.index)
        return made(heads, plan, tmp_path / "out", pipelines[processes.index], processes=processes)

    for error in together(work):
        assert isinstance(error, FetalFlexError)
        assert str(error).startswith("plan, data or model: not the same for all 2 processes")


def test_a_set_without_any_image_is_an_error_with_a_report(
    heads: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path
) -> None:
    plan = small_plan(checks=NOT_CHECKED | {"attempts": 2, "sources": 3, "least_grey": 250})
    with pytest.raises(FetalFlexError, match=r"none of the 7 images passed the checks; .*report\.md says why"):
        made(heads, plan, tmp_path / "out", pipeline)
    text = (tmp_path / "out" / "report.md").read_text()
    assert "MISSING: 7 images failed at every attempt" in text
    assert "000001, thalamic_transverse, none of images/" in text
    assert json.loads((tmp_path / "out" / "report.json").read_text())["rejected"]["empty"] == 7 * 2 * 3
    assert not (tmp_path / "out" / "annotations.json").exists()


def test_a_batch_size_out_of_range_is_refused(
    heads: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path
) -> None:
    with pytest.raises(FetalFlexError, match="batch_size must be a whole number from 1 to 4096, got 0"):
        made(heads, small_plan(), tmp_path / "out", pipeline, batch_size=0)
