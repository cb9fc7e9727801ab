"""Turn what the page asks for into jobs: checked before they wait, kept on the desk when they are done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fetalflex.anatomy import Layout, changed_structures
from fetalflex.anatomy.changed import check_same_image
from fetalflex.counterfactuals.difference import draw_difference
from fetalflex.data.image_files import write_png
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject
from fetalflex.provenance import picture_text
from fetalflex.studio.desk import OpenImage
from fetalflex.studio.messages import Detect, Generate, Pair, Refine, layout_of
from fetalflex.studio.pictures import mask_of
from fetalflex.studio.results import Asked, Made, Result
from fetalflex.studio.state import Studio
from fetalflex.studio.worker import Job

if TYPE_CHECKING:
    from fetalflex.pipeline import Synthesis

Work = Callable[[Job], JsonObject]


def work_of(message: Generate | Refine | Pair | Detect, studio: Studio) -> Work:
    """Return what computes a request.

    Raises:
        FetalFlexError: If image, layouts and mask do not fit together.
    """
    if isinstance(message, Generate):
        return _generating(message, studio)
    if isinstance(message, Refine):
        return _refining(message, studio)
    return _pairing(message, studio) if isinstance(message, Pair) else _detecting(message, studio)


def _generating(message: Generate, studio: Studio) -> Work:
    image = studio.desk.image(message.image)
    before = fitting_layout(message.before, "before", image, studio)
    after = fitting_layout(message.layout, "layout", image, studio)
    region = message.region if message.mask is None else mask_of(message.mask, after)
    facts: Asked = {
        "kind": "generate",
        "before": before.to_dict(),
        "region": message.region if message.mask is None else "mask",
        "is_unedited": not changed_structures(before, after),
        "options": message.settings.model_dump(),
    }

    def work(job: Job) -> JsonObject:
        pixels = studio.desk.pixels(image.id)
        made = studio.engine.generate(pixels, before, after, region, message.seeds, message.settings, job.report)
        for synthesis in made:
            missed = studio.engine.misses(synthesis.image, before, after)
            job.add_result(keep(synthesis, image, {**facts, "missed": missed}, studio))
        return {}

    return work


def _refining(message: Refine, studio: Studio) -> Work:
    image = studio.desk.image(message.image)
    layout = fitting_layout(message.layout, "layout", image, studio)
    mask = mask_of(message.mask, layout)
    facts: Asked = {
        "kind": "refine",
        "before": layout.to_dict(),
        "region": "mask",
        "is_unedited": True,
        "options": message.settings.model_dump(),
    }

    def work(job: Job) -> JsonObject:
        pixels = studio.desk.pixels(image.id)
        for synthesis in studio.engine.refine(pixels, layout, mask, message.seeds, message.settings, job.report):
            job.add_result(keep(synthesis, image, facts, studio))
        return {}

    return work


def _pairing(message: Pair, studio: Studio) -> Work:
    image = studio.desk.image(message.image)
    before = fitting_layout(message.before, "before", image, studio)
    after = fitting_layout(message.layout, "layout", image, studio)
    if not changed_structures(before, after):
        raise FetalFlexError("nothing is edited, so both images of the pair would be the same; change a box first")
    facts: Asked = {
        "kind": "pair",
        "before": before.to_dict(),
        "region": "changed",
        "is_unedited": False,
        "options": message.settings.model_dump(),
    }

    def work(job: Job) -> JsonObject:
        pixels = studio.desk.pixels(image.id)
        normal, changed = studio.engine.pair(pixels, before, after, message.seed, message.settings, job.report)
        first = keep(normal, image, {**facts, "role": "as it is"}, studio)
        missed = studio.engine.misses(changed.image, before, after)
        edited: Asked = {**facts, "role": "edited", "normal": first["id"], "missed": missed}
        second = keep(changed, image, edited, studio)
        difference = draw_difference(changed.image.astype("int16") - normal.image.astype("int16"))
        place = studio.desk.result_file(second["id"]).with_suffix(".difference.png")
        write_png(place, difference, picture_text("difference of a pair"))
        job.add_result(first)
        job.add_result(second)
        return {}

    return work


def _detecting(message: Detect, studio: Studio) -> Work:
    image = studio.desk.image(message.image)

    def work(_job: Job) -> JsonObject:
        found = studio.engine.detect(studio.desk.pixels(image.id), message.plane)
        found.layout.validate(studio.registry)
        return {
            "layout": found.layout.to_dict(),
            "scores": list(found.scores),
            "plane_score": found.plane_score,
            "doubts": found.doubts(studio.registry),
        }

    return work


def fitting_layout(value: JsonObject, field: str, image: OpenImage, studio: Studio) -> Layout:
    """Return the layout in a message, or raise a FetalFlexError if it does not fit the image or the registry."""
    layout = layout_of(value, field)
    check_same_image(Layout(layout.plane, image.width, image.height), layout)
    layout.validate(studio.registry)
    return layout


def keep(synthesis: Synthesis, image: OpenImage, facts: Asked, studio: Studio) -> Result:
    """Write a synthesis with all that is known of it; return it as JSON values."""
    result_id, path = studio.desk.new_result()
    synthesis.save(path, extra={"FetalFlex:source": image.name})
    made: Made = {
        **facts,
        "image": image.id,
        "name": image.name,
        "layout": synthesis.layout.to_dict(),
        "seed": synthesis.seed,
        "prompt": synthesis.prompt,
        "model": synthesis.model,
        "settings": synthesis.settings,
        "made_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    return studio.desk.keep_result(result_id, made, synthesis.roi_mask)
