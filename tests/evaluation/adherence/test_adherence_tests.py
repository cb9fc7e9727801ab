from __future__ import annotations

from dataclasses import replace

import pytest
from evaluation_helpers import ABDOMEN, ABDOMEN_LAYOUT, HEAD_LAYOUT, SIZE, SKULL, STOMACH, abdomen, head

from fetalflex.anatomy import Box, Layout, PlacedStructure
from fetalflex.evaluation.adherence.tests import adherence_test, judge_skull, judge_stomach


def test_a_stomach_that_comes_grows_and_goes_obeys() -> None:
    images = abdomen(STOMACH), abdomen(STOMACH.scaled(1.5), seed=1), abdomen(seed=2)
    verdict = judge_stomach(*images, ABDOMEN_LAYOUT, ABDOMEN)
    assert (verdict.present, verdict.enlarged, verdict.removed) == (True, True, True)
    assert verdict.numbers["stomach_growth"] == pytest.approx(2.25, rel=0.1)
    assert verdict.numbers["stomach_remaining"] < 0.05


def test_a_stomach_that_stays_as_it_is_does_not_obey_the_edits() -> None:
    verdict = judge_stomach(abdomen(STOMACH), abdomen(STOMACH), abdomen(STOMACH), ABDOMEN_LAYOUT, ABDOMEN)
    assert (verdict.present, verdict.enlarged, verdict.removed) == (True, False, False)


def test_a_stomach_that_never_was_obeys_nothing() -> None:
    verdict = judge_stomach(abdomen(), abdomen(), abdomen(), ABDOMEN_LAYOUT, ABDOMEN)
    assert (verdict.present, verdict.enlarged, verdict.removed) == (False, False, False)


def test_a_stomach_elsewhere_is_none() -> None:
    elsewhere = STOMACH.translated(45, -25)
    verdict = judge_stomach(abdomen(elsewhere), abdomen(elsewhere), abdomen(), ABDOMEN_LAYOUT, ABDOMEN)
    assert not verdict.present


def test_a_skull_that_comes_grows_and_goes_obeys() -> None:
    verdict = judge_skull(head(SKULL), head(SKULL.scaled(1.15)), head(), HEAD_LAYOUT, None)
    assert (verdict.present, verdict.enlarged, verdict.removed) == (True, True, True)


def test_a_skull_that_stays_as_it_is_does_not_obey_the_edits() -> None:
    verdict = judge_skull(head(SKULL), head(SKULL), head(SKULL), HEAD_LAYOUT, None)
    assert (verdict.present, verdict.enlarged, verdict.removed) == (True, False, False)


def test_a_skull_that_never_was_obeys_nothing() -> None:
    verdict = judge_skull(head(), head(), head(), HEAD_LAYOUT, None)
    assert (verdict.present, verdict.enlarged, verdict.removed) == (False, False, False)


def test_of_a_skull_that_grows_out_of_the_image_nothing_can_be_told() -> None:
    box = Box(40, 40, 110, 110)
    layout = replace(HEAD_LAYOUT, structures=(PlacedStructure("skull", box),))
    assert judge_skull(head(box), head(), head(), layout, None).enlarged is None


def test_of_a_skull_that_lies_mostly_outside_the_image_nothing_can_be_told() -> None:
    box = Box(-10, 80, 110, 80)
    layout = replace(HEAD_LAYOUT, structures=(PlacedStructure("skull", box),))
    verdict = judge_skull(head(box), head(box.scaled(1.15)), head(), layout, None)
    assert (verdict.present, verdict.enlarged, verdict.removed) == (None, None, None)


def test_each_layout_has_at_most_one_test() -> None:
    tests = [adherence_test(layout) for layout in (ABDOMEN_LAYOUT, HEAD_LAYOUT, Layout("femur", SIZE, SIZE))]
    assert [test and test.structure for test in tests] == ["stomach", "skull", None]


def test_edits_are_what_the_judge_expects() -> None:
    stomach, skull = adherence_test(ABDOMEN_LAYOUT), adherence_test(HEAD_LAYOUT)
    assert stomach is not None
    assert skull is not None
    assert stomach.enlarge(ABDOMEN_LAYOUT).find("stomach")[0].box == STOMACH.scaled(1.5)
    assert stomach.remove(ABDOMEN_LAYOUT).names() == ("abdomen",)
    assert skull.enlarge(HEAD_LAYOUT).find("skull")[0].box.width == pytest.approx(1.15 * SKULL.width)
    assert skull.remove(HEAD_LAYOUT).names() == ()
