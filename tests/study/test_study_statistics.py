"""Statistics, each against a published worked example or a definition written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rating_helpers import ratings_of
from scipy.stats import mannwhitneyu, norm, wilcoxon

from fetalflex.evaluation.intervals import share_estimate
from fetalflex.study.statistics.agreement import agreement, intraclass_correlations, krippendorff_alpha, weighted_kappa
from fetalflex.study.statistics.comparisons import PAIRED, UNPAIRED, compare_methods, holm
from fetalflex.study.statistics.discrimination import called_synthetic, discrimination
from fetalflex.study.statistics.ordinal import cumulative_logit, fit_ordinal
from fetalflex.study.statistics.repeatability import repeatability
from fetalflex.study.statistics.resampling import Draws, Sample, mean_estimate

NAN = np.nan


def test_intraclass_correlations_are_those_of_shrout_and_fleiss() -> None:
    """Psychol Bull 1979;86:420-428, tables 2 and 4: six targets, four judges."""
    targets = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    found = intraclass_correlations(np.array(targets, float).T)
    published = {
        "ICC(1,1)": 0.17,
        "ICC(2,1)": 0.29,
        "ICC(3,1)": 0.71,
        "ICC(1,k)": 0.44,
        "ICC(2,k)": 0.62,
        "ICC(3,k)": 0.91,
    }
    assert {form: round(estimate.value, 2) for form, estimate in found.items()} == published
    assert all(one.low < one.value < one.high for one in found.values())


def test_intraclass_correlations_need_readers_images_and_differences() -> None:
    assert intraclass_correlations(np.ones((1, 20))) == {}
    assert intraclass_correlations(np.array([[1.0, 2, 3, 4], [1, 2, 3, 5]])) == {}
    assert intraclass_correlations(np.full((3, 20), 4.0)) == {}
    perfect = intraclass_correlations(np.tile([1.0, 2, 3, 4, 5], (2, 1)))
    assert perfect["ICC(2,1)"].value == pytest.approx(1)


def krippendorffs_observers() -> np.ndarray:
    """Krippendorff K, Computing Krippendorff's alpha-reliability (2011), section C: four observers, twelve units."""
    return np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
            [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
        ]
    )


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_is_krippendorffs_own(level: str, published: float) -> None:
    assert krippendorff_alpha(krippendorffs_observers(), range(1, 6), level) == pytest.approx(published, abs=5e-4)


def test_alpha_is_not_defined_without_two_readers_or_differences() -> None:
    assert krippendorff_alpha(np.array([[1.0, 2, 3]]), range(1, 6), "ordinal") is None
    assert krippendorff_alpha(np.full((3, 4), 2.0), range(1, 6), "ordinal") is None
    assert krippendorff_alpha(np.array([[1.0, NAN], [NAN, 2]]), range(1, 6), "ordinal") is None


def pathologists() -> tuple[np.ndarray, np.ndarray]:
    """Two pathologists, 118 slides, four grades: table 10.8 of Agresti's Categorical Data Analysis."""
    table = [[22, 2, 2, 0], [5, 7, 14, 0], [0, 2, 36, 0], [0, 1, 17, 10]]
    pairs = [(i + 1, j + 1) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    one, other = np.array(pairs, float).T
    return one, other


def test_kappa_is_that_of_agrestis_pathologists() -> None:
    """Agresti gives 0.493 with standard error 0.057, and 0.78 with squared weights."""
    one, other = pathologists()
    plain = weighted_kappa(one, other, range(1, 5), is_scale=False)
    assert plain.value == pytest.approx(0.493, abs=5e-4)
    assert (plain.high - plain.low) / (2 * norm.ppf(0.975)) == pytest.approx(0.057, abs=5e-4)
    assert weighted_kappa(one, other, range(1, 5)).value == pytest.approx(0.78, abs=5e-3)
    assert plain.count == 118


def test_weighted_kappa_is_as_it_is_defined() -> None:
    one, other = pathologists()
    disagreement = np.mean((one - other) ** 2)
    expected = np.mean((one[:, None] - other[None, :]) ** 2)
    assert weighted_kappa(one, other, range(1, 10)).value == pytest.approx(1 - disagreement / expected)


def test_kappa_needs_images_that_both_rated() -> None:
    one, other = pathologists()
    assert weighted_kappa(one[:4], other[:4], range(1, 5)) is None
    assert weighted_kappa(np.full(9, 3.0), np.full(9, 3.0), range(1, 6)) is None
    gaps = one.copy()
    gaps[::2] = NAN
    assert weighted_kappa(gaps, other, range(1, 5)).count == 59


def test_holm_is_as_in_the_textbook() -> None:
    """The example of four hypotheses in Wikipedia's article on the Holm-Bonferroni method."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_steps_down(p_values: list[float]) -> None:
    order = np.argsort(p_values, kind="stable")
    steps = [min(1.0, (len(p_values) - rank) * p_values[place]) for rank, place in enumerate(order)]
    expected = np.empty(len(p_values))
    expected[order] = np.maximum.accumulate(steps)
    assert holm(p_values) == pytest.approx(expected.tolist())


def cheese() -> tuple[np.ndarray, np.ndarray]:
    """Nine grades of four cheeses, 52 tasters each: McCullagh and Nelder, Generalized Linear Models, table 5.1."""
    table = {
        "A": [0, 0, 1, 7, 8, 8, 19, 8, 1],
        "B": [6, 9, 12, 11, 7, 6, 1, 0, 0],
        "C": [1, 1, 6, 8, 23, 7, 5, 1, 0],
        "D": [0, 0, 0, 1, 3, 7, 14, 16, 11],
    }
    rows = [(grade + 1.0, name) for name, counts in table.items() for grade, n in enumerate(counts) for _ in range(n)]
    grades = np.array([grade for grade, _ in rows])
    return grades, np.array([[float(name == one) for one in "ABC"] for _, name in rows])


def test_the_ordinal_model_is_that_of_mccullagh_and_nelder() -> None:
    """Their section 5.6 gives -1.613, -4.965 and -3.323 for cheeses A, B and C against D."""
    grades, design = cheese()
    effects, _ = cumulative_logit(grades, design, np.arange(len(grades)))
    assert effects == pytest.approx([-1.613, -4.965, -3.323], abs=2e-3)


def test_clustered_errors_see_that_copies_say_nothing_new() -> None:
    grades, design = cheese()
    alone = cumulative_logit(grades, design, np.arange(len(grades)))
    copied = cumulative_logit(np.tile(grades, 3), np.tile(design, (3, 1)), np.tile(np.arange(len(grades)), 3))
    assert copied[0] == pytest.approx(alone[0], abs=1e-3)
    assert copied[1] == pytest.approx(alone[1], rel=0.05)  # unclustered they would shrink by the root of 3


def test_the_model_of_a_study_finds_the_better_method() -> None:
    ratings = ratings_of(lambda at: 1 + (at.method == "real") + at.rng.integers(0, 3))
    model = fit_ordinal(ratings, "clarity")
    assert (model.reference, [one.method for one in model.odds]) == ("real", ["other", "ours"])
    assert model.problem is None
    assert all(one.low < one.odds_ratio < one.high < 1 for one in model.odds)
    assert max(one.p for one in model.odds) < 0.01


def test_models_that_cannot_be_fitted_say_why() -> None:
    assert fit_ordinal(ratings_of(lambda _: 3), "clarity").problem == "all ratings are equal"
    apart = ratings_of(lambda at: 5 if at.method == "real" else at.rng.integers(1, 3))
    assert "without exception" in fit_ordinal(apart, "clarity").problem
    few = ratings_of(lambda at: at.rng.integers(1, 6), cases=4)
    assert "too few" in fit_ordinal(few, "clarity").problem
    lone = ratings_of(lambda at: at.rng.integers(1, 6), methods=("real",))
    assert fit_ordinal(lone, "clarity").problem == "only one method was rated"


def test_methods_are_compared_case_by_case() -> None:
    ratings = ratings_of(lambda at: at.rng.integers(1, 4) + (at.method == "ours"), cases=12)
    found = [one for one in compare_methods(ratings) if one.question == "clarity"]
    assert [(one.one, one.other) for one in found] == [("real", "other"), ("real", "ours"), ("other", "ours")]
    by_case = np.zeros((3, 12))
    for place in range(3):
        for case in range(12):
            chosen = (ratings.method == place) & (ratings.case == case)
            by_case[place, case] = ratings.of("clarity")[chosen].mean()
    for one, (first, second) in zip(found, ((0, 1), (0, 2), (1, 2)), strict=True):
        differences = np.round(by_case[first] - by_case[second], 9)
        assert (one.test, one.units) == (PAIRED, 12)
        assert one.difference.value == pytest.approx(differences.mean())
        assert one.difference.low < one.difference.value < one.difference.high
        assert one.p == pytest.approx(
            wilcoxon(differences, zero_method="pratt", correction=True, method="approx").pvalue
        )
    everything = compare_methods(ratings)
    assert [one.p_holm for one in everything] == pytest.approx(holm([one.p for one in everything]))
    assert all(one.p <= one.p_holm for one in everything)


def test_methods_without_common_cases_are_compared_as_groups() -> None:
    ratings = ratings_of(lambda at: at.rng.integers(1, 6), shared_cases=False)
    one, clarity = compare_methods(ratings)[0], ratings.of("clarity")
    groups = [
        [clarity[ratings.image == image].mean() for image in np.unique(ratings.image[ratings.method == method])]
        for method in (0, 1)
    ]
    assert one.test == UNPAIRED
    assert one.units == 20
    assert one.p == pytest.approx(mannwhitneyu(*np.round(groups, 9), method="asymptotic").pvalue)


def test_equal_methods_and_few_cases_make_no_findings() -> None:
    equal = compare_methods(ratings_of(lambda at: 1 + at.case % 5))
    assert {one.p for one in equal} == {1.0}
    few = compare_methods(ratings_of(lambda at: at.rng.integers(1, 6), cases=2))
    assert {(one.test, one.p, one.p_holm) for one in few} == {(None, None, None)}


def test_means_are_plain_means_with_intervals_round_them() -> None:
    ratings = ratings_of(lambda at: at.rng.integers(1, 6))
    sample = Sample(ratings.of("clarity"), ratings.reader, ratings.case)
    estimate = mean_estimate(sample, Draws.of(ratings.reader, ratings.case))
    assert estimate.value == ratings.of("clarity").mean()
    assert estimate.low < estimate.value < estimate.high
    assert estimate.count == len(ratings)


def test_one_draw_weighs_each_rating_by_its_reader_and_its_case() -> None:
    rng = np.random.default_rng(0)
    reader, case, values = rng.integers(0, 3, 50), rng.integers(0, 8, 50), rng.normal(size=50)
    draws = Draws.of(reader, case, seed=5, draws=20)
    assert (draws.readers.sum(axis=1) == 3).all()
    assert (draws.cases.sum(axis=1) == 8).all()
    for draw, mean in enumerate(draws.means(Sample(values, reader, case))):
        weights = draws.readers[draw][reader] * draws.cases[draw][case]
        assert mean == pytest.approx((weights * values).sum() / weights.sum())


def test_intervals_of_one_reader_are_those_of_drawing_cases() -> None:
    values = np.random.default_rng(0).normal(size=200)
    lone = np.zeros(200, np.intp)
    estimate = mean_estimate(Sample(values, lone, np.arange(200)), Draws.of(lone, np.arange(200), draws=4000))
    half = 1.96 * values.std() / np.sqrt(200)
    assert estimate.high - estimate.low == pytest.approx(2 * half, rel=0.06)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """Random effects of 8 readers and 30 cases; the pigeonhole bootstrap is conservative, never far below 95 %."""
    covered = 0
    reader, case = (one.ravel() for one in np.meshgrid(np.arange(8), np.arange(30), indexing="ij"))
    for seed in range(150):
        rng = np.random.default_rng(seed)
        values = 3 + rng.normal(0, 0.4, 8)[reader] + rng.normal(0, 0.5, 30)[case] + rng.normal(0, 0.7, 240)
        estimate = mean_estimate(Sample(values, reader, case), Draws.of(reader, case, seed, 300))
        covered += estimate.low <= 3 <= estimate.high
    assert covered / 150 > 0.88


def test_few_cases_get_no_interval() -> None:
    four = Sample(np.arange(4.0), np.zeros(4, np.intp), np.arange(4))
    assert mean_estimate(four, Draws.of(four.reader, four.case)).low is None


def test_agreement_of_a_study() -> None:
    exact = agreement(ratings_of(lambda at: 1 + at.case % 5), "clarity")
    assert (exact.alpha, exact.mean_kappa, exact.icc["ICC(2,1)"].value) == pytest.approx((1, 1, 1))
    assert exact.common_images == 30
    assert len(exact.kappas) == 3
    noise = agreement(ratings_of(lambda at: at.rng.integers(1, 6), cases=60), "clarity")
    assert abs(noise.alpha) < 0.15
    assert abs(noise.icc["ICC(2,1)"].value) < 0.15
    truth = agreement(ratings_of(lambda _: 3), "real_or_synthetic")
    assert truth.icc == {}
    assert truth.alpha == pytest.approx(1)


def test_repeatability_is_as_bland_and_altman_define_it() -> None:
    ratings = ratings_of(lambda at: 2 + at.case % 2, repeats=8, again=lambda value, k: value + k % 3)
    everybody, *readers = repeatability(ratings, "clarity")
    differences = np.array([k % 3 for _ in range(3) for k in range(8)])
    assert everybody.pairs == 24
    assert everybody.equal == share_estimate(9, 24)
    assert everybody.within_one == share_estimate(18, 24)
    assert everybody.drift == pytest.approx(differences.mean())
    assert everybody.within_sd == pytest.approx(np.sqrt((differences**2).mean() / 2))
    assert everybody.coefficient == pytest.approx(1.96 * np.sqrt((differences**2).mean()))
    assert [one.reader for one in readers] == ["anna", "ben", "carl"]
    assert repeatability(ratings_of(lambda _: 3), "clarity") == []


def test_guessing_and_knowing_are_told_apart() -> None:
    knowing = discrimination(ratings_of(lambda _: 3))[0]
    assert (knowing.accuracy.value, knowing.synthetic_told.value, knowing.real_told.value) == (1, 1, 1)
    everybody, *readers = discrimination(ratings_of(lambda _: 3, calls=lambda at: at.rng.integers(2), cases=40))
    assert everybody.balanced.low < 0.5 < everybody.balanced.high
    assert len(readers) == 3
    said_so = discrimination(ratings_of(lambda _: 3, calls=lambda _: 1))[0]
    assert (said_so.synthetic_told.value, said_so.real_told.value, said_so.balanced.value) == (1, 0, 0.5)
    assert said_so.accuracy.value == pytest.approx(2 / 3)
    shares = called_synthetic(ratings_of(lambda _: 3))
    assert {method: share.value for method, share in shares.items()} == {"real": 0, "other": 1, "ours": 1}


def test_studies_without_real_images_have_no_balanced_share() -> None:
    found = discrimination(ratings_of(lambda _: 3, methods=("ours", "other")))[0]
    assert found.real_told is None
    assert found.balanced is None
    assert found.accuracy.value == 1
