"""Hypothesis strategies for layouts as normal images have them, turned and mirrored as they come."""

from __future__ import annotations

from hypothesis import strategies as st

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry

# Centre and size of each structure as fractions: of the outline's box from its centre, or of the image.
PLACES: dict[str, dict[str, tuple[float, float, float, float]]] = {
    "abdominal_transverse": {
        "stomach": (-0.06, 0.255, 0.27, 0.175),
        "umbilical_vein": (-0.26, -0.07, 0.26, 0.11),
        "spine": (0.32, 0.02, 0.2, 0.2),
    },
    "ventricular_transverse": {
        "cavum_septi_pellucidi": (0.146, -0.01, 0.18, 0.08),
        "lateral_ventricle": (-0.3, 0.16, 0.137, 0.09),
    },
    "thalamic_transverse": {
        "midline_falx": (-0.04, 0.0, 0.64, 0.1),
        "cavum_septi_pellucidi": (-0.16, -0.03, 0.125, 0.12),
        "thalami": (0.0, 0.0, 0.2, 0.3),
        "choroid_plexus": (0.17, 0.22, 0.15, 0.08),
        "lateral_ventricle": (0.24, 0.22, 0.15, 0.1),
    },
    "cerebellar_transverse": {
        "cavum_septi_pellucidi": (-0.25, 0.0, 0.12, 0.08),
        "thalami": (-0.05, 0.0, 0.2, 0.25),
        "cerebellum": (0.24, 0.0, 0.2, 0.4),
        "cisterna_magna": (0.4, 0.0, 0.1, 0.2),
    },
    "facial_sagittal": {
        "thalami": (0.36, 0.47, 0.12, 0.14),
        "midbrain": (0.33, 0.63, 0.09, 0.17),
        "cisterna_magna": (0.4, 0.74, 0.11, 0.06),
        "nuchal_translucency": (0.51, 0.82, 0.31, 0.06),
        "palate": (0.53, 0.4, 0.13, 0.13),
        "nasal_bone": (0.51, 0.27, 0.06, 0.022),
        "nasal_skin": (0.52, 0.24, 0.04, 0.018),
        "nasal_tip": (0.56, 0.24, 0.03, 0.015),
        "lips": (0.635, 0.37, 0.04, 0.07),
        "mandible": (0.64, 0.5, 0.07, 0.05),
    },
}
OUTLINES = {
    "abdominal_transverse": "abdomen",
    "ventricular_transverse": "skull",
    "thalamic_transverse": "skull",
    "cerebellar_transverse": "skull",
    "facial_sagittal": None,
}
# What pixel spacing is chosen for: a structure and the usual length of its short side, in mm.
MEASURED = {"lateral_ventricle": (6.0, 8.5), "nuchal_translucency": (1.2, 2.0), "stomach": (8.0, 14.0)}


def placed(outline: Box, x: float, y: float, width: float, height: float) -> Box:
    """A box whose centre, from that of the outline, and size are fractions of an upright outline."""
    cx, cy = outline.cx + x * outline.width, outline.cy + y * outline.height
    return Box(cx, cy, width * outline.width, height * outline.height)


@st.composite
def normal_layouts(draw: st.DrawFn, planes: tuple[str, ...] = tuple(PLACES), spacing: bool | None = None) -> Layout:
    """Layouts of normal images with every structure; `spacing` says whether pixel spacing is known, None = either."""
    plane = draw(st.sampled_from(planes))
    width, height = draw(st.integers(300, 600)), draw(st.integers(260, 420))
    outline_name = OUTLINES[plane]
    outline = Box(width / 2, height / 2, width, height)
    structures: list[PlacedStructure] = []
    if outline_name is not None:
        side = draw(st.floats(0.5, 0.62)) * height
        outline = Box(width / 2, height / 2, draw(st.floats(1.1, 1.35)) * side, side)
        structures.append(PlacedStructure(outline_name, outline))
    for name, (cx, cy, w, h) in PLACES[plane].items():
        x, y = (cx, cy) if outline_name else (cx - 0.5, cy - 0.5)
        x, y = x + draw(st.floats(-0.01, 0.01)), y + draw(st.floats(-0.01, 0.01))
        w, h = w * draw(st.floats(0.9, 1.1)), h * draw(st.floats(0.9, 1.1))
        box = Box(
            outline.cx + x * outline.width, outline.cy + y * outline.height, w * outline.width, h * outline.height
        )
        structures.append(PlacedStructure(name, box))
    if outline_name is not None:
        angle = draw(st.one_of(st.just(0.0), st.floats(-40, 40)))
        structures = [
            PlacedStructure(item.name, item.box.rotated_about(width / 2, height / 2, angle)) for item in structures
        ]
    measured = next(((item, MEASURED[item.name]) for item in structures if item.name in MEASURED), None)
    mm = None
    if spacing is not False and measured and (spacing or draw(st.booleans())):
        item, limits = measured
        mm = draw(st.floats(*limits)) / min(item.box.width, item.box.height)
    layout = Layout(plane, width, height, tuple(structures), mm)
    layout = layout.mirrored_horizontally() if draw(st.booleans()) else layout
    layout = layout.mirrored_vertically() if outline_name and draw(st.booleans()) else layout
    layout.validate(default_registry())
    return layout


def example_layout(plane: str, pixel_spacing_mm: float | None = None) -> Layout:
    """The upright layout of a plane, 576 x 400 px, without jitter."""
    outline_name = OUTLINES[plane]
    outline = Box(288, 200, 340, 270) if outline_name else Box(288, 200, 576, 400)
    structures = [PlacedStructure(outline_name, outline)] if outline_name else []
    for name, (cx, cy, w, h) in PLACES[plane].items():
        x, y = (cx, cy) if outline_name else (cx - 0.5, cy - 0.5)
        box = Box(
            outline.cx + x * outline.width, outline.cy + y * outline.height, w * outline.width, h * outline.height
        )
        structures.append(PlacedStructure(name, box))
    return Layout(plane, 576, 400, tuple(structures), pixel_spacing_mm)


ABDOMEN = Layout(
    "abdominal_transverse",
    400,
    300,
    (
        PlacedStructure("abdomen", Box(200, 150, 280, 240)),
        PlacedStructure("stomach", Box(180, 210, 60, 40)),
        PlacedStructure("spine", Box(290, 150, 50, 50)),
        PlacedStructure("umbilical_vein", Box(120, 140, 60, 24)),
        PlacedStructure("liver", Box(170, 100, 160, 90)),
    ),
)
"""An abdomen with some space."""


def with_box(name: str, box: Box, layout: Layout = ABDOMEN) -> Layout:
    """The layout with another box for the structures of a name."""
    return layout.with_structures(
        PlacedStructure(name, box) if item.name == name else item for item in layout.structures
    )
