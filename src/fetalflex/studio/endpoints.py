"""What each address of the API does; sync functions, which the server runs outside its loop."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from fetalflex.anatomy import Layout, draw_organ_mask
from fetalflex.checks import shown
from fetalflex.data.image_files import decode_image, encode_png
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject
from fetalflex.provenance import SyntheticMark, mark_in_bytes
from fetalflex.studio import layouts
from fetalflex.studio.catalogue import catalogue
from fetalflex.studio.commands import command_line
from fetalflex.studio.desk import NotThere
from fetalflex.studio.exports import packed
from fetalflex.studio.messages import (
    ApplyAnomaly,
    Correct,
    Detect,
    Export,
    Generate,
    Grow,
    Look,
    OrganMask,
    Pair,
    Refine,
    Upload,
    Work,
    layout_of,
    read_message,
)
from fetalflex.studio.pictures import bytes_of, mask_as_text
from fetalflex.studio.state import Studio
from fetalflex.studio.tasks import fitting_layout, work_of
from fetalflex.studio.worker import Job
from fetalflex.web import Answer, refused

Query = Mapping[str, str]

_LARGEST_UPLOAD = 64 * 2**20
_JOBS: dict[str, type[Generate | Refine | Pair | Detect]] = {
    "generate": Generate,
    "refine": Refine,
    "pair": Pair,
    "detect": Detect,
}


def get_catalogue(studio: Studio, _query: Query, _value: JsonObject) -> Response:
    """Planes, structures, anomalies, measures, presets and data sets."""
    return Answer(catalogue(studio))


def get_records(studio: Studio, query: Query, _value: JsonObject) -> Response:
    """Images of a data set, a page at a time."""
    numbers = {name: _number(query.get(name, "0"), name) for name in ("set", "start")}
    words, plane = query.get("words", "")[:200], query.get("plane") or None
    return Answer(studio.shelf.page(numbers["set"], numbers["start"], 60, plane, words))


def get_thumbnail(studio: Studio, query: Query, _value: JsonObject) -> Response:
    """A small picture of an image of a data set."""
    return _png(encode_png(studio.shelf.thumbnail(query["record"])))


def open_record(studio: Studio, query: Query, _value: JsonObject) -> Response:
    """Put an image of a data set on the desk."""
    return Answer(studio.shelf.open(query["record"], studio.desk).values())


def upload(studio: Studio, _query: Query, value: JsonObject) -> Response:
    """Take in an image file; it is decoded and encoded anew."""
    message = read_message(Upload, value)
    data = bytes_of(message.data, "data")
    if len(data) > _LARGEST_UPLOAD:
        raise FetalFlexError(f"the file has {len(data) / 2**20:.0f} MiB; at most {_LARGEST_UPLOAD >> 20} are read")
    name = "".join(letter for letter in message.name if letter.isprintable()).strip()[:120] or "image"
    pixels = decode_image(data, name)
    return Answer(studio.desk.add_image(pixels, name, "a file of yours", mark=mark_in_bytes(data)).values())


def get_image(studio: Studio, query: Query, _value: JsonObject) -> Response:
    """What is known of an image on the desk."""
    return Answer(studio.desk.image(query["image"]).values())


def get_image_pixels(studio: Studio, query: Query, _value: JsonObject) -> Response:
    """An image on the desk, as PNG."""
    return _png(studio.desk.image_file(query["image"]))


def correct(studio: Studio, query: Query, value: JsonObject) -> Response:
    """Write what an image shows into the data set folder that it came from, where the user has allowed it."""
    image = studio.desk.image(query["image"])
    layout = fitting_layout(read_message(Correct, value).layout, "layout", image, studio)
    return Answer({"written": studio.shelf.correct(image, layout, studio.registry)})


def get_work(studio: Studio, _query: Query, _value: JsonObject) -> Response:
    """The work as it was saved last, and its revision."""
    return Answer(studio.desk.work())


def put_work(studio: Studio, _query: Query, value: JsonObject) -> Response:
    """Save the work; 409 if another page has saved it since."""
    message = read_message(Work, value)
    revision = studio.desk.save_work(message.revision, message.document)
    if revision is None:
        return refused(409, "the work was changed in another window; load this page again to go on with it")
    return Answer({"revision": revision})


def look(studio: Studio, _query: Query, value: JsonObject) -> Response:
    """What is to be said of an edit: measures, doubts, and the region that it would draw anew."""
    message = read_message(Look, value)
    image = studio.desk.image(message.image)
    before = fitting_layout(message.before, "before", image, studio)
    after = fitting_layout(message.layout, "layout", image, studio)
    try:
        region = studio.engine.region(studio.desk.pixels(image.id), before, after, message.region)
        mask, problem = mask_as_text(region), None
    except FetalFlexError as error:  # such as a layout without structures
        mask, problem = None, str(error)
    doubts = layouts.doubts_about(before, after, studio.registry, studio.library)
    notes = studio.engine.notes(studio.model, after, message.prompts)
    return Answer(
        {
            "measures": layouts.measures_of(after, studio.registry),
            "doubts": doubts,
            "notes": notes,
            "region": mask,
            "problem": problem,
        }
    )


def apply_anomaly(studio: Studio, _query: Query, value: JsonObject) -> Response:
    """Draw an anomaly on a layout."""
    message = read_message(ApplyAnomaly, value)
    layout = layout_of(message.layout, "layout")
    chosen = (message.anomaly, message.severity, message.structure, message.seed)
    return Answer(layouts.with_anomaly(layout, *chosen, studio.registry, studio.library))


def grow(studio: Studio, _query: Query, value: JsonObject) -> Response:
    """Set measures of a layout to centiles or millimetres."""
    message = read_message(Grow, value)
    layout = layout_of(message.layout, "layout")
    layout.validate(studio.registry)
    return Answer(layouts.grown(layout, message.targets, studio.registry))


def organ_mask(studio: Studio, _query: Query, value: JsonObject) -> Response:
    """Draw the region of some structures as a mask."""
    message = read_message(OrganMask, value)
    layout = fitting_layout(message.layout, "layout", studio.desk.image(message.image), studio)
    return Answer({"mask": mask_as_text(draw_organ_mask(layout, studio.registry, message.structures))})


def start_job(studio: Studio, _query: Query, value: JsonObject) -> Response:
    """Queue a synthesis or a detection; 409 if this page's last one has not ended."""
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in _JOBS:
        raise FetalFlexError(f"kind must be one of {', '.join(_JOBS)}, got {shown(kind)}")
    message = read_message(_JOBS[kind], value)
    work = work_of(message, studio)
    job = studio.worker.submit(message.client, work)
    if job is None:
        return refused(409, "the last request is still being computed; wait for it, or cancel it")
    return Answer(job.facts())


def get_job(studio: Studio, query: Query, _value: JsonObject) -> Response:
    """How far a job is."""
    return Answer(job_of(studio, query).facts())


def cancel_job(studio: Studio, query: Query, _value: JsonObject) -> Response:
    """Let a job end: after its present step, if it runs."""
    job = job_of(studio, query)
    studio.worker.cancel(job)
    return Answer(job.facts())


def get_results(studio: Studio, _query: Query, _value: JsonObject) -> Response:
    """All results, oldest first."""
    return Answer({"results": studio.desk.results()})


def get_result(studio: Studio, query: Query, _value: JsonObject) -> Response:
    """What is known of a result, and the command that makes it again."""
    facts = studio.desk.result(query["result"])
    return Answer({**facts, "command": command_line(facts, studio.model)})


def get_result_pixels(studio: Studio, query: Query, _value: JsonObject) -> Response:
    """A result, as PNG with its metadata."""
    return _png(studio.desk.result_file(query["result"]).read_bytes())


def get_result_mask(studio: Studio, query: Query, _value: JsonObject) -> Response:
    """Where a result is synthetic, as PNG."""
    return _png(encode_png(studio.desk.result_mask(query["result"]).astype("uint8") * 255))


def get_difference(studio: Studio, query: Query, _value: JsonObject) -> Response:
    """The difference of a pair, as PNG."""
    path = studio.desk.result_file(query["result"]).with_suffix(".difference.png")
    if not path.is_file():
        raise NotThere("this result is not the edited one of a pair, so it has no difference")
    return _png(path.read_bytes())


def open_result(studio: Studio, query: Query, _value: JsonObject) -> Response:
    """Put a result on the desk as an image, to go on from."""
    facts = studio.desk.result(query["result"])
    mark = SyntheticMark({"seed": facts["seed"], "model": facts["model"], "source_image": facts["name"]})
    pixels = decode_image(studio.desk.result_file(facts["id"]).read_bytes(), "result")
    layout = Layout.from_dict(facts["layout"])
    image = studio.desk.add_image(pixels, facts["name"], f"result {facts['id'][:8]}", layout, mark)
    return Answer(image.values())


def export(studio: Studio, _query: Query, value: JsonObject) -> Response:
    """Pack results into a ZIP file: a data set folder, and all that made each of them."""
    message = read_message(Export, value)
    return Response(packed(message.results, studio), media_type="application/zip")


def job_of(studio: Studio, query: Query) -> Job:
    """Return the job that a request is about."""
    job = studio.worker.job(query["job"])
    if job is None:
        raise NotThere("there is no such job (any more)")
    return job


def _png(content: bytes) -> Response:
    return Response(content, media_type="image/png")


def _number(text: str, field: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise FetalFlexError(f"{field} must be a whole number from 0 on, got {shown(text)}")
    return int(text)
