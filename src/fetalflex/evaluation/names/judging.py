"""Does the content of two boxes follow their names?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Registry
from fetalflex.evaluation.intervals import Estimate, patient_draws, sampled_mean, share_estimate
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.names.pairs import NamePair
from fetalflex.evaluation.names.real import RealContrast, region_of
from fetalflex.evaluation.names.syntheses import Exchange

Image = NDArray[np.uint8]

FOLLOWS = 0.5


@dataclass(frozen=True)
class Measures:
    """What was measured of one exchange, grey from 0 to 255; pairs are of the first and the second box.

    Args:
        real: Mean grey in the real image.
        own: Mean grey in the synthesis from its own layout.
        exchanged: The same with the names exchanged.
        without: The same without the two boxes.
        change: Root mean square difference between exchanged and own.
        change_without: The same between the one without the boxes and own.
        level: Mean grey of the region in the synthesis from its own layout.
    """

    real: tuple[float, float]
    own: tuple[float, float]
    exchanged: tuple[float, float]
    without: tuple[float, float]
    change: tuple[float, float]
    change_without: tuple[float, float]
    level: float

    def way(self, contrast: float) -> float:
        """Return how far the grey of both boxes goes, as a share of the way that real images let expect.

        If content follows names, the difference between first and second box turns from `contrast · level` to its
        opposite; 1 is the whole way, 0 no change, negative the wrong direction.

        Args:
            contrast: Mean difference in real images, relative to the region's grey; not 0.
        """
        before, after = self.own[0] - self.own[1], self.exchanged[0] - self.exchanged[1]
        return (before - after) / (2 * contrast * self.level) if self.level > 0 else 0.0


@dataclass(frozen=True)
class PairResult:
    """What exchanging two names does.

    Args:
        pair: The two structures.
        real: How they differ in real images.
        exchanges: On which images they were exchanged.
        measures: What was measured, one per exchange.
    """

    pair: NamePair
    real: RealContrast
    exchanges: tuple[Exchange, ...]
    measures: tuple[Measures, ...]

    @property
    def ways(self) -> NDArray[np.float64]:
        """Share of the expected way, one per exchange, (N,); NaN where the two do not differ to the eye."""
        if not self.real.differs:
            return np.full(len(self.measures), np.nan)
        return np.array([one.way(self.real.mean) for one in self.measures])

    @property
    def way(self) -> Estimate | None:
        """Mean share of the expected way, its interval by patients; None where the two do not differ to the eye."""
        if not self.real.differs:
            return None
        draws = patient_draws([one.sample.patient for one in self.exchanges])
        return sampled_mean(self.ways, draws).estimate

    @property
    def follows(self) -> bool | None:
        """Whether content goes at least half of the way on average; None where the two do not differ to the eye."""
        return None if self.way is None else self.way.value >= FOLLOWS

    def mean(self, name: str) -> tuple[float, float]:
        """Return the mean of one of the measures over the exchanges, for the first and the second box."""
        one, other = np.mean([getattr(measures, name) for measures in self.measures], axis=0)
        return float(one), float(other)

    @property
    def relative_change(self) -> tuple[float, float]:
        """What exchanging the names changes in each box, relative to what taking the boxes away changes."""
        (one, other), (first, second) = self.mean("change"), self.mean("change_without")
        return (one / first if first else 0.0), (other / second if second else 0.0)


@dataclass(frozen=True)
class NameResults:
    """The results of all pairs, in the order of planes and names."""

    pairs: tuple[PairResult, ...]

    @property
    def planes(self) -> tuple[str, ...]:
        """Planes of the pairs, each once."""
        return tuple(dict.fromkeys(one.pair.plane for one in self.pairs))

    def scored(self, plane: str | None = None) -> list[PairResult]:
        """Return the pairs that differ to the eye, of one plane or all."""
        return [one for one in self.pairs if one.real.differs and plane in (None, one.pair.plane)]

    def share_of_pairs(self, plane: str | None = None) -> Estimate | None:
        """Return the share of the scored pairs whose content follows, with Wilson's interval; None without any."""
        scored = self.scored(plane)
        return share_estimate(sum(bool(one.follows) for one in scored), len(scored)) if scored else None

    def share_of_images(self, plane: str | None = None) -> Estimate | None:
        """Return the share of all scored exchanges that follow, its interval by patients; None without any."""
        scored = self.scored(plane)
        if not scored:
            return None
        follows = np.concatenate([one.ways >= FOLLOWS for one in scored]).astype(np.float64)
        patients = [exchange.sample.patient for one in scored for exchange in one.exchanges]
        return sampled_mean(follows, patient_draws(patients)).estimate


def judge_exchanges(
    exchanges: Sequence[Exchange], kept: KeptSyntheses, contrasts: Mapping[NamePair, RealContrast], registry: Registry
) -> NameResults:
    """Measure finished syntheses.

    Args:
        exchanges: What was made.
        kept: Where it lies.
        contrasts: How the pairs differ in real images, of `real_contrasts`.
        registry: Knows the planes' outlines.
    """
    grouped: dict[NamePair, list[Exchange]] = defaultdict(list)
    for exchange in exchanges:
        grouped[exchange.pair].append(exchange)
    results = []
    for pair in sorted(grouped):
        measures = tuple(_measured(one, kept, registry) for one in grouped[pair])
        results.append(PairResult(pair, contrasts[pair], tuple(grouped[pair]), measures))
    return NameResults(tuple(results))


def _measured(exchange: Exchange, kept: KeptSyntheses, registry: Registry) -> Measures:
    layout = exchange.sample.layout
    shape = (layout.height, layout.width)
    own, exchanged, without = (kept.image(name, shape) for name in (exchange.own, exchange.exchanged, exchange.without))
    parts, region = exchange.pair.parts(layout), region_of(layout, registry)
    return measure(exchange.sample.image(), own, exchanged, without, parts, region)


def measure(
    real: Image,
    own: Image,
    exchanged: Image,
    without: Image,
    parts: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    region: NDArray[np.bool_],
) -> Measures:
    """Measure one exchange; all images and masks are (H, W).

    Args:
        real: The source, uint8.
        own: Synthesis from its own layout, uint8.
        exchanged: Synthesis with the names exchanged, uint8.
        without: Synthesis without the two boxes, uint8.
        parts: Pixels of the first and of the second box, bool.
        region: The region to synthesise, bool.
    """
    return Measures(
        _greys(real, parts),
        _greys(own, parts),
        _greys(exchanged, parts),
        _greys(without, parts),
        _root_mean_squares(exchanged, own, parts),
        _root_mean_squares(without, own, parts),
        float(own[region].mean()),
    )


def _greys(image: Image, parts: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> tuple[float, float]:
    return float(image[parts[0]].mean()), float(image[parts[1]].mean())


def _root_mean_squares(
    image: Image, other: Image, parts: tuple[NDArray[np.bool_], NDArray[np.bool_]]
) -> tuple[float, float]:
    squares = (image.astype(np.float64) - other) ** 2
    return float(np.sqrt(squares[parts[0]].mean())), float(np.sqrt(squares[parts[1]].mean()))
