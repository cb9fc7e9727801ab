"""Ask a layout for its centiles, and set them: as edits, so that they can be saved and replayed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fetalflex.anatomy.biometry.charts import GROWTH_CHARTS, chart_of
from fetalflex.anatomy.biometry.curves import GrowthChart
from fetalflex.anatomy.biometry.gestational_age import GestationalAge
from fetalflex.anatomy.biometry.measures import Measure, find_measure, measure, measured_structures
from fetalflex.anatomy.biometry.targets import GrowthTarget, parse_growth_target
from fetalflex.anatomy.box import Box
from fetalflex.anatomy.edits import Edit, Scale
from fetalflex.anatomy.layout import Layout
from fetalflex.anatomy.recipe import Recipe
from fetalflex.anatomy.registry import Registry
from fetalflex.errors import FetalFlexError

_MOST_LOST_FROM_SIGHT = 0.02
_ROUNDING = 1e-6


def centile_of(
    layout: Layout,
    name: str,
    age: GestationalAge,
    registry: Registry,
    charts: Mapping[str, GrowthChart] = GROWTH_CHARTS,
) -> float:
    """Return the centile, 0 to 100, of a measure of the layout at a gestational age.

    Raises:
        FetalFlexError: it cannot be measured, has no chart, or the chart does not cover the age.
    """
    chart = chart_of(name, charts)
    return chart.centile(measure(layout, name, registry).mm, age)


def set_biometry(
    layout: Layout, target: GrowthTarget | str, registry: Registry, charts: Mapping[str, GrowthChart] = GROWTH_CHARTS
) -> Layout:
    """Return the layout on which a measure has the asked value, such as "22w3d, HC 5th centile".

    See `biometry_recipe` for the rules and the errors.
    """
    target = parse_growth_target(target) if isinstance(target, str) else target
    return biometry_recipe(layout, (target,), registry, charts).apply(layout, registry)


def biometry_recipe(
    layout: Layout,
    targets: Sequence[GrowthTarget],
    registry: Registry,
    charts: Mapping[str, GrowthChart] = GROWTH_CHARTS,
) -> Recipe:
    """Return the edits after which the measures have the asked values, set one after the other.

    A circumference scales its box in both directions. A length scales one side; the other side stays, unless it would
    cease to be the longer (or shorter) one, when it becomes equal: a ventricle wider than long becomes round.

    What lies in an outline follows it, by the rule of `fetalflex.anatomy.contents`. Of several structures of one name,
    all are scaled alike; an outline must be the only one.

    Args:
        layout: with `pixel_spacing_mm`.
        targets: at least one.
        registry: planes and structures.
        charts: for targets that are centiles or z-scores.

    Raises:
        FetalFlexError: a measure cannot be taken; a target cannot be computed; a structure would be pushed out of the
            image; or a later target undoes an earlier one, as HC and BPD can.
    """
    if not targets:
        raise FetalFlexError("there is nothing to set; give at least one target, such as '22w3d, HC 5th centile'")
    edits: list[Edit] = []
    after = layout
    for target in targets:
        wanted = find_measure(target.measure)
        factor = target.millimetres(charts) / measure(after, wanted.name, registry).mm
        step = Recipe(tuple(_edits(after, wanted, factor, registry)))
        _check_in_sight(after, wanted, factor, target, registry)
        after = step.apply(after, registry)
        edits += step.edits
    _check_reached(after, targets, registry, charts)
    return Recipe(tuple(edits))


def _edits(layout: Layout, wanted: Measure, factor: float, registry: Registry) -> Iterator[Edit]:
    placed = measured_structures(layout, wanted, registry)
    if not wanted.of_outline:
        references = [layout.reference(i) for i, item in enumerate(layout.structures) if item.name == wanted.structure]
        for index, structure in enumerate(placed):
            yield Scale(references[index], *_side_factors(wanted, structure.box, factor))
        return
    if len(placed) > 1:
        raise FetalFlexError(
            f"the layout holds {len(placed)} structures {wanted.structure}, so {wanted.name} cannot be set; keep one"
        )
    yield Scale(wanted.structure, *_side_factors(wanted, placed[0].box, factor))


def _side_factors(wanted: Measure, box: Box, factor: float) -> tuple[float, float]:
    """Return the factors for a box's width and height that multiply its measure by `factor`."""
    if wanted.extent == "circumference":
        return factor, factor
    measured = wanted.of_box(box) * factor
    keep_order = max if wanted.extent == "shorter side" else min
    if wanted.of_box(box) == box.width:
        return measured / box.width, keep_order(box.height, measured) / box.height
    return keep_order(box.width, measured) / box.width, measured / box.height


def _check_in_sight(layout: Layout, wanted: Measure, factor: float, target: GrowthTarget, registry: Registry) -> None:
    for placed in measured_structures(layout, wanted, registry):
        box = placed.box.scaled(*_side_factors(wanted, placed.box, factor))
        before = placed.box.inside_fraction(layout.width, layout.height)
        share = box.inside_fraction(layout.width, layout.height)
        if share < before - _MOST_LOST_FROM_SIGHT:
            raise FetalFlexError(
                f"{target} makes the {wanted.structure} {box.width:.0f} x {box.height:.0f} px, of which "
                f"{share:.0%} would lie within the image of {layout.width} x {layout.height} px ({before:.0%} before); "
                "ask for less, or take an image with more room round it"
            )


def _check_reached(
    layout: Layout, targets: Sequence[GrowthTarget], registry: Registry, charts: Mapping[str, GrowthChart]
) -> None:
    for target in targets:
        asked, found = target.millimetres(charts), measure(layout, target.measure, registry).mm
        if abs(found - asked) > _ROUNDING * asked:
            others = ", ".join(str(other) for other in targets if other is not target)
            raise FetalFlexError(
                f"{target} asks for {asked:.1f} mm, but is {found:.1f} mm after {others}; measures of one box go "
                "together: set HC alone, or BPD and OFD"
            )
