"""Small layouts of an abdomen and a head, for tests of sheets and pairs."""

from __future__ import annotations

from fetalflex.anatomy import Box, Layout, PlacedStructure

ABDOMEN = Layout(
    "abdominal_transverse",
    120,
    80,
    (
        PlacedStructure("abdomen", Box(50, 42, 60, 56)),
        PlacedStructure("stomach", Box(40, 44, 14, 10)),
        PlacedStructure("spine", Box(70, 36, 10, 10)),
    ),
)
HEAD = Layout("thalamic_transverse", 90, 70, (PlacedStructure("skull", Box(45, 35, 60, 46)),))
