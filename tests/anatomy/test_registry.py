from __future__ import annotations

import copy
import itertools
import math

import pytest

from fetalflex.anatomy import Plane, Registry, Structure, default_registry
from fetalflex.errors import FetalFlexError

REFERENCE_STRUCTURES = [
    "skull",
    "midline_falx",
    "cavum_septi_pellucidi",
    "thalami",
    "choroid_plexus",
    "lateral_ventricle",
    "midbrain",
    "intracranial_translucency",
    "cisterna_magna",
    "nuchal_translucency",
    "palate",
    "nasal_bone",
    "nasal_tip",
    "nasal_skin",
    "abdomen",
    "stomach",
    "umbilical_vein",
    "spine",
]


def structure(name: str, colour: tuple[int, int, int] = (200, 0, 0), **values) -> Structure:
    return Structure(
        **{"name": name, "title": name, "colour": colour, "echogenicity": "anechoic"}
        | {"typical_size": (0.1, 0.1)}
        | values
    )


def plane(name: str, *structures: str, outline: str | None = None, **values) -> Plane:
    return Plane(name, name, outline, structures, **values)


class TestPackagedRegistry:
    def test_order_is_stable(self, registry):
        assert [s.name for s in registry.structures[:18]] == REFERENCE_STRUCTURES
        assert [p.name for p in registry.planes] == [
            "thalamic_transverse",
            "ventricular_transverse",
            "facial_sagittal",
            "abdominal_transverse",
            "cerebellar_transverse",
            "femur",
            "thorax",
        ]

    def test_colours_are_stable(self, registry):
        assert [s.colour for s in registry.structures[:4]] == [
            (255, 255, 255),
            (255, 0, 255),
            (180, 255, 0),
            (0, 240, 180),
        ]

    def test_colours_are_far_from_each_other_and_from_black(self, registry):
        colours = [s.colour for s in registry.structures]
        assert min(math.dist(a, b) for a, b in itertools.combinations(colours, 2)) >= 45
        assert min(math.dist(a, b) for a, b in itertools.combinations(colours[:18], 2)) >= 80
        assert min(max(colour) for colour in colours) >= 120

    def test_every_structure_is_on_a_plane(self, registry):
        assert {name for p in registry.planes for name in p.structures} == {s.name for s in registry.structures}

    def test_outlines(self, registry):
        outlines = {p.name: p.outline for p in registry.planes}
        assert outlines["thalamic_transverse"] == outlines["cerebellar_transverse"] == "skull"
        assert outlines["abdominal_transverse"] == "abdomen"
        assert outlines["thorax"] == "thorax"
        assert outlines["facial_sagittal"] is None
        assert outlines["femur"] is None

    @pytest.mark.parametrize(
        ("label", "name"),
        [
            ("skull", "skull"),
            ("Brain", "skull"),
            ("HC", "skull"),
            ("CSP", "cavum_septi_pellucidi"),
            ("cavum septi-pellucidi", "cavum_septi_pellucidi"),
            ("MIDLINE_FALX", "midline_falx"),
            ("CHOROID_PLEXUS", "choroid_plexus"),
            ("LV", "lateral_ventricle"),
            ("NT", "nuchal_translucency"),
            ("IT", "intracranial_translucency"),
            ("4th ventricle", "intracranial_translucency"),
            ("CM", "cisterna_magna"),
            ("nasal bone", "nasal_bone"),
            ("NasalBone", "nasal_bone"),
            ("gastric bubble", "stomach"),
            ("portal sinus", "umbilical_vein"),
        ],
    )
    def test_usual_labels_are_found(self, registry, label, name):
        assert registry.structure(label).name == name

    @pytest.mark.parametrize(
        ("label", "name"),
        [
            ("brain-tv", "ventricular_transverse"),
            ("Trans-thalamic", "thalamic_transverse"),
            ("Trans-cerebellum", "cerebellar_transverse"),
            ("Fetal abdomen", "abdominal_transverse"),
            ("Fetal femur", "femur"),
            ("fetal_thorax", "thorax"),
            ("Facial sagittal plane", "facial_sagittal"),
        ],
    )
    def test_usual_planes_are_found(self, registry, label, name):
        assert registry.plane(label).name == name

    def test_is_read_once(self):
        assert default_registry() is default_registry()

    def test_survives_pickling(self, registry):
        assert copy.deepcopy(registry) == registry


class TestLookup:
    def test_unknown_names_come_with_close_matches(self, registry):
        with pytest.raises(FetalFlexError, match=r"unknown structure 'stomac'\. Did you mean stomach"):
            registry.structure("stomac")
        with pytest.raises(FetalFlexError, match=r"unknown plane 'thalamic_transvers'\. Did you mean"):
            registry.plane("thalamic_transvers")

    @pytest.mark.parametrize("name", ["qqqqqq", "", None, 3, ["stomach"]])
    def test_hopeless_names_come_with_the_list(self, registry, name):
        with pytest.raises(FetalFlexError, match=r"unknown structure .* Known are skull, midline_falx"):
            registry.structure(name)

    def test_typical_size_may_differ_by_plane(self, registry):
        assert registry.typical_size("thalamic_transverse", "thalami") == (0.25, 0.3)
        assert registry.typical_size("facial_sagittal", "thalami") == (0.13, 0.15)
        assert registry.typical_size("abdominal", "gastric bubble") == (0.2, 0.15)


class TestRules:
    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"name": "Stomach"}, "structure name must be lower case"),
            ({"name": "../x"}, "structure name must be lower case"),
            ({"echogenicity": "loud"}, "echogenicity must be one of anechoic, hypoechoic"),
            ({"colour": (10, 20, 30)}, "too close to black"),
            ({"colour": (256, 0, 0)}, "whole number from 0 to 255"),
            ({"colour": (1.5, 0, 0)}, "whole number from 0 to 255"),
            ({"colour": (255, 0)}, r"must be \[red, green, blue\]"),
            ({"typical_size": (0, 0.1)}, "greater than 0"),
            ({"typical_size": (1.1, 0.1)}, "must not exceed 1"),
            ({"typical_size": (0.1,)}, r"must be \[width, height\]"),
        ],
    )
    def test_structures(self, values, message):
        with pytest.raises(FetalFlexError, match=message):
            structure(**{"name": "stomach"} | values)

    def test_planes(self):
        with pytest.raises(FetalFlexError, match="listed twice"):
            plane("p", "a", "a")
        with pytest.raises(FetalFlexError, match="outline 'b' is missing"):
            plane("p", "a", outline="b")
        with pytest.raises(FetalFlexError, match="typical_sizes names 'b'"):
            plane("p", "a", typical_sizes=(("b", (0.1, 0.1)),))

    def test_colours_must_differ(self):
        with pytest.raises(FetalFlexError, match="structures a and b have the same or nearly the same colour"):
            Registry([structure("a", (200, 0, 0)), structure("b", (200, 5, 5))], [])

    def test_names_and_synonyms_must_differ(self):
        with pytest.raises(FetalFlexError, match="structures a and b share the name or synonym 'A'"):
            Registry([structure("a"), structure("b", (0, 200, 0), synonyms=("A",))], [])
        with pytest.raises(FetalFlexError, match="planes p and q share"):
            Registry([], [plane("p", synonyms=("x y",)), plane("q", synonyms=("X-Y",))])

    def test_planes_may_list_defined_structures_only(self):
        with pytest.raises(FetalFlexError, match=r"plane p lists the structure 'stomac', .*Did you mean stomach"):
            Registry([structure("stomach")], [plane("p", "stomac")])


class TestMerging:
    def test_new_entries_come_last(self):
        first = Registry([structure("a")], [plane("p", "a")])
        second = Registry([structure("b", (0, 200, 0))], [plane("q", "b")])
        merged = first.merged_with(second)
        assert [s.name for s in merged.structures] == ["a", "b"]
        assert [p.name for p in merged.planes] == ["p", "q"]

    def test_with_itself_changes_nothing(self, registry):
        assert registry.merged_with(registry) == registry

    def test_planes_known_to_both_are_united(self):
        first = Registry([structure("a")], [plane("p", "a", outline="a", synonyms=("s",))])
        second = Registry(
            [structure("a"), structure("b", (0, 200, 0))],
            [plane("p", "b", "a", synonyms=("t",), typical_sizes=(("b", (0.5, 0.5)),))],
        )
        merged = first.merged_with(second).plane("p")
        assert merged == plane("p", "a", "b", outline="a", synonyms=("s", "t"), typical_sizes=(("b", (0.5, 0.5)),))

    def test_conflicts_are_refused(self):
        first = Registry([structure("a"), structure("b", (0, 200, 0))], [plane("p", "a", "b", outline="a")])
        with pytest.raises(FetalFlexError, match="structure a is already defined differently"):
            first.merged_with(Registry([structure("a", (0, 0, 200))], []))
        with pytest.raises(FetalFlexError, match="outline a, which cannot become b"):
            first.merged_with(Registry([structure("b", (0, 200, 0))], [plane("p", "b", outline="b")]))
        with pytest.raises(FetalFlexError, match="nearly the same colour"):
            first.merged_with(Registry([structure("c", (0, 201, 0))], []))
