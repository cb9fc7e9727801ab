from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fetalflex.anatomy import CloseUp, draw_change_mask
from fetalflex.anatomy.anomalies import Variant, default_library
from fetalflex.counterfactuals import CounterfactualPair, synthesise_pairs
from fetalflex.errors import FetalFlexError
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling


def test_a_pair_differs_only_round_what_the_anomaly_changes(
    pair: CounterfactualPair, pipeline: FetalFlexPipeline, variant: Variant, image: np.ndarray
) -> None:
    mask = draw_change_mask(variant.before, variant.after, pipeline.registry, pair.margin) & pair.normal.roi_mask
    assert np.array_equal(pair.may_differ, mask)
    assert not pair.difference[~mask].any()
    assert pair.difference[mask].any()
    assert (pair.normal.layout, pair.abnormal.layout) == (variant.before, variant.after)
    for synthesis in (pair.normal, pair.abnormal):
        assert np.array_equal(synthesis.image[~pair.normal.roi_mask], image[~pair.normal.roi_mask])
        assert synthesis.seed == 7


def test_the_abnormal_prompt_has_the_anomalys_words_unless_they_are_left_out(
    pair: CounterfactualPair, pipeline: FetalFlexPipeline, variant: Variant, image: np.ndarray
) -> None:
    assert pair.normal.prompt == "fetal ultrasound, abdominal transverse plane, with abdomen, spine, stomach"
    assert pair.abnormal.prompt == variant.prompt(pipeline.registry)
    assert "dilated stomach" in pair.abnormal.prompt
    [plain] = synthesise_pairs(pipeline, image, [variant], prompt_words=False, seed=7, sampling=Sampling(steps=1))
    assert plain.abnormal.prompt == plain.normal.prompt


def test_the_difference_is_signed_and_exact(pair: CounterfactualPair) -> None:
    assert pair.difference.dtype == np.int16
    assert np.array_equal(pair.normal.image + pair.difference, pair.abnormal.image)


def test_measures_count_inside_and_find_nothing_outside(pair: CounterfactualPair) -> None:
    measures, difference = pair.measures(), np.abs(pair.difference)
    inside = pair.may_differ
    assert measures["pixels"] == 120 * 80
    assert measures["roi_pixels"] == pair.normal.roi_mask.sum()
    assert measures["may_differ_pixels"] == inside.sum()
    assert measures["inside"] == {
        "changed_pixels": np.count_nonzero(difference),
        "mean_absolute_difference": pytest.approx(difference[inside].mean()),
        "largest_absolute_difference": difference.max(),
        "mean_difference": pytest.approx(pair.difference[inside].mean()),
    }
    assert measures["outside"] == {
        "changed_pixels": 0, "mean_absolute_difference": 0.0, "largest_absolute_difference": 0
    }  # fmt: skip
    assert measures["changed_from_source_outside_roi"] == {"normal": 0, "abnormal": 0}


def test_measures_would_see_a_pixel_that_changed_outside(pair: CounterfactualPair) -> None:
    image = pair.abnormal.image.copy()
    image[0, 0] ^= 3
    spoilt = replace(pair, abnormal=replace(pair.abnormal, image=image)).measures()
    assert spoilt["outside"]["changed_pixels"] == 1
    assert spoilt["outside"]["largest_absolute_difference"] in (1, 2, 3)
    assert spoilt["changed_from_source_outside_roi"] == {"normal": 0, "abnormal": 1}


def test_without_a_margin_the_pair_may_differ_in_the_whole_roi(
    pipeline: FetalFlexPipeline, variant: Variant, image: np.ndarray
) -> None:
    [pair] = synthesise_pairs(pipeline, image, [variant], margin=None, sampling=Sampling(steps=1))
    assert np.array_equal(pair.may_differ, pair.normal.roi_mask)
    assert pair.margin is None
    [whole] = synthesise_pairs(pipeline, image, [variant], margin=None, roi="full", sampling=Sampling(steps=1))
    assert whole.may_differ.all()
    assert whole.close_up == CloseUp.whole(variant.before)
    assert whole.measures()["outside"]["mean_absolute_difference"] == 0.0


def test_pairs_of_several_grades_share_their_normal_synthesis(
    pipeline: FetalFlexPipeline, variant: Variant, image: np.ndarray
) -> None:
    mild = default_library().anomaly("dilated_stomach").sample(variant.before, "mild", seed=3)
    pairs = synthesise_pairs(pipeline, image, [mild, variant], seed=7, sampling=Sampling(steps=1))
    assert pairs[0].normal is pairs[1].normal
    assert [pair.variant for pair in pairs] == [mild, variant]
    assert pairs[0].close_up == pairs[1].close_up


def test_variants_of_one_layout_are_needed(pipeline: FetalFlexPipeline, variant: Variant, image: np.ndarray) -> None:
    with pytest.raises(FetalFlexError, match="there are no variants"):
        synthesise_pairs(pipeline, image, [])
    other = replace(variant, before=replace(variant.before, structures=variant.before.structures[:1]))
    with pytest.raises(FetalFlexError, match="start from different layouts"):
        synthesise_pairs(pipeline, image, [variant, other])
