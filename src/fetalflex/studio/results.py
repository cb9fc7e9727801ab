"""What is known of a result, as it is kept on disk and sent to the page."""

from __future__ import annotations

from typing import Literal, TypedDict, TypeGuard

from fetalflex.files.json_files import JsonObject


class _OfSome(TypedDict, total=False):
    """What is not known of every result.

    Args:
        missed: what the detector does not see of the edit, one sentence each.
        role: of an image of a pair.
        normal: id of the result without the edit, for the edited one of a pair.
    """

    missed: list[str]
    role: str
    normal: str


class Asked(_OfSome):
    """What a request says of its results.

    Args:
        kind: of the request.
        before: the layout before the edit, as in a layout file.
        region: mode of the region, or `mask`.
        is_unedited: whether the layout is the one before.
        options: the settings; see `Settings`.
    """

    kind: Literal["generate", "refine", "pair"]
    before: JsonObject
    region: str
    is_unedited: bool
    options: JsonObject


class Made(Asked):
    """The same, with what a synthesis says of itself.

    Args:
        image: id of the source image.
        name: of the source image.
        layout: what the result shows, as in a layout file.
        made_at: date and time, ISO 8601.
    """

    image: str
    name: str
    layout: JsonObject
    seed: int
    prompt: str
    model: str
    settings: JsonObject
    made_at: str


class Result(Made):
    """The same, with the id under which the desk knows it."""

    id: str


def is_result(values: JsonObject) -> TypeGuard[Result]:
    """Say whether a file holds all that is known of a result."""
    return Result.__required_keys__ <= values.keys()
