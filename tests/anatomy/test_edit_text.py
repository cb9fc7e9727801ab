from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import Add, Mirror, Move, Remove, Resize, Rotate, Scale, parse_edit
from fetalflex.errors import FetalFlexError


@pytest.mark.parametrize(
    ("kind", "text", "edit"),
    [
        ("move", "stomach:+20,-10", Move("stomach", 20, -10)),
        ("move", "stomach:+5%,-3%", Move("stomach", 0.05, -0.03, "fraction")),
        ("move", "stomach:+4mm,0mm", Move("stomach", 4, 0, "mm")),
        ("move", "stomach:4mm,0", Move("stomach", 4, 0, "mm")),
        ("move", " stomach : 1.5px , .5px ", Move("stomach", 1.5, 0.5)),
        ("move", "lateral_ventricle[1]:1e1,2.", Move("lateral_ventricle[1]", 10, 2)),
        ("scale", "stomach:1.5", Scale("stomach", 1.5)),
        ("scale", "stomach:1.5,1.0", Scale("stomach", 1.5, 1.0)),
        ("resize", "stomach:60x40", Resize("stomach", 60, 40)),
        ("resize", "stomach:60pxx40px", Resize("stomach", 60, 40)),
        ("resize", "stomach:60 X 40mm", Resize("stomach", 60, 40, "mm")),
        ("resize", "nasal bone:10%×5%", Resize("nasal bone", 0.1, 0.05, "fraction")),
        ("rotate", "skull:15", Rotate("skull", 15)),
        ("rotate", "skull:-7.5", Rotate("skull", -7.5)),
        ("remove", "stomach", Remove("stomach")),
        ("remove", "kidney[0]", Remove("kidney[0]")),
        ("add", "stomach:120,90,60x40", Add("stomach", 120, 90, 60, 40)),
        ("add", "stomach:120,90", Add("stomach", 120, 90)),
        ("add", "stomach:120,90,60x40@15", Add("stomach", 120, 90, 60, 40, 15)),
        ("add", "stomach:120,90@-15", Add("stomach", 120, 90, angle=-15)),
        ("add", "stomach:50%,40%,20%x10%", Add("stomach", 0.5, 0.4, 0.2, 0.1, unit="fraction")),
        ("mirror", "horizontal", Mirror("horizontal")),
        ("mirror", "vertical", Mirror("vertical")),
    ],
)
def test_forms(kind, text, edit):
    parsed = parse_edit(kind, text)
    assert parsed == edit or vars_close(parsed, edit)


def vars_close(first, second) -> bool:
    if type(first) is not type(second):
        return False
    pairs = [(getattr(first, name), getattr(second, name)) for name in type(first).__dataclass_fields__]
    return all(a == b or (isinstance(a, float) and a == pytest.approx(b)) for a, b in pairs)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("shove", "stomach:1,1", "edit kind must be one of move, scale, resize, rotate, remove, add, mirror"),
        ("move", "stomach", "expected a structure, a colon and numbers; write for example stomach:\\+20,-10"),
        ("move", "stomach:20", "expected two numbers separated by ','"),
        ("move", "stomach:1,2,3", "expected two numbers"),
        ("move", "stomach:a,b", "'a' is no number"),
        ("move", "stomach:nan,1", "'nan' is no number"),
        ("move", "stomach:1e999,1", "must be finite"),
        ("move", "stomach:5cm,1cm", "'5cm' is no number with a unit of px, % or mm"),
        ("move", "stomach:5%,1mm", "units % and mm are mixed"),
        ("move", ":1,1", "structure must be a name"),
        ("scale", "stomach:150px", "'150px' is no plain number"),
        ("scale", "stomach:0", "greater than 0"),
        ("scale", "stomach:", "is no plain number"),
        ("resize", "stomach:60", "expected a size such as 60x40"),
        ("resize", "stomach:60x-4", "greater than 0"),
        ("rotate", "skull:15deg", "is no plain number"),
        ("remove", "", "structure must be a name"),
        ("add", "stomach:1", "expected a centre"),
        ("add", "stomach:1,2,3", "expected a size"),
        ("add", "stomach:1,2,3x4@", "is no plain number"),
        ("mirror", "diagonal", "mirror axis must be one of horizontal, vertical"),
        ("move", 3, "move must be a text"),
    ],
)
def test_mistakes_are_named(kind, text, message):
    with pytest.raises(FetalFlexError, match=message):
        parse_edit(kind, text)


@given(st.sampled_from(["move", "scale", "resize", "rotate", "remove", "add", "mirror"]), st.text(max_size=40))
def test_any_text_gives_an_edit_or_a_clear_error(kind, text):
    with contextlib.suppress(FetalFlexError):
        assert parse_edit(kind, text).kind == kind


@given(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5))
def test_numbers_are_read_as_written(dx, dy):
    assert parse_edit("move", f"stomach:{dx!r},{dy!r}") == Move("stomach", dx, dy)
