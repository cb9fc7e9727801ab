"""YAML files, read strictly and within limits. Import it where it is used, so that yaml is loaded only when needed.

Every YAML file of the product is read here: planes, anomalies, plans, training runs, recipes and the records of runs.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any, NoReturn

import yaml

from fetalflex.checks import shown
from fetalflex.errors import FetalFlexError

MAX_BYTES = 1_000_000
MAX_NODES = 20_000
"""Values, lists and mappings of one file, each alias counted as what it stands for; more would take seconds to read."""

MAX_DEPTH = 40


def read_yaml(path: Path, what: str) -> Any:
    """Return the value in a YAML file of at most 1 MB; no tags beyond plain values, and dates are texts.

    Args:
        path: file.
        what: what the file should hold, for messages.

    Raises:
        FetalFlexError: missing, larger, not UTF-8, no YAML, a key given twice, a number that is not finite or endless,
            nested too deep, or too many values. The message does not name the file.
    """
    return parse_yaml(_read_text(path, what))


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML text; the errors are those of `read_yaml`."""
    try:
        loader = _StrictLoader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise FetalFlexError(f"is not valid YAML{where}: {problem}") from error
    except (RecursionError, ValueError) as error:
        raise FetalFlexError("is not valid YAML: a value cannot be read") from error


def _read_text(path: Path, what: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FetalFlexError(f"cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise FetalFlexError(f"larger than {MAX_BYTES // 1_000_000} MB, so it is no {what}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FetalFlexError("is not UTF-8 text") from error


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that stops at a key given twice, a number without end, and what would grow without end."""

    # Without dates: what looks like one is a text, so that the field that does not take it is named.
    yaml_implicit_resolvers = {  # noqa: RUF012 - so it is in the class above
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._nodes = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        mark = self.peek_event().start_mark
        if self._depth >= MAX_DEPTH:
            _refuse(f"nested more than {MAX_DEPTH} deep", mark)
        is_alias, before = self.check_event(yaml.events.AliasEvent), self._nodes
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if not is_alias:
            self._nodes += 1
            self._sizes[id(node)] = self._nodes - before
        elif (size := self._sizes.get(id(node))) is None:
            _refuse("an alias stands within what it names", mark)
        else:
            self._nodes += size
        if self._nodes > MAX_NODES:
            _refuse(f"more than {MAX_NODES:,} values", mark)
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:  # of '!!float x' and such
            raise yaml.constructor.ConstructorError(
                None, None, f"{shown(node.value)} cannot be read as {node.tag.rpartition(':')[2]}", node.start_mark
            ) from error
        if isinstance(value, float) and not math.isfinite(value):
            _refuse(f"the number {shown(node.value)} is not finite", node.start_mark)
        return value

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key_node, yaml.ScalarNode):
                if key_node.value in seen:
                    _refuse(f"the key {shown(key_node.value)} stands twice", key_node.start_mark)
                seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def _refuse(problem: str, mark: Any) -> NoReturn:
    raise yaml.constructor.ConstructorError(None, None, problem, mark)
