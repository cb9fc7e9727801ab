"""What of a report.json is compared with another one, so that a damaged file is told by its field."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject


class _Estimate(BaseModel):
    value: float | None
    low: float | None
    high: float | None


class _Plane(BaseModel):
    metrics: dict[str, _Estimate]


class _Obedience(BaseModel):
    present: _Estimate | None
    enlarged: _Estimate | None
    removed: _Estimate | None


class _FoundStructure(BaseModel):
    iou: _Estimate


class _Kind(BaseModel):
    ap50: float
    ap: float
    structures: dict[str, _FoundStructure]


class _Edit(BaseModel):
    enlarged_iou: _Estimate
    iou_with_box_before: _Estimate
    found_at_all: dict[str, _Estimate]


class _Fidelity(BaseModel):
    detector: str
    kinds: dict[str, _Kind]
    edits: dict[str, _Edit]


class _Side(BaseModel):
    title: str
    mean_of_planes: dict[str, _Estimate]


class _Report(BaseModel):
    mean_of_planes: dict[str, _Estimate]
    planes: dict[str, _Plane]
    adherence: dict[str, _Obedience]
    sampling: JsonObject = {}
    layout_fidelity: _Fidelity | None = None
    blurs: dict[str, _Side] = {}
    local_edits: _Side | None = None


def check_report_fields(report: JsonObject, where: str) -> None:
    """Check that the fields of a report which are compared are of the right kind; others are not looked at.

    Raises:
        FetalFlexError: If one is not; the message names `where` and the field.
    """
    try:
        _Report.model_validate(report, strict=True)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(map(str, problem["loc"]))
        raise FetalFlexError(f"{where}: {field}: {problem['msg']}; run the evaluation again") from error
