from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry
from fetalflex.data import DatasetFolder, write_png
from fetalflex.detection import Detection, Detector
from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.names.real import region_of
from fetalflex.evaluation.prompts import (
    WORDINGS,
    Answer,
    PlaneResults,
    PresenceCase,
    PresenceOutcome,
    PresenceResults,
    PromptResults,
    RealLook,
    draw_planes_sheet,
    draw_presence_sheet,
    follow_prompts,
    judge_cases,
    judge_planes,
    kept_prompts,
    look_at_real,
    plan_cases,
    prompts_markdown,
    prompts_summary,
    prompts_values,
    real_finds,
    synthesise_cases,
    synthesise_planes,
    write_prompts,
)
from fetalflex.evaluation.prompts.finding import without_mistaken
from fetalflex.evaluation.prompts.planes import plane_image
from fetalflex.evaluation.samples import Selection, select_samples
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling

ROOT = Path(__file__).parents[2]
REGISTRY = default_registry()
PLANE = "thalamic_transverse"
SAMPLING = Sampling(sampler="dpm++", steps=1)
LAYOUT = Layout(
    "abdominal_transverse",
    100,
    100,
    tuple(PlacedStructure(name, Box(50, 50, 20, 20)) for name in ("abdomen", "umbilical_vein", "stomach")),
)


def detection(layout: Layout, score: float, structure: str) -> Detection:
    """Return a find of one structure alone."""
    placed = PlacedStructure(structure, Box(30, 30, 10, 10))
    return Detection(Layout(layout.plane, layout.width, layout.height, (placed,)), (score,))


@pytest.fixture(scope="module")
def selection(phantoms: DatasetFolder) -> Selection:
    return select_samples([phantoms], REGISTRY, "val", limit=8)


@pytest.fixture(scope="module")
def looks(detector: Detector, selection: Selection) -> list[RealLook]:
    done: list[float] = []
    found = look_at_real(detector, selection, 3, done.append)
    assert done == [3, 6, 8]
    return found


@pytest.fixture(scope="module")
def cases(looks: list[RealLook]) -> list[PresenceCase]:
    return plan_cases(looks, REGISTRY, 6)


class TestWordings:
    def test_training_lists_the_other_structures(self) -> None:
        pair = WORDINGS["training"](LAYOUT, "stomach", REGISTRY)
        start = "fetal ultrasound, abdominal transverse plane, with abdomen, "
        assert pair.naming == f"{start}stomach, umbilical vein"
        assert pair.negating == f"{start}umbilical vein, without stomach"

    def test_plain_says_plane_and_structure_alone(self) -> None:
        pair = WORDINGS["plain"](LAYOUT, "umbilical_vein", REGISTRY)
        assert pair.naming == "abdominal transverse plane with umbilical vein"
        assert pair.negating == "abdominal transverse plane without umbilical vein"

    def test_the_last_structure_can_be_negated(self) -> None:
        alone = LAYOUT.with_structures(LAYOUT.find("stomach"))
        pair = WORDINGS["training"](alone, "stomach", REGISTRY)
        assert pair.negating == "fetal ultrasound, abdominal transverse plane, without stomach"


class TestCases:
    def test_patients_differ_and_outlines_stay(self, looks: list[RealLook]) -> None:
        cases = plan_cases(looks, REGISTRY, 3)
        assert {one.structure for one in cases} <= {"thalami", "cavum_septi_pellucidi"}
        thalami = [one.sample.patient for one in cases if one.structure == "thalami"]
        assert len(thalami) == len(set(thalami)) == 3

    def test_a_patient_counts_once(self, looks: list[RealLook]) -> None:
        same = replace(looks[0].sample.record, patient=looks[1].sample.record.patient)
        twice = [replace(looks[0], sample=replace(looks[0].sample, record=same)), *looks[1:]]
        assert looks[0].sample.patient != looks[1].sample.patient
        assert twice[0].sample.patient == twice[1].sample.patient
        counts = [sum(one.structure == "thalami" for one in plan_cases(some, REGISTRY, 50)) for some in (looks, twice)]
        assert counts[1] == counts[0] - 1

    def test_what_is_found_elsewhere_is_left_out(self, looks: list[RealLook]) -> None:
        one = looks[0]
        layout = one.sample.layout
        moved = layout.with_structures(
            replace(placed, box=Box(5, 5, 6, 6)) if placed.name == "thalami" else placed for placed in layout.structures
        )
        assert "thalami" in list(one.reliable())
        assert "thalami" not in list(replace(one, judged=replace(one.judged, truth=moved)).reliable())

    def test_only_the_structure_is_kept_out(self, looks: list[RealLook]) -> None:
        case = PresenceCase(looks[0].sample, "thalami")
        asked = case.asked(REGISTRY)
        assert len(asked) == 1 + 2 * len(WORDINGS)
        assert asked[case.own].layout == case.sample.layout
        assert {name for one in asked.values() for name in one.layout.names()} == set(case.sample.layout.names())
        for wording in WORDINGS:
            named, negated = asked[case.named(wording)], asked[case.negated(wording)]
            assert named.layout == negated.layout == case.shown_layout
            assert case.shown_layout.names() == ("cavum_septi_pellucidi", "skull")
            assert "without" not in named.prompt
            assert negated.prompt.endswith("without thalami")


class TestPresence:
    def judged(
        self,
        detector: Detector,
        looks: list[RealLook],
        cases: list[PresenceCase],
        folder: Path,
        make: Callable[[PresenceCase, bool], NDArray[np.uint8]],
    ) -> tuple[PresenceResults, KeptSyntheses]:
        """Judge a model that draws boxes as they are, and else makes `make(case, whether the structure is named)`."""
        kept = KeptSyntheses(folder, {})
        for case in cases:
            write_png(kept.path(case.own), case.sample.image(), {}, force=True)
            for wording in WORDINGS:
                write_png(kept.path(case.named(wording)), make(case, True), {})
                write_png(kept.path(case.negated(wording)), make(case, False), {})
        outcomes = judge_cases(detector, cases, tuple(WORDINGS), kept, 3)
        kinds = {(one.case.sample.plane, one.case.structure) for one in outcomes}
        return PresenceResults(tuple(outcomes), {kind: real_finds(looks, *kind) for kind in kinds}), kept

    def test_a_model_that_ignores_words(
        self, detector: Detector, looks: list[RealLook], cases: list[PresenceCase], tmp_path: Path
    ) -> None:
        results, _ = self.judged(detector, looks, cases, tmp_path / "out", lambda case, _: case.sample.image())
        for wording in WORDINGS:
            rates = results.rates(wording)
            assert (rates.named.value, rates.negated.value, rates.followed.value, rates.gain.value) == (1, 0, 0, 0)
            assert rates.own.value == 1

    def test_a_model_that_obeys(self, tmp_path: Path) -> None:
        # The small detector guesses what phantoms always show; the released one knows images without it.
        released, examples = Detector.from_pretrained(ROOT / "weights/detector"), DatasetFolder(ROOT / "examples")
        looks = look_at_real(released, select_samples([examples], REGISTRY, "val", ["abdominal_transverse"], 2))
        cases = plan_cases(looks, REGISTRY)

        def obey(case: PresenceCase, named: bool) -> NDArray[np.uint8]:
            real = case.sample.image()
            return real if named else np.full_like(real, 90)

        results, kept = self.judged(released, looks, cases, tmp_path / "out", obey)
        assert [structure for _, structure in results.kinds] == ["spine", "stomach", "umbilical_vein"]
        rates = results.rates("plain", "abdominal_transverse", "stomach")
        assert (rates.named.value, rates.negated.value, rates.followed.value) == (1, 1, 1)
        assert rates.gain.value > 0.6
        assert rates.followed.count == 2
        real = results.real["abdominal_transverse", "stomach"]
        assert (real.present is None, real.absent) == (False, None)
        assert draw_presence_sheet(results, kept, REGISTRY).shape[2] == 3
        values = prompts_values(PromptResults(results, None))
        assert json.loads(json.dumps(values)) == values
        assert values["presence"]["plain"]["structures"][1]["followed"]["value"] == 1
        text = "\n".join(prompts_markdown(PromptResults(results, None)))
        assert "| abdominal_transverse | stomach | 2 | 100%" in text
        assert "## Plane" not in text

    @pytest.mark.parametrize(("side", "found"), [(10, None), (40, 0.9)])
    def test_another_structure_is_not_mistaken_for_it(self, side: float, found: float | None) -> None:
        shown = LAYOUT.with_structures([PlacedStructure("umbilical_vein", Box(30, 30, side, side))])
        cleared = without_mistaken(detection(LAYOUT, 0.9, "stomach"), "stomach", shown)
        assert cleared.score_of("stomach") == found
        assert without_mistaken(detection(LAYOUT, 0.9, "spine"), "stomach", shown).score_of("spine") == 0.9

    @pytest.mark.parametrize(("named", "negated", "follows"), [(0.9, 0.1, True), (0.9, 0.4, False), (0.2, 0.1, False)])
    def test_both_halves_are_needed(self, looks: list[RealLook], named: float, negated: float, follows: bool) -> None:
        layout = looks[0].sample.layout
        answer = Answer(detection(layout, named, "thalami"), detection(layout, negated, "thalami"))
        assert answer.follows("thalami") is follows
        other = Answer(detection(layout, named, "skull"), detection(layout, negated, "skull"))
        assert not other.follows("thalami")
        outcomes = tuple(
            PresenceOutcome(PresenceCase(one.sample, "thalami"), answer.named, {"plain": answer}) for one in looks
        )
        rates = PresenceResults(outcomes, {}).rates("plain")
        assert rates.followed.value == float(follows)
        assert rates.gain.value == pytest.approx(named - negated)
        assert rates.gain.low is not None


class TestPlanes:
    RESULTS = PlaneResults(
        {"a": ("a", "b", "a", "a"), "b": ("a", "a", "a", "a")}, {"a": ("a",) * 4, "b": ("b",) * 3 + ("a",)}, 32
    )

    def test_shares(self) -> None:
        assert [self.RESULTS.followed(plane).value for plane in ("a", "b", None)] == [0.75, 0, 0.375]
        assert [self.RESULTS.recognised(plane).value for plane in ("a", "b", None)] == [1, 0.75, 0.875]

    def test_one_noise_and_no_layout(self, pipeline: FetalFlexPipeline, detector: Detector, tmp_path: Path) -> None:
        kept, planes = KeptSyntheses(tmp_path / "out", {}), (PLANE, "abdominal_transverse")
        done: list[float] = []
        synthesise_planes(pipeline, planes, 2, kept, SAMPLING, 3, 3, done.append)
        assert done == [3, 4]
        side = pipeline.components.config.image_size
        images = [kept.image(plane_image(plane, number), (side, side)) for plane in planes for number in range(2)]
        assert not np.array_equal(images[0], images[1])
        own = pipeline(Layout(PLANE, side, side), roi="full", prompt="other words", seed=3, sampling=SAMPLING).image
        assert not np.array_equal(own, images[0])
        results = judge_planes(detector, [PLANE], 2, kept, [], side)
        assert results.found == {PLANE: (PLANE, PLANE)}  # the only plane that the small detector knows
        assert draw_planes_sheet(results, kept).shape[2] == 3


class TestRunning:
    def test_from_images_to_a_report(
        self, pipeline: FetalFlexPipeline, detector: Detector, selection: Selection, tmp_path: Path
    ) -> None:
        kept = kept_prompts(tmp_path / "out", pipeline, selection, SAMPLING, "auto", 0)
        results = follow_prompts(pipeline, detector, selection, kept, SAMPLING, 1, 1)
        assert results.planes is not None
        assert list(results.planes.found) == [PLANE]
        report = write_prompts(results, kept, REGISTRY, {"model": pipeline.identity, "split": "val"})
        assert {path.name for path in report.parent.iterdir()} == {
            ".fetalflex-folder", "planes.png", "prompts.json", "prompts.md", "prompts.png", "settings.json",
            "syntheses",
        }  # fmt: skip
        assert len(prompts_summary(results)) == len(WORDINGS) + 1
        assert "## Plane" in report.read_text()
        again = PromptResults(results.presence, None)
        write_prompts(again, kept, REGISTRY, {"model": pipeline.identity, "split": "val"})
        assert not (tmp_path / "out" / "planes.png").exists()

    def test_only_words_differ(self, pipeline: FetalFlexPipeline, selection: Selection, tmp_path: Path) -> None:
        case = PresenceCase(selection.evaluated[0], "thalami")
        kept, layout = KeptSyntheses(tmp_path / "out", {}), case.sample.layout
        # Random weights hardly see a prompt; the guidance makes them.
        loud = SAMPLING.replace(guidance=replace(SAMPLING.guidance, prompt=20.0))
        synthesise_cases(pipeline, [case], kept, loud, seed=3)
        region, real = region_of(layout, REGISTRY), case.sample.image()
        images = {name: kept.image(name, real.shape).astype(int) for name in case.asked(REGISTRY)}
        for image in images.values():
            np.testing.assert_array_equal(image[~region], real[~region])
        for wording in WORDINGS:
            assert np.abs(images[case.named(wording)] - images[case.negated(wording)]).max() > 0
        before = {name: kept.path(name).stat().st_mtime_ns for name in images}
        kept.path(case.own).unlink()
        synthesise_cases(pipeline, [case], kept, loud, seed=3)
        assert {name: kept.path(name).stat().st_mtime_ns == time for name, time in before.items()} == {
            name: name != case.own for name in images
        }
        assert np.abs(kept.image(case.own, real.shape) - images[case.own]).max() <= 1

    def test_nothing_to_leave_out_is_said(
        self, pipeline: FetalFlexPipeline, detector: Detector, selection: Selection, tmp_path: Path
    ) -> None:
        skulls = tuple(
            replace(one, record=replace(one.record, layout=one.layout.with_structures(one.layout.find("skull"))))
            for one in selection.evaluated
        )
        kept = KeptSyntheses(tmp_path / "out", {})
        with pytest.raises(FetalFlexError, match=r"^in none of the 8 images does the detector find a structure"):
            follow_prompts(pipeline, detector, replace(selection, evaluated=skulls), kept, SAMPLING)
