"""YAML files, read strictly and within limits. Import it where it is used, so that yaml is loaded only when needed."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from fetalflex.anatomy.checks import shown
from fetalflex.errors import FetalFlexError

_LARGEST_FILE = 1_000_000


def read_yaml(path: Path, what: str) -> Any:
    """Return the value in a YAML file of at most 1 MB; no tags beyond plain values.

    Args:
        path: file.
        what: what the file should hold, for messages.

    Raises:
        FetalFlexError: missing, larger, not UTF-8, no YAML, or a key given twice. The message does not name the file.
    """
    try:
        loader = _StrictLoader(_read_text(path, what))
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise FetalFlexError(f"is not valid YAML{where}: {getattr(error, 'problem', None) or error}") from error
    except FetalFlexError:
        raise
    except (RecursionError, ValueError) as error:
        raise FetalFlexError("is not valid YAML: a value cannot be read") from error


def _read_text(path: Path, what: str) -> str:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise FetalFlexError(f"larger than {_LARGEST_FILE // 1_000_000} MB, so it is no {what}")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FetalFlexError(f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FetalFlexError("is not UTF-8 text") from error


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice in one mapping."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key_node, yaml.ScalarNode):
                if key_node.value in seen:
                    problem = f"the key {shown(key_node.value)} stands twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
                seen.add(key_node.value)
        return super().construct_mapping(node, deep)
