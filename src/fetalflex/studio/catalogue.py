"""What the page has to know at its start: planes, structures, anomalies, measures, presets."""

from __future__ import annotations

from collections import Counter

from fetalflex import __version__
from fetalflex.abilities import Abilities, abilities_of_named
from fetalflex.anatomy import Plane
from fetalflex.anatomy.anomalies import Anomaly
from fetalflex.files.json_files import JsonObject
from fetalflex.provenance import NOTICE
from fetalflex.studio.layouts import growth_facts
from fetalflex.studio.messages import MOST_VARIANTS, Settings
from fetalflex.studio.state import Studio

PRESETS: dict[str, JsonObject] = {
    "draft": {"sampler": "dpm++", "steps": 8, "guidance_layout": 1.0, "guidance_edit": 0.0},
    "fine": Settings().model_dump(),
}
"""`draft` is for trying things: few steps, and one prediction per step. `fine` are the command line's own settings."""


def catalogue(studio: Studio) -> JsonObject:
    """Return it as JSON values."""
    abilities = abilities_of_named(studio.model)
    if abilities is not None and abilities.model != studio.engine.identity:
        abilities = None
    return {
        "version": __version__,
        "model": studio.engine.identity,
        "notice": NOTICE,
        "planes": [_plane(plane, studio) for plane in studio.registry.planes],
        "anomalies": [_anomaly(one, abilities) for one in studio.library],
        "measures": growth_facts(),
        "settings": Settings().model_dump(),
        "presets": PRESETS,
        "most_variants": MOST_VARIANTS,
        "may_correct": studio.shelf.may_correct,
        "sets": [
            {"name": name, "count": len(dataset), "planes": Counter(record.layout.plane for record in dataset)}
            for name, dataset in studio.shelf.sets
        ],
    }


def _plane(plane: Plane, studio: Studio) -> JsonObject:
    structures = []
    for name in plane.structures:
        structure = studio.registry.structure(name)
        structures.append(
            {
                "name": name,
                "title": structure.title,
                "colour": "#" + bytes(structure.colour).hex(),
                "echogenicity": structure.echogenicity,
                "typical_size": list(studio.registry.typical_size(plane.name, name)),
            }
        )
    return {"name": plane.name, "title": plane.title, "outline": plane.outline, "structures": structures}


def _anomaly(one: Anomaly, abilities: Abilities | None) -> JsonObject:
    return {
        "name": one.name,
        "title": one.title,
        "about": one.about,
        "planes": list(one.planes),
        "for_any": one.for_any,
        "severities": [
            {
                "name": grade.name,
                "threshold": grade.threshold,
                "drawn": None if abilities is None else str(abilities.anomaly(one.name, grade.name)),
            }
            for grade in one.severities
        ],
    }
