"""JSON in and out: what comes is read strictly, what goes wrong is said in one sentence."""

from __future__ import annotations

import json
from typing import NoReturn

from starlette.requests import Request
from starlette.responses import Response

from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject

_DEEPEST = 40


class Answer(Response):
    """Answer with JSON."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """Return JSON text; NaN and infinity, which JSON lacks, are refused."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def refused(status: int, message: str) -> Answer:
    """Return an answer that says why there is no other: `{"error": message}`."""
    return Answer({"error": message}, status)


async def read_object(request: Request) -> JsonObject:
    """Return the JSON object that a request holds; the guard has limited its size.

    Raises:
        FetalFlexError: If it is no JSON object, nests too deeply, or holds what JSON lacks (NaN, infinity).
    """
    body = await request.body()
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise FetalFlexError(f"the body is not JSON: {_short(error)}") from error
    if not isinstance(value, dict):
        raise FetalFlexError("the body must be a JSON object")
    _check_depth(value)
    return value


def _check_depth(value: object) -> None:
    """Refuse what would make later walks through the value overflow; this walk does not recurse."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            item
            for one in level
            if isinstance(one, (dict, list))
            for item in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise FetalFlexError(f"the body nests deeper than {_DEEPEST} levels")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _short(error: BaseException) -> str:
    return "it nests too deeply" if isinstance(error, RecursionError) else str(error)[:100]
