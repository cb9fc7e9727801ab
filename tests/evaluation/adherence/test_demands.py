from __future__ import annotations

import math

import numpy as np
import pytest
from evaluation_helpers import ABDOMEN, ABDOMEN_LAYOUT, SIZE, SKULL, STOMACH, abdomen, head
from numpy.typing import NDArray

from fetalflex.anatomy import Box, Layout, PlacedStructure, Recipe, default_registry
from fetalflex.anatomy.anomalies import Demand, Sign, Test, Variant, default_library
from fetalflex.evaluation.adherence.bright_area import bright_share
from fetalflex.evaluation.adherence.demands import judge_demands, shows_anomaly, sign_strength, unmet

REGISTRY = default_registry()
DUODENUM = Box(100, 70, 20, 18)
ATRESIA = ABDOMEN_LAYOUT.with_structures([*ABDOMEN_LAYOUT.structures, PlacedStructure("duodenum", DUODENUM)])


def variant(anomaly: str, before: Layout, after: Layout, structure: str | None = None) -> Variant:
    entry = default_library().anomaly(anomaly)
    return Variant(anomaly, "severe", structure, 0, {}, Recipe(()), before, after, (), (), (), entry.tests(structure))


def shown(image: NDArray[np.uint8], case: Variant) -> bool | None:
    return shows_anomaly(judge_demands(image, case, REGISTRY))


def palate(*bright: Box) -> NDArray[np.uint8]:
    grey = np.random.default_rng(0).normal(50, 4, (SIZE, SIZE))
    for box in bright:
        x0, y0, x1, y1 = (round(side) for side in box.corners())
        grey[y0:y1, x0:x1] += 110
    return np.clip(grey, 0, 255).astype(np.uint8)


class TestFluid:
    @pytest.mark.parametrize(
        ("dark", "expected"),
        [((STOMACH, DUODENUM), True), ((STOMACH,), False), ((DUODENUM,), False), ((), False)],
    )
    def test_both_bubbles_must_be_there(self, dark: tuple[Box, ...], expected: bool) -> None:
        assert shown(abdomen(*dark), variant("duodenal_atresia", ABDOMEN_LAYOUT, ATRESIA)) is expected

    @pytest.mark.parametrize("gain", [0.4, 1.0, 1.8])
    def test_gain_does_not_matter(self, gain: float) -> None:
        case = variant("duodenal_atresia", ABDOMEN_LAYOUT, ATRESIA)
        assert shown(abdomen(STOMACH, DUODENUM, gain=gain), case)
        assert not shown(abdomen(STOMACH, gain=gain), case)

    def test_what_is_missing_is_said(self) -> None:
        findings = judge_demands(abdomen(STOMACH), variant("duodenal_atresia", ABDOMEN_LAYOUT, ATRESIA), REGISTRY)
        told = unmet(findings)
        assert told is not None
        assert told.startswith("duodenum filled with fluid not seen: 0.0")
        assert unmet(findings[:1]) is None
        assert findings[1].to_dict() == {
            "demand": "duodenum filled with fluid", "value": findings[1].value, "limit": 0.3, "met": False,
        }  # fmt: skip

    def test_a_dilated_stomach_must_fill_its_box(self) -> None:
        large = STOMACH.scaled(1.7)
        after = ABDOMEN_LAYOUT.with_structures([PlacedStructure("abdomen", ABDOMEN), PlacedStructure("stomach", large)])
        case = variant("dilated_stomach", ABDOMEN_LAYOUT, after)
        assert shown(abdomen(large), case)
        assert not shown(abdomen(STOMACH), case)


class TestGone:
    def test_a_removed_stomach_must_not_be_seen(self) -> None:
        case = variant("absent_stomach", ABDOMEN_LAYOUT, ABDOMEN_LAYOUT.with_structures(ABDOMEN_LAYOUT.find("abdomen")))
        assert shown(abdomen(), case)
        assert not shown(abdomen(STOMACH), case)

    def test_a_displaced_stomach_is_seen_there_and_not_here(self) -> None:
        there = STOMACH.translated(45, -10)
        structures = [PlacedStructure("abdomen", ABDOMEN), PlacedStructure("stomach", there)]
        case = variant("displaced_stomach", ABDOMEN_LAYOUT, ABDOMEN_LAYOUT.with_structures(structures))
        assert shown(abdomen(there), case)
        assert not shown(abdomen(STOMACH, there), case)
        assert not shown(abdomen(), case)

    def test_a_place_that_is_covered_again_says_nothing(self) -> None:
        structures = [PlacedStructure("abdomen", ABDOMEN), PlacedStructure("stomach", STOMACH.scaled(1.3))]
        after = ABDOMEN_LAYOUT.with_structures(structures)
        findings = judge_demands(abdomen(STOMACH), variant("size_change", ABDOMEN_LAYOUT, after, "stomach"), REGISTRY)
        assert [finding.met for finding in findings] == [True, None]
        assert math.isnan(findings[1].value)
        assert findings[1].to_dict()["value"] is None


class TestRing:
    @pytest.mark.parametrize(("factor", "expected"), [(0.8, True), (1.0, False)])
    def test_a_small_head_has_a_small_ring(self, factor: float, expected: bool) -> None:
        before = Layout("thalamic_transverse", SIZE, SIZE, (PlacedStructure("skull", SKULL),))
        after = before.with_structures([PlacedStructure("skull", SKULL.scaled(0.8))])
        assert shown(head(SKULL.scaled(factor)), variant("microcephaly", before, after)) is expected


class TestGap:
    WHOLE = Box(80, 80, 60, 16)
    PIECES = (Box(60, 80, 20, 16), Box(100, 80, 20, 16))
    BEFORE = Layout("facial_sagittal", SIZE, SIZE, (PlacedStructure("palate", WHOLE),))
    AFTER = BEFORE.with_structures([PlacedStructure("palate", box) for box in PIECES])

    def test_a_cleft_is_a_gap_between_bright_pieces(self) -> None:
        case = variant("cleft_palate", self.BEFORE, self.AFTER)
        assert shown(palate(*self.PIECES), case)
        assert not shown(palate(self.WHOLE), case)
        assert not shown(palate(), case)

    def test_brightness_is_relative_to_what_lies_round(self) -> None:
        assert bright_share(palate(self.WHOLE), self.WHOLE) > 0.9
        assert bright_share(palate(self.WHOLE) // 2, self.WHOLE) > 0.9
        assert bright_share(palate(), self.WHOLE) < 0.05
        assert bright_share(palate(), Box(500, 500, 5, 5)) == 0


def test_what_has_no_sign_is_not_tested() -> None:
    layout = Layout("facial_sagittal", SIZE, SIZE, (PlacedStructure("midbrain", Box(80, 80, 30, 30)),))
    case = variant("absence", layout, layout.with_structures([]), "midbrain")
    assert case.tests == ()
    assert shown(abdomen(), case) is None


def test_a_sign_is_measured_by_its_look() -> None:
    image = abdomen(STOMACH)
    fluid, bright = (Test(Demand("see", "stomach"), Sign(look, 0.3)) for look in ("fluid", "bright"))
    assert sign_strength(image, fluid, STOMACH, ABDOMEN) > 0.6
    assert sign_strength(image, bright, STOMACH, ABDOMEN) < 0.3
