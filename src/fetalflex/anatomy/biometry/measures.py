"""Biometry: what the boxes of a layout measure in millimetres.

A box measures what it was drawn round. The charts in `growth_charts` are of skulls from outer edge to outer edge and of
abdomens along the skin; a box along the inner edge of the skull gives less. An upright box round a turned ellipse has
nearly the right circumference (for BPD/OFD = 0.75 at most 0.5 % too much, as width² + height² does not depend on the
angle), but a BPD of up to 18 % too much. Likewise the width of a ventricle, the length of a nasal bone and the
thickness of a nuchal translucency are exact only where the box is turned along it.
"""

from __future__ import annotations

from dataclasses import dataclass

from fetalflex.anatomy.biometry.circumference import ellipse_circumference
from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import Layout, PlacedStructure
from fetalflex.anatomy.registry import Registry
from fetalflex.checks import did_you_mean, one_of, shown
from fetalflex.errors import FetalFlexError

EXTENTS = ("circumference", "shorter side", "longer side")


@dataclass(frozen=True, slots=True)
class Measure:
    """Describe one biometric measure.

    Args:
        name: abbreviation.
        title: name for people.
        structure: canonical name of the structure whose box is measured.
        extent: what of the box: `circumference` (of the ellipse that touches its sides), `shorter side` or `longer
            side`.
        of_outline: only on planes whose outline is that structure; a sagittal skull has no BPD.
        synonyms: other names under which it is found.
    """

    name: str
    title: str
    structure: str
    extent: str
    of_outline: bool = False
    synonyms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        one_of(self.extent, f"measure {self.name}: extent", EXTENTS)

    def of_box(self, box: Box) -> float:
        """Return the extent of a box, in its pixels; a turned box measures as an upright one."""
        if self.extent == "circumference":
            return ellipse_circumference(box.width / 2, box.height / 2)
        return min(box.width, box.height) if self.extent == "shorter side" else max(box.width, box.height)


MEASURES = (
    Measure("HC", "head circumference", "skull", "circumference", True),
    Measure("BPD", "biparietal diameter", "skull", "shorter side", True),
    Measure("OFD", "occipitofrontal diameter", "skull", "longer side", True, ("occipito-frontal diameter",)),
    Measure("AC", "abdominal circumference", "abdomen", "circumference", True),
    Measure("LV", "lateral ventricle width", "lateral_ventricle", "shorter side", False, ("atrial width", "Va")),
    Measure("NB", "nasal bone length", "nasal_bone", "longer side", False, ("NBL",)),
    Measure("NT", "nuchal translucency", "nuchal_translucency", "shorter side"),
)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured value: the measure, millimetres, and the structure that was measured."""

    measure: Measure
    mm: float
    structure: PlacedStructure


def find_measure(name: str) -> Measure:
    """Find a measure by abbreviation, title or synonym; case, spaces and hyphens do not matter.

    Raises:
        FetalFlexError: unknown, with close matches.
    """
    spellings = {
        _key(text): measure for measure in MEASURES for text in (measure.name, measure.title, *measure.synonyms)
    }
    found = spellings.get(_key(name)) if isinstance(name, str) else None
    if found is None:
        hint = did_you_mean(_key(str(name)), spellings)
        names = ", ".join(f"{known.name} ({known.title})" for known in MEASURES)
        raise FetalFlexError(f"unknown measure {shown(name)}.{hint} Known are {names}")
    return found


def measure(layout: Layout, name: str, registry: Registry) -> Measurement:
    """Measure one thing on a layout. Of several structures of the name, the largest value counts.

    Args:
        layout: with `pixel_spacing_mm`.
        name: HC, BPD, OFD, AC, LV, NB or NT, or a title such as `head circumference`.
        registry: planes and structures.

    Raises:
        FetalFlexError: an unknown measure, no pixel spacing, or no such structure on the layout or its plane.
    """
    wanted = find_measure(name)
    spacing = _pixel_spacing(layout, wanted)
    largest = max(measured_structures(layout, wanted, registry), key=lambda placed: wanted.of_box(placed.box))
    return Measurement(wanted, wanted.of_box(largest.box) * spacing, largest)


def measure_all(layout: Layout, registry: Registry) -> tuple[Measurement, ...]:
    """Measure whatever the layout holds, in the order of `MEASURES`; a layout without pixel spacing raises."""
    found = []
    for wanted in MEASURES:
        if layout.find(wanted.structure) and _belongs(layout, wanted, registry):
            found.append(measure(layout, wanted.name, registry))
    return tuple(found)


def measured_structures(layout: Layout, wanted: Measure, registry: Registry) -> tuple[PlacedStructure, ...]:
    """Return the structures that a measure is taken on, at least one; none raises FetalFlexError."""
    if not _belongs(layout, wanted, registry):
        raise FetalFlexError(
            f"{wanted.name} ({wanted.title}) is measured on planes whose outline is the {wanted.structure}; "
            f"the plane {layout.plane} is none of them"
        )
    found = layout.find(wanted.structure)
    if not found:
        raise FetalFlexError(
            f"{wanted.name} ({wanted.title}) needs the structure {wanted.structure}; the layout holds "
            f"{', '.join(layout.names()) or 'no structures'}; add a box for it"
        )
    return found


def _pixel_spacing(layout: Layout, wanted: Measure) -> float:
    if layout.pixel_spacing_mm is None:
        raise FetalFlexError(
            f"{wanted.name} in mm needs the layout's pixel_spacing_mm, which is not set; "
            "set it to the side of a pixel in mm"
        )
    return layout.pixel_spacing_mm


def _belongs(layout: Layout, wanted: Measure, registry: Registry) -> bool:
    return not wanted.of_outline or registry.plane(layout.plane).outline == wanted.structure


def _key(name: str) -> str:
    return " ".join(name.casefold().replace("-", " ").replace("_", " ").split())
