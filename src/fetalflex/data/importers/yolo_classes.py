"""What the class numbers of YOLO labels mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fetalflex.checks import shown
from fetalflex.data.importers.numbers import whole
from fetalflex.data.importers.reading import files_ending, read_lines, read_names_yaml
from fetalflex.data.limits import MAX_CLASSES, MAX_NAMES_BYTES
from fetalflex.data.paths import inside
from fetalflex.errors import FetalFlexError

_NAME_LISTS = ("classes.txt", "_classes.txt", "labels.txt", "_darknet.labels")
OTHER_TEXTS = frozenset({*_NAME_LISTS, "train.txt", "val.txt", "valid.txt", "test.txt"})
"""Text files of a YOLO set, in lower case, that hold no labels."""


@dataclass(frozen=True)
class Classes:
    """The name of each class number.

    Args:
        names: Class number to name.
        pose_numbers: How many numbers the points of a pose take in a line; None if the set has no poses.
        unread: YAML files that could not be read, and why; none of them is needed.
    """

    names: dict[int, str]
    pose_numbers: int | None = None
    unread: tuple[tuple[Path, FetalFlexError], ...] = ()


def read_classes(root: Path) -> Classes:
    """Return what the files below a folder say of its classes: YAML with `names`, else .names or classes.txt.

    Lists beside a YAML file must not contradict it, but may have fewer or more names.

    Raises:
        FetalFlexError: If no file says it, or two say different things.
    """
    found: list[tuple[Path, Classes]] = []
    unread: list[tuple[Path, FetalFlexError]] = []
    for path in files_ending(root, [".yaml", ".yml"]):
        try:
            classes = _in_yaml(_checked(path, root))
        except FetalFlexError as error:
            unread.append((path, error))
            continue
        if classes is not None:
            found.append((path, classes))
    lists = [path for path in files_ending(root, [".names", ".labels", ".txt"]) if _is_name_list(path)]
    if found:
        for path in lists:
            _check_against(path, root, *found[0])
    else:
        found = [(path, Classes(_in_list(_checked(path, root)))) for path in lists]
    if not found:
        if unread:
            raise unread[0][1]
        raise FetalFlexError(
            f"{root} says nowhere what its class numbers mean; add a classes.txt with one name a line, "
            "a .names file, or a data.yaml with names"
        )
    first, classes = min(found, key=lambda one: (len(one[0].parts), one[0]))
    for path, other in found:
        if (other.names, other.pose_numbers) != (classes.names, classes.pose_numbers):
            raise FetalFlexError(
                f"{first} and {path} say different things of the classes; read each part of the source by itself"
            )
    return Classes(classes.names, classes.pose_numbers, tuple(unread))


def _check_against(path: Path, root: Path, first: Path, classes: Classes) -> None:
    """Check that a list gives the classes of a YAML file no other names; one that cannot be read says nothing."""
    try:
        listed = _in_list(_checked(path, root))
    except FetalFlexError:
        return
    for number, name in listed.items():
        if classes.names.get(number, name).strip() != name:
            raise FetalFlexError(
                f"class {number} is {shown(classes.names[number])} by {first}, but {shown(name)} by {path}; correct or "
                "remove one of them"
            )


def _checked(path: Path, root: Path) -> Path:
    inside(root, path.relative_to(root).as_posix())
    return path


def _is_name_list(path: Path) -> bool:
    return path.suffix == ".names" or path.name.lower() in _NAME_LISTS


def _in_list(path: Path) -> dict[int, str]:
    lines = read_lines(path, MAX_NAMES_BYTES)
    if len(lines) > MAX_CLASSES:
        raise FetalFlexError(f"{path} has {len(lines):,} lines; at most {MAX_CLASSES:,} classes are read")
    return {index: line.strip() for index, line in enumerate(lines) if line.strip()}


def _in_yaml(path: Path) -> Classes | None:
    """Return what a YAML file says, None if it has no `names`."""
    content = read_names_yaml(path)
    if not isinstance(content, dict):
        return None
    names = content.get("names")
    if not names and not isinstance(names, (bool, int)):
        return None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict):
        raise FetalFlexError(f"{path}: names is {shown(names)}; it must be a list, or a mapping from class numbers")
    if len(names) > MAX_CLASSES:
        raise FetalFlexError(f"{path}: names has {len(names):,} classes; at most {MAX_CLASSES:,} are read")
    count = content.get("nc")
    if isinstance(count, int) and not isinstance(count, bool) and count != len(names):
        raise FetalFlexError(f"{path}: nc is {count}, but names has {len(names)} classes; correct one of them")
    by_number: dict[int, str] = {}
    for key, name in names.items():
        try:
            number = whole(key, "class")
        except FetalFlexError as error:
            raise FetalFlexError(
                f"{path}: names has the key {shown(key)}; it must be a list, or a mapping from class numbers"
            ) from error
        if isinstance(name, bool) or not isinstance(name, (str, int, float)):
            raise FetalFlexError(f"{path}: the name of class {number} is {shown(name)}; put it in quotes")
        if number in by_number:
            raise FetalFlexError(f"{path}: class {number} has two names, {by_number[number]!r} and {name!r}")
        by_number[number] = str(name)
    return Classes(by_number, _pose_numbers(content.get("kpt_shape"), path))


def _pose_numbers(shape: object, path: Path) -> int | None:
    if shape is None:
        return None
    if isinstance(shape, list) and len(shape) == 2 and all(type(one) is int for one in shape):
        points, values = shape
        if 1 <= points <= MAX_CLASSES and values in (2, 3):
            return points * values
    raise FetalFlexError(f"{path}: kpt_shape is {shown(shape)}; it must be the number of points and 2 or 3")
