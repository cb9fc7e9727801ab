from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from augment_helpers import NOT_CHECKED, planned, planned_images, small_plan

from fetalflex.anatomy import default_registry
from fetalflex.augment.checking import Checker, QualityVerdict
from fetalflex.augment.copies import RealRegions
from fetalflex.augment.finishing import finish, read_outcomes
from fetalflex.augment.outcomes import Attempts
from fetalflex.augment.plan import Plan
from fetalflex.augment.report import Report
from fetalflex.augment.shard_making import ShardMaker
from fetalflex.augment.shards import Shard, is_missing, split_into_shards, write_shard
from fetalflex.augment.synthesising import Synthesiser
from fetalflex.data import DatasetFolder, read_png_text
from fetalflex.pipeline.pipeline import FetalFlexPipeline


def maker_of(dataset: DatasetFolder, plan: Plan, pipeline: FetalFlexPipeline, root: Path, batch: int = 4) -> ShardMaker:
    checker = Checker(plan.checks, default_registry(), RealRegions(dataset, {"val"}, default_registry()))
    return ShardMaker(Synthesiser(pipeline, dataset, plan, batch), checker, root)


def shards_of(dataset: DatasetFolder, plan: Plan) -> list[Shard]:
    return split_into_shards(planned_images(dataset, plan), plan.shard_size)


def outcome(attempts: list[Attempts]) -> list[Any]:
    return [(one.outcome(), one.finished and one.finished.png) for one in attempts]


def test_an_image_depends_neither_on_its_shard_nor_on_its_batch(
    heads: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path
) -> None:
    from fetalflex.data.image_files import decode_image

    plan = small_plan()
    whole = Shard(0, tuple(planned_images(heads, plan)[:4]))
    part = Shard(9, whole.images[2:3])
    [alone] = maker_of(heads, plan, pipeline, tmp_path, 1).make(part, [], lambda _: None)
    among = maker_of(heads, plan, pipeline, tmp_path).make(whole, [], lambda _: None)[2]
    assert alone.finished is not None
    assert among.finished is not None
    assert alone.finished.seed == among.finished.seed
    first, second = (decode_image(one.finished.png, "x").astype(int) for one in (alone, among))
    assert np.abs(first - second).max() <= 1


def test_every_image_says_what_it_is(heads: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path) -> None:
    plan = small_plan()
    shard = shards_of(heads, plan)[2]
    maker = maker_of(heads, plan, pipeline, tmp_path)
    write_shard(tmp_path, shard, maker.make(shard, [], lambda _: None), 0, 0.0)
    for image in shard.images:
        text = read_png_text(tmp_path / shard.folder / image.file)
        assert text["Synthetic"] == "true"
        assert "not for diagnosis" in text["Description"]
        assert (text["FetalFlex:anomaly"], text["FetalFlex:severity"]) == ("microcephaly", "severe")
        assert text["FetalFlex:source"] == image.first.record.file_name
        assert "microcephaly" in text["FetalFlex:prompt"]


def test_what_fails_is_tried_from_other_seeds_and_then_given_up(
    heads: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge, judged = Checker.judge, []

    def noting(self: Checker, sample: Any, image: Any, *others: Any) -> QualityVerdict:
        judged.append(image.tobytes())
        return judge(self, sample, image, *others)

    monkeypatch.setattr(Checker, "judge", noting)
    plan = small_plan(checks=NOT_CHECKED | {"attempts": 3, "sources": 2, "least_contrast": 200})
    shard, told = shards_of(heads, plan)[0], []
    progress = maker_of(heads, plan, pipeline, tmp_path).make(shard, [], told.append)
    for one in progress:
        assert one.finished is None
        assert [rejected.reason for rejected in one.rejected] == ["flat"] * 6
        sources = [candidate.record.file_name for candidate in one.image.candidates]
        assert [rejected.source for rejected in one.rejected] == [source for source in sources for _ in range(3)]
    assert len(set(judged)) == len(judged) == 6 * len(progress)  # each attempt is another image
    assert told[-1] == len(progress)


def test_what_fails_from_one_source_is_tried_from_others(
    heads: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = small_plan(checks=NOT_CHECKED | {"attempts": 2, "sources": 3})
    shard = shards_of(heads, plan)[0]
    first, second = shard.images[0].candidates[:2]
    judge = Checker.judge

    def strict(self: Checker, sample: Any, *others: Any) -> QualityVerdict:
        bad = sample.number == first.number and sample.record == first.record
        return QualityVerdict("flat", "as a test wants it", {}, None) if bad else judge(self, sample, *others)

    monkeypatch.setattr(Checker, "judge", strict)
    maker = maker_of(heads, plan, pipeline, tmp_path)
    progress = maker.make(shard, [], lambda _: None)
    assert [one.finished is not None for one in progress] == [True] * 3
    assert [rejected.source for rejected in progress[0].rejected] == [first.record.file_name] * 2
    assert [one.outcome().candidate for one in progress[:2]] == [second, shard.images[1].first]
    write_shard(tmp_path, shard, progress, 0, 0.0)
    again = maker.make(shard, [], lambda _: None)
    assert outcome(again) == outcome(progress)
    assert again[0].tried == second
    np.testing.assert_allclose(again[0].kept.vector, progress[0].kept.vector)  # type: ignore[union-attr]
    text = read_png_text(tmp_path / shard.folder / shard.images[0].file)
    assert text["FetalFlex:source"] == second.record.file_name
    report = Report(tmp_path, "model", read_outcomes(tmp_path, [shard]), 1.0, 0)
    assert report.substituted == 1
    assert report.outcomes[0].candidate.record.file_name == second.record.file_name
    finish(report, heads, [shard], default_registry())
    assert DatasetFolder(tmp_path)[0].extra["source_image"] == second.record.file_name
    written = DatasetFolder(tmp_path)[0].layout.structures[0].box
    assert written.to_dict() == pytest.approx(second.after.structures[0].box.to_dict())
    assert written.to_dict() != pytest.approx(first.after.structures[0].box.to_dict())
    assert "1 images are from another source" in report.summary()


def test_decisions_are_carried_out_alike_from_the_shard_on_disk_and_from_scratch(
    heads: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path
) -> None:
    plan = small_plan(checks=NOT_CHECKED | {"duplicate_correlation": None})
    shard, rounds = shards_of(heads, plan)[0], [{2: 1}, {3: 1, 9: 1}]
    maker = maker_of(heads, plan, pipeline, tmp_path)
    first = maker.make(shard, [], lambda _: None)
    write_shard(tmp_path, shard, first, 0, 0.0)
    assert is_missing(tmp_path, shard, rounds)
    again = maker.make(shard, rounds, lambda _: None)
    elsewhere = replace(maker, root=tmp_path / "new")
    assert is_missing(tmp_path / "new", shard, [])
    assert outcome(again) == outcome(elsewhere.make(shard, rounds, lambda _: None))
    assert [one.number for one in again] == [1, 2, 2]
    assert again[1].rejected[0].detail == "of 000001"
    assert outcome(again[:1]) == outcome(first[:1])
    write_shard(tmp_path, shard, again, 2, 0.0)
    assert not is_missing(tmp_path, shard, rounds)
    assert [kept.number for kept in maker.kept(shard)] == [1, 2, 3]


def test_near_copies_within_a_shard_are_made_again(
    heads: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path
) -> None:
    plan = small_plan(checks=NOT_CHECKED | {"attempts": 8, "duplicate_correlation": 0.03}, shard_size=4)
    progress = maker_of(heads, plan, pipeline, tmp_path).make(shards_of(heads, plan)[0], [], lambda _: None)
    reasons = [rejected.reason for one in progress for rejected in one.rejected]
    assert reasons
    assert set(reasons) == {"duplicate"}
    vectors = [one.finished.vector for one in progress if one.finished]
    products = np.stack(vectors) @ np.stack(vectors).T
    assert (products[~np.eye(len(vectors), dtype=bool)] < 0.0301).all()


@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_organs_are_worked_out_once_more_and_nothing_else_changes(
    heads: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path, margin: float
) -> None:
    # The whole region, because the region of the edit alone grows with the organs that are worked out.
    entry = {"plane": "thalamic_transverse", "split": "val", "anomaly": "absent_cavum_septi_pellucidi", "count": 1}
    entry |= {"roi": "auto"}
    plain, refined = (
        Plan.model_validate({"sampling": {"steps": 2}, "checks": NOT_CHECKED, "entries": [entry | extra]})
        for extra in ({}, {"refine": {"margin": margin, "strength": 0.5}})
    )
    drafts = []
    for plan in (plain, refined):
        [sample] = planned(heads, plan)
        synthesiser = maker_of(heads, plan, pipeline, tmp_path).synthesiser
        drafts += synthesiser.drafts([(sample, 1)], lambda _: None)
    before, after = (draft.synthesis for draft in drafts)
    mask = sample.organ_mask(default_registry(), margin) & before.roi_mask
    assert (before.image[mask] != after.image[mask]).any()
    assert np.array_equal(before.image[~mask], after.image[~mask])
    assert after.settings["refinement"]["strength"] == 0.5
    assert after.settings["refinement"]["seed"] != after.seed == before.seed
