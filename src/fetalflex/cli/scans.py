"""Images with their layouts, from files or from a data set. To be imported only while a command runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import typer
from numpy.typing import NDArray

from fetalflex.anatomy import Layout, Registry, changed_structures
from fetalflex.cli.inputs import check_known, check_shape, load_layout, named_with_turn, read_mask, tell_of_losses
from fetalflex.cli.options import EditRoi
from fetalflex.data import Dataset, DatasetFolder, Record, open_dataset, read_image, read_png_text
from fetalflex.data.image_files import IMAGE_SUFFIXES, image_header
from fetalflex.data.utf8_text import displayable
from fetalflex.errors import FetalFlexError
from fetalflex.provenance import mark_of_image


@dataclass(frozen=True)
class Scan:
    """An image with its layout.

    Args:
        name: What the image is called.
        image: (H, W) uint8 grey.
        layout: What it shows.
        layout_origin: Where the layout comes from, for messages.
        files: The files, or the data set, that it is read from.
        is_synthetic: Whether it is known to be no real image.
    """

    name: str
    image: NDArray[np.uint8]
    layout: Layout
    layout_origin: str
    files: tuple[Path, ...]
    is_synthetic: bool = False

    def mask(self, path: Path) -> NDArray[np.bool_]:
        """Return the region in an image file of the scan's size, (H, W) bool; see `read_mask`."""
        found = read_mask(path)
        check_shape(found, str(path), self.layout, self.layout_origin)
        return found

    def region(self, mask: Path | None, roi: EditRoi | None, default: EditRoi) -> str | NDArray[np.bool_]:
        """Return the region to synthesise as the pipeline takes it: a mask if a file is given, else a mode."""
        return (roi or default).value if mask is None else self.mask(mask)


def read_scan(image: str, layout: Path | None, dataset: Path | None, registry: Registry) -> Scan:
    """Read an image and its layout, from two files or from a data set.

    A layout that seems to be that of another image is used, with a warning on standard error. One without pixel spacing
    gets that of a DICOM file's header.

    Args:
        image: Image file, or an image of the data set; see `find_record`.
        layout: Layout file; None with a data set.
        dataset: Data set folder or packed file.
        registry: Planes and structures.

    Raises:
        FetalFlexError: If a file is missing or damaged, they do not fit together, or not exactly one of layout and
            data set is given.
    """
    if layout is not None and dataset is not None:
        raise FetalFlexError("what the image shows comes from --layout or from --dataset; give one of them")
    if dataset is not None:
        opened, record = find_record(dataset, image, registry)
        origin = f"{dataset}: {record.file_name}"
        check_known(record.layout, registry, origin)
        pixels, is_synthetic = opened.image(record), opened.mark(record) is not None
        return Scan(record.file_name, pixels, record.layout, origin, (dataset,), is_synthetic)
    if layout is None:
        raise FetalFlexError(_where_layouts_come_from(Path(image)))
    shown = load_layout(layout, registry)
    pixels = read_image(Path(image))
    check_shape(pixels, named_with_turn(Path(image)), shown, str(layout))
    shown = _calibrated(shown, Path(image))
    tell_of_losses(Path(image))
    if (doubt := _doubt(Path(image), layout, shown)) is not None:
        typer.echo(f"warning: {doubt}", err=True)
    is_synthetic = mark_of_image(Path(image), pixels) is not None
    return Scan(displayable(Path(image).name), pixels, shown, str(layout), (Path(image), layout), is_synthetic)


def _calibrated(layout: Layout, image: Path) -> Layout:
    """Return a layout with the pixel spacing of its DICOM image, if it has none itself and the header states one."""
    facts = image_header(image).dicom
    if facts is None or layout.pixel_spacing_mm is not None:
        return layout
    spacing, _ = facts.spacing_at([(one.box.cx, one.box.cy) for one in layout.structures])
    return replace(layout, pixel_spacing_mm=spacing)


def read_layout(name: str, dataset: Path | None, registry: Registry) -> tuple[Layout, str, tuple[Path, ...]]:
    """Read a layout alone.

    Args:
        name: Layout file, or an image of the data set; see `find_record`.
        dataset: Data set folder or packed file.
        registry: Planes and structures.

    Returns:
        The layout, where it comes from (for messages), and the files that it was read from.

    Raises:
        FetalFlexError: If it is missing, damaged, or does not fit the registry.
    """
    if dataset is None:
        return load_layout(Path(name), registry), name, (Path(name),)
    _, record = find_record(dataset, name, registry)
    origin = f"{dataset}: {record.file_name}"
    check_known(record.layout, registry, origin)
    return record.layout, origin, (dataset,) if dataset.is_file() else ()


def find_record(path: Path, name: str, registry: Registry) -> tuple[Dataset, Record]:
    """Return a data set and its record of an image.

    Args:
        path: Data set folder or packed file.
        name: File name as the annotations have it, of which folders and ending may be left out; or the path of the
            image's file.
        registry: Planes and structures.

    Raises:
        FetalFlexError: If there is no such data set or image, or several images go by that name.
    """
    dataset, wanted = open_dataset(path, registry), PurePosixPath(name)
    named = [PurePosixPath(record.file_name) for record in dataset]
    file = Path(name).resolve()
    root = path.resolve() if isinstance(dataset, DatasetFolder) else None
    ways = (
        [position for position, found in enumerate(named) if found == wanted],
        [position for position, found in enumerate(named) if root is not None and root / found == file],
        [position for position, found in enumerate(named) if wanted == PurePosixPath(found.name)],
        [position for position, found in enumerate(named) if wanted == PurePosixPath(found.stem)],
    )
    positions = next((way for way in ways if way), [])
    if len(positions) > 1:
        raise FetalFlexError(
            f"{path} holds several images {name}: {', '.join(str(named[i]) for i in positions)}; give one of these"
        )
    if not positions:
        raise FetalFlexError(
            f"{path} holds no image {name}; give a file name as its annotations have it, or the path of a file in it"
        )
    return dataset, dataset[positions[0]]


def _where_layouts_come_from(image: Path) -> str:
    own = image.with_suffix(".layout.json")
    hint = f" (there is {own})" if own.is_file() else ""
    return (
        f"the layout of {image} is missing: give --layout with its file, or --dataset with the data set that holds it. "
        f"Every image that is synthesised has its layout beside it{hint}, `fetalflex detect` writes layouts of scans, "
        "and `fetalflex prepare` makes a data set of annotated ones"
    )


def _layout_within(image: Path) -> Layout | None:
    """Return the layout that a synthetic image carries in its metadata; None if it carries none that can be read."""
    if image.suffix.lower() != ".png":
        return None
    try:
        return Layout.from_json(read_png_text(image)["FetalFlex:layout"])
    except (FetalFlexError, KeyError):
        return None


def _doubt(image: Path, layout: Path, shown: Layout) -> str | None:
    """Return why a layout may be that of another image, or None."""
    own = _layout_within(image)
    if own is not None and (own.plane != shown.plane or changed_structures(own, shown)):
        return f"{image} was synthesised under another layout than {layout}"
    stem = layout.name.removesuffix(".json").removesuffix(".layout")
    for suffix in sorted(IMAGE_SUFFIXES):
        other = layout.with_name(f"{stem}{suffix}")
        if other.is_file() and other.stem != image.stem:
            return f"{layout} lies beside {other} and seems to be the layout of that image, not of {image}"
    return None
