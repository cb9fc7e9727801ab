"""Read what commands are given, and check that it fits together. To be imported only while a command runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer
from numpy.typing import NDArray

from fetalflex.anatomy import Layout, Registry, default_registry, model_registry
from fetalflex.cli.options import EditRoi, Roi
from fetalflex.cli.show import progress_console
from fetalflex.data import read_image
from fetalflex.data.annotation_json import read_annotation_json
from fetalflex.data.image_files import image_header, is_image_file
from fetalflex.data.picture_kind import picture_kind, visible
from fetalflex.errors import FetalFlexError
from fetalflex.models.locate import find_model

if TYPE_CHECKING:
    from fetalflex.detection import Detector
    from fetalflex.pipeline.pipeline import FetalFlexPipeline


def load_registry(extra: Path | None, model: str | None = None) -> Registry:
    """Return planes and structures: a model's own, or else the built-in ones, and those of a YAML file beside them.

    A model that is not there is reported when it is loaded, after what else is wrong with the request.
    """
    registry = default_registry() if model is None else _planes_of(model)
    return registry if extra is None else registry.extended_with(extra)


def _planes_of(model: str) -> Registry:
    try:
        folder = find_model(model)
    except FetalFlexError:
        return default_registry()
    return model_registry(folder)


def load_pipeline(model: str, registry: Registry, device: str) -> FetalFlexPipeline:
    """Find and load a model.

    Raises:
        FetalFlexError: If there is no such model, it is damaged, or the device cannot be used.
    """
    folder = find_model(model)
    with progress_console().status("loading the model"):
        from fetalflex.compute.device import choose_device
        from fetalflex.pipeline.pipeline import FetalFlexPipeline

        return FetalFlexPipeline.from_pretrained(folder, registry, choose_device(device))


def load_detector(detector: str, device: str) -> Detector:
    """Find and load a detector.

    Raises:
        FetalFlexError: If there is no such detector, it is damaged, or the device cannot be used.
    """
    with progress_console().status("loading the detector"):
        from fetalflex.compute.device import choose_device
        from fetalflex.detection import Detector

        return Detector.from_pretrained(detector, choose_device(device))


def load_layout(path: Path, registry: Registry) -> Layout:
    """Read a layout file whose plane and structures are known.

    Raises:
        FetalFlexError: If it is missing, damaged, or does not fit the registry; the message names the file.
    """
    if is_image_file(path):
        raise FetalFlexError(
            f"{path} is an image, not a layout file; give its layout, such as {path.with_suffix('.layout.json')}, or "
            "--dataset with the data set that holds the image"
        )
    if path.is_dir():
        raise FetalFlexError(f"{path} is a folder, not a layout file; if it is a data set, give --dataset {path}")
    try:
        layout = Layout.load(path)
    except FetalFlexError as error:
        if _holds_annotations(path):
            raise FetalFlexError(
                f"{path} holds the annotations of many images, not one layout; give --dataset {path.parent} with the "
                "image's name if it was made by `fetalflex prepare`, or prepare it first"
            ) from error
        raise
    check_known(layout, registry, str(path))
    return layout


def _holds_annotations(path: Path) -> bool:
    """Say whether a file is COCO annotations."""
    try:
        value = read_annotation_json(path)
    except FetalFlexError:
        return False
    return isinstance(value, dict) and {"images", "annotations"} <= value.keys()


def with_spacing(layout: Layout, where: str, pixel_spacing_mm: float | None) -> Layout:
    """Return a layout with a pixel spacing.

    Args:
        layout: What is to be measured.
        where: Where it comes from, for messages.
        pixel_spacing_mm: Side of a pixel, mm, > 0, if the layout does not state it.

    Raises:
        FetalFlexError: If neither says how large a pixel is, or what they say differs.
    """
    stated = layout.pixel_spacing_mm
    if stated is None and pixel_spacing_mm is None:
        raise FetalFlexError(
            f"{where} states no pixel_spacing_mm, so nothing in it can be measured in mm; add it to the file, or give "
            "--pixel-spacing, the side of a pixel in mm"
        )
    if stated is not None and pixel_spacing_mm not in (None, stated):
        raise FetalFlexError(f"{where} states pixel_spacing_mm {stated:g}, but --pixel-spacing is {pixel_spacing_mm:g}")
    return layout if stated is not None else replace(layout, pixel_spacing_mm=pixel_spacing_mm)


def check_known(layout: Layout, registry: Registry, where: str) -> None:
    """Raise a FetalFlexError that names `where` if plane or structures do not fit the registry."""
    try:
        layout.validate(registry)
    except FetalFlexError as error:
        raise FetalFlexError(f"{where}: {error}") from error


def check_shape(pixels: NDArray[np.generic], where: str, layout: Layout, layout_where: str) -> None:
    """Raise a FetalFlexError that names both files if an image, (H, W), is not of the layout's size."""
    height, width = pixels.shape
    if (width, height) != (layout.width, layout.height):
        raise FetalFlexError(
            f"{where} has {width} x {height} pixels, but {layout_where} is for {layout.width} x {layout.height}; "
            "give the image and the layout that belong together"
        )


def read_region(
    mask: Path | None, roi: Roi | EditRoi | None, default: Roi | EditRoi = Roi.AUTO
) -> str | NDArray[np.bool_]:
    """Return the region to synthesise as the pipeline takes it: a mask if a file is given, else a mode."""
    return (roi or default).value if mask is None else read_mask(mask)


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Return (H, W) bool from an image with two values, False where it is black or transparent.

    Raises:
        FetalFlexError: If it is not an image, all black, or holds more values; the message names the file.
    """
    grey, opaque = read_image(path), visible(path)
    if opaque is not None:
        grey = np.where(opaque, grey, 0).astype(np.uint8)
    values = np.unique(grey)
    marks = values[values > 0]
    if len(marks) == 0:
        if opaque is not None and opaque.any():
            raise FetalFlexError(f"mask {path} is black where it is not transparent; mark the region in white")
        raise FetalFlexError(f"mask {path} is all black; mark the region to synthesise in white")
    if len(marks) > 1:
        raise FetalFlexError(
            f"mask {path} holds {len(values)} grey values; give black and one other value, in a lossless format (PNG)"
        )
    return np.asarray(grey > 0)


def named_with_turn(path: Path) -> str:
    """Return an image file's name for a message on its size, saying so if EXIF turns the picture."""
    header = image_header(path)
    if header.stored == header.upright:
        return str(path)
    width, height = header.stored
    return f"{path}, which is stored with {width} x {height} pixels and turned by its EXIF orientation,"


def tell_of_losses(path: Path) -> None:
    """Say on stderr what of an image file the 8-bit grey that is worked on and written has no place for."""
    if (told := picture_kind(path).told) is not None:
        typer.echo(f"note: {path}: {told}", err=True)


def check_roi_options(has_source: bool, roi: Roi | EditRoi | None, mask: Path | None, feather: int | None) -> None:
    """Check that the options on the region to synthesise go together.

    Raises:
        FetalFlexError: If two of them contradict each other, or they have no source image to keep anything from.
    """
    if mask is not None and roi is not None:
        raise FetalFlexError("--mask and --roi both name the region to synthesise; give one of them")
    if has_source:
        return
    keeps_some = roi not in (None, Roi.AUTO, Roi.FULL)
    wanted = {"--mask": mask is not None, "--roi": keeps_some, "--feather": bool(feather)}
    if given := [name for name, is_given in wanted.items() if is_given]:
        raise FetalFlexError(
            f"{given[0]} needs a source image whose rest is kept; give --image, or --dataset without --no-source"
        )
