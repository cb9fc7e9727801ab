"""From a source in any known format to a data set folder, with a report of what was left out and why."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fetalflex import __version__
from fetalflex.anatomy.registry import default_registry
from fetalflex.data.checking import CheckedImage, CheckedSource, check_source, read_image_bytes
from fetalflex.data.coco_records import coco_from_records
from fetalflex.data.contact_sheet import draw_contact_sheet
from fetalflex.data.dataset import ANNOTATIONS, DatasetFolder
from fetalflex.data.folder_kinds import DATA_SET
from fetalflex.data.image_files import decode_image, read_image, write_png
from fetalflex.data.importers import ImportOptions, get_importer
from fetalflex.data.importers.dicom_views import file_digest
from fetalflex.data.records import SPLITS, Record
from fetalflex.data.report import PrepareReport
from fetalflex.data.splits import split_by_patient
from fetalflex.errors import FetalFlexError
from fetalflex.files import new_folder, reserved, write_bytes, write_text
from fetalflex.files.json_files import JsonObject
from fetalflex.progress import Show, show_nothing
from fetalflex.provenance import SyntheticList, picture_text

REPORT_JSON, REPORT_MARKDOWN, CONTACT_SHEET = "report.json", "report.md", "contact_sheet.png"
_SHOWN_REFUSALS = 5
_STATED_IF_GIVEN = ("box_unit", "box_form", "first_pixel", "first_frame", "exif", "colour_doppler")

"""Told what is being done, how many images are done, and of how many (None if not known)."""


def prepare(
    source: Path | str,
    format: str,
    out: Path | str,
    options: ImportOptions | None = None,
    *,
    seed: int = 0,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
    keep_splits: bool = False,
    strict: bool = False,
    force: bool = False,
    show: Show = show_nothing,
) -> PrepareReport:
    """Read a source, check every image and box, split by patient, and write a data set folder wholly or not at all.

    Beside `annotations.json` and `images/` the folder holds `report.json`, `report.md` and `contact_sheet.png`. The
    same source and arguments give the same files, byte for byte. An 8-bit grey PNG or JPEG without metadata is copied
    as it is; every other image is written as 8-bit grey PNG with the grey values of `read_image`, so that no text or
    date in a file comes along. An image that is synthetic, by its file, its record or a list beside it, is written as
    PNG that says so, and so does its record. File names are made portable and unique.

    Args:
        source: Folder, or annotation file, in the layout of the format.
        format: One of `fetalflex.data.importers.IMPORTERS`.
        out: Folder to make, outside the source.
        options: What the user says about the source.
        seed: Another seed gives another division into train, val and test.
        fractions: Expected share of patients in train, val and test.
        keep_splits: Keep the splits that the source names and draw only the others.
        strict: Raise instead of leaving anything out, save for boxes that the label map ignores. Notes, such as on a
            clipped box, are no refusals.
        force: Replace a data set folder that is at `out`.
        show: Shows how many images are checked, and then written.

    Returns:
        The report that is also in the folder.

    Raises:
        FetalFlexError: If nothing of the source can be used, something is in the way at `out`, or, with `strict`,
            anything would be left out. Then nothing is written.
    """
    source, out = Path(source), Path(out)
    options = options or ImportOptions()
    importer = get_importer(format)
    _check_apart(source, out)
    with reserved(out, DATA_SET, force):
        root = source.parent if source.is_file() else source
        with show("checking", None) as tell:
            findings = check_source(importer.read(source, options), root, options, tell)
        if strict and findings.refused:
            raise FetalFlexError(
                f"{source}: nothing is written, since strict allows no refusal: {_first_few(findings)}"
            )
        if not findings.images:
            raise FetalFlexError(f"{source} holds no usable image in the format {format}: {_first_few(findings)}")
        records = split_by_patient((image.record for image in findings.images), seed, fractions, keep_splits)
        report = PrepareReport(
            importer=format,
            source=root.resolve().name.encode("utf-8", "backslashreplace").decode("utf-8"),
            settings=_settings(options, seed, fractions, keep_splits),
            records=records,
            refused=findings.refused,
            notes=findings.notes,
            left_out_on_request=findings.ignored,
            remarks=_remarks(findings.images, records, options, fractions, keep_splits),
        )
        with new_folder(out, DATA_SET, force) as folder:
            _write(folder, findings.images, report, options, show)
        return report


def _write(
    folder: Path,
    images: Sequence[CheckedImage],
    report: PrepareReport,
    options: ImportOptions,
    show: Show,
) -> None:
    listed = SyntheticList()
    with show("writing", len(images)) as tell:
        for number, image in enumerate(images, start=1):
            _write_image(folder, image, listed)
            tell(number)
    listed.write(folder)
    info = {"description": f"{report.source}, read as {report.importer} by FetalFlex {__version__}"}
    coco = coco_from_records(report.records, options.registry, info)
    write_text(folder / ANNOTATIONS, json.dumps(coco, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    write_text(folder / REPORT_JSON, report.to_json())
    write_text(folder / REPORT_MARKDOWN, report.to_markdown())
    sheet = draw_contact_sheet(DatasetFolder(folder, options.registry), options.registry)
    write_png(folder / CONTACT_SHEET, sheet, picture_text("", synthetic=len(listed) > 0))


def _write_image(folder: Path, image: CheckedImage, listed: SyntheticList) -> None:
    path = folder / image.record.file_name
    if image.dicom is not None:
        pixels = read_image(image.path, image.kind.nominal, image.dicom)
        _check_unchanged(image, file_digest(image.path))
    else:
        data = read_image_bytes(image.path, str(image.path))
        _check_unchanged(image, hashlib.sha256(data).digest())
        if image.is_plain:
            write_bytes(path, data)
            return
        pixels = decode_image(data, str(image.path), image.as_stored, image.kind.nominal)
    write_png(path, pixels, {} if image.mark is None else image.mark.png_text())
    if image.mark is not None:
        listed.add(image.record.file_name, pixels, image.mark)


def _check_unchanged(image: CheckedImage, file_hash: bytes) -> None:
    if file_hash != image.file_hash:
        raise FetalFlexError(f"{image.path} has changed while the data set was being made; start again")


def _check_apart(source: Path, out: Path) -> None:
    """Check that neither the source nor the new folder lies in the other."""
    if not source.exists():
        raise FetalFlexError(f"there is no {source}; give the folder of the images and annotations")
    root = (source.parent if source.is_file() else source).resolve()
    target = out.resolve()
    if target.is_relative_to(root):
        raise FetalFlexError(f"{out} lies in the source {source}; give a folder outside it, which stays as it is")
    if root.is_relative_to(target):
        raise FetalFlexError(f"{out} holds the source {source}; give another folder")


def _first_few(findings: CheckedSource) -> str:
    """Return the first refusals as one text."""
    entries = findings.refused
    texts = [f"{entry.where}: {entry.reason}" for entry in entries[:_SHOWN_REFUSALS]]
    if len(entries) > _SHOWN_REFUSALS:
        texts.append(f"and {len(entries) - _SHOWN_REFUSALS} more")
    return "; ".join(texts) or "it names no image"


def _settings(
    options: ImportOptions, seed: int, fractions: tuple[float, float, float], keep_splits: bool
) -> JsonObject:
    settings = {
        "plane": options.plane,
        "label_map": dict(options.label_map),
        "columns": dict(options.columns),
        "patient_pattern": options.patient_pattern,
        "seed": seed,
        "split": list(fractions),
        "keep_splits": keep_splits,
        "fetalflex": __version__,
    }
    stated = {name: getattr(options, name) for name in _STATED_IF_GIVEN}
    if options.frames is not None:
        stated["frames"] = str(options.frames)
    return settings | {name: value for name, value in stated.items() if value not in (None, 0)}


def _remarks(
    images: Sequence[CheckedImage],
    records: Sequence[Record],
    options: ImportOptions,
    fractions: tuple[float, float, float],
    keep_splits: bool,
) -> list[str]:
    remarks = []
    if unknown := sum(record.patient is None for record in records):
        remarks.append(
            f"No patient is known for {unknown} of {len(records)} images; each of them counts as a patient of its own, "
            "so images of one woman may fall into different splits. If file names tell, give a patient pattern."
        )
    if told := {image.record.patient for image in images if image.dicom is not None} - {None}:
        remarks.append(
            f"{len(told)} patients of DICOM files are told apart by the id in the header, which is not kept. If ids "
            "were removed or made equal before, give a patient pattern."
        )
    if keep_splits and (drawn := sum(image.record.split is None for image in images)):
        remarks.append(f"The source names no split for {drawn} of {len(images)} images; these were drawn.")
    if synthetic := sum(image.mark is not None for image in images):
        remarks.append(
            f"{synthetic} of {len(images)} images are synthetic. Training, evaluation and augment do not take them for "
            "real; see `synthetic` in the annotations."
        )
    if coloured := sum(image.kind.in_colour for image in images):
        remarks.append(f"{coloured} of {len(images)} images are in colour; only their brightness is kept.")
    if scales := Counter(image.kind.nominal for image in images if image.kind.nominal is not None):
        bits = " or ".join(f"{nominal.bit_length()} bits" for nominal in sorted(scales))
        remarks.append(
            f"{sum(scales.values())} of {len(images)} images have more than 8 bits a pixel and are kept with 8: those "
            f"of one device share one scale, {bits}, the least that hold the brightest of them."
        )
    present = {record.split for record in records}
    empty = [split for split, share in zip(SPLITS, fractions, strict=True) if share > 0 and split not in present]
    if empty:
        remarks.append(f"No image fell into {' or '.join(empty)}; with few patients another seed or share may help.")
    if options.registry != default_registry():
        remarks.append("Planes or structures beyond the built-in ones may be used; open it with the same registry.")
    return remarks
