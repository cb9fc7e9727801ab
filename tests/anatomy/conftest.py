from __future__ import annotations

import pytest

from fetalflex.anatomy import Box, Layout, PlacedStructure, Registry, default_registry


@pytest.fixture
def registry() -> Registry:
    return default_registry()


@pytest.fixture
def abdomen() -> Layout:
    """A 200 x 100 px abdominal plane, 0.5 mm per pixel."""
    return Layout(
        "abdominal_transverse",
        200,
        100,
        (
            PlacedStructure("abdomen", Box(100, 50, 160, 80)),
            PlacedStructure("stomach", Box(60, 50, 30, 20)),
            PlacedStructure("kidney", Box(120, 70, 20, 10)),
            PlacedStructure("kidney", Box(150, 70, 24, 12, 30)),
        ),
        0.5,
    )
