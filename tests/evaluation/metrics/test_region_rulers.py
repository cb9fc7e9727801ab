from __future__ import annotations

import numpy as np
import pytest

from fetalflex.evaluation.intervals import mean_of, patient_draws
from fetalflex.evaluation.metrics.catalogue import METRICS, QUALITY, RULERS
from fetalflex.evaluation.metrics.region_rulers import Region, RegionSet, appearances, ruler_metrics, values_of_regions
from fetalflex.evaluation.metrics.two_samples import tell_apart
from fetalflex.rulers import ruler_values

PATIENTS = tuple("abcdefgh")


def _regions(count: int = 8, gain: float = 0.5, offset: float = 12.0, side: int = 90) -> list[Region]:
    """Return regions of speckle whose synthetic ones have less of it, and are brighter."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(count):
        speckle = rng.normal(0, 10 + 5 * rng.random(), (120, 120))
        region = np.zeros((120, 120), np.bool_)
        region[10 : 10 + side, 10 : 10 + side] = True
        synthetic = np.where(region, 100 + offset + gain * speckle, 100 + speckle)
        real, synthetic = (np.rint(image).astype(np.uint8) for image in (100 + speckle, synthetic))
        found.append((real, synthetic, region))
    return found


def _measured(regions: list[Region], patients: tuple[str, ...] = PATIENTS) -> dict:
    together = RegionSet(lambda: regions, patients, patient_draws(patients))
    return ruler_metrics(values_of_regions(together.read()), together)


def test_every_ruler_is_a_metric_of_the_report() -> None:
    assert {*_measured(_regions()), "auc_rulers"} == {metric.name for metric in RULERS}
    assert len({metric.name for metric in METRICS}) == len(QUALITY) + len(RULERS)


def test_intervals_hold_their_values_and_narrow_with_more_patients() -> None:
    few, many = (_measured(_regions(count), tuple(map(str, range(count)))) for count in (8, 40))
    for name, one in few.items():
        estimate = one.estimate
        assert estimate.low <= estimate.value <= estimate.high, name
    for name in ("texture", "contrast_ratio", "seam_ratio", "tone_error"):
        widths = [metrics[name].estimate.high - metrics[name].estimate.low for metrics in (few, many)]
        assert widths[1] < widths[0]


def test_what_is_known_is_measured() -> None:
    metrics = _measured(_regions())
    assert metrics["texture"].value == pytest.approx(20 * np.log10(0.5), abs=0.3)
    assert metrics["texture_ratio"].value == pytest.approx(0.25, abs=0.02)
    assert metrics["contrast_ratio"].value == pytest.approx(0.5, abs=0.02)
    assert metrics["tone_error"].value == pytest.approx(12, abs=0.5)
    assert metrics["tone_spread_ratio"].value == pytest.approx(0.5, abs=0.02)
    assert metrics["seam_broad_step"].value > metrics["real_seam_broad_step"].value


def test_ratios_are_of_the_sums_so_that_one_flat_rim_does_not_rule() -> None:
    regions = _regions()
    real, synthetic, region = regions[0]
    flat = np.where(region, real, 100).astype(np.uint8)
    flat[5:105, 5:105] = 100
    regions[0] = (flat, synthetic, region)
    values = values_of_regions(regions)
    assert np.isnan(values["seam_step"] / np.where(values["real_seam_step"] > 0, values["real_seam_step"], np.nan))[0]
    metrics = _measured(regions)
    expected = values["seam_step"].sum() / values["real_seam_step"].sum()
    assert metrics["seam_ratio"].value == pytest.approx(expected)


def test_too_small_regions_are_left_out_of_the_spectrum_alone() -> None:
    metrics = _measured(_regions(5) + _regions(3, side=12))
    assert metrics["texture"].count == 5
    assert metrics["texture"].estimate.low is not None
    assert metrics["tone_error"].count == 8
    alone = _measured(_regions(8, side=12))
    assert "texture" not in alone
    assert "texture_ratio" not in alone


def test_of_few_patients_with_a_spectrum_there_is_no_interval() -> None:
    metrics = _measured(_regions(4) + _regions(4, side=12))
    assert metrics["texture"].estimate.low is None
    assert metrics["tone_error"].estimate.low is not None
    assert mean_of([metrics["texture"], metrics["texture"]]).estimate.low is None


def test_the_sign_of_a_shift_counts_in_the_shift_and_not_in_the_error() -> None:
    mixed = _regions(4, offset=12) + _regions(4, offset=-12)
    metrics = _measured(mixed)
    assert abs(metrics["tone_shift"].value) < 1
    assert metrics["tone_error"].value == pytest.approx(12, abs=0.5)


def test_two_samples_are_told_apart_by_what_the_rulers_see() -> None:
    regions = _regions(12)
    patients = tuple(map(str, range(12)))
    told = RegionSet(lambda: regions, patients, patient_draws(patients))
    numbers = appearances(told)
    assert numbers.real.shape == numbers.synthetic.shape == (12, len(numbers.names))
    assert numbers.real[:, numbers.names.index("mean grey")] == pytest.approx(
        [real[region].mean() for real, _, region in regions]
    )
    apart = tell_apart(numbers)
    assert apart is not None
    assert apart.auc.value > 0.95
    same = RegionSet(lambda: [(real, real, region) for real, _, region in regions], patients, told.draws)
    alike = tell_apart(appearances(same))
    assert alike is not None
    assert alike.auc.value == pytest.approx(0.5, abs=0.1)


def test_the_lines_of_the_csv_are_those_of_the_rulers() -> None:
    regions = _regions(3)
    values = values_of_regions(regions)
    for index, region in enumerate(regions):
        assert {name: column[index] for name, column in values.items()} == pytest.approx(ruler_values(*region))
