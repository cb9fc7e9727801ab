"""From manifests and folders to the images that may go into a study."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy.layout import Layout
from fetalflex.anatomy.registry import Registry
from fetalflex.data import DatasetFolder
from fetalflex.data.image_files import IMAGE_SUFFIXES, image_size, read_image
from fetalflex.errors import FetalFlexError
from fetalflex.provenance import KnownSynthetic, SyntheticMark, mark_of_image
from fetalflex.study.candidates import ANY_PLANE, Candidate
from fetalflex.study.manifest import SUFFIXES as MANIFESTS
from fetalflex.study.manifest import Row, read_manifest

_LONGEST_NAME = 60


def read_sources(
    sources: Sequence[str], registry: Registry, real: Collection[str] = (), planes: Collection[str] = ()
) -> list[Candidate]:
    """Return the images that manifests and folders offer.

    A folder may be a data set, or hold image files; their plane is that of NAME.layout.json beside NAME.png, as
    `fetalflex generate` writes it, or else that of a folder named like it. Images by
    several methods are of one case if the manifest says so; else if they are syntheses of one source image, that image
    itself, or files of one name.

    An image is synthetic if the manifest says so, or its file, its record or a list beside it; it is real if the
    manifest says so, or its method is one of `real`; all others are synthetic once `real` names a method.

    Args:
        sources: `METHOD=FOLDER`, or paths of manifests, see `read_manifest`.
        registry: Knows the planes.
        real: Methods whose images are real.
        planes: Only images of these planes, by name or synonym; all by default.

    Raises:
        FetalFlexError: If a source is missing or offers no image, none is of the planes, it is not known whether an
            image is synthetic, what is said of it contradicts its mark, or some images have a plane and others none.
    """
    wanted = {registry.plane(name).name for name in planes}
    found = [candidate for source in sources for candidate in _candidates(source, registry, frozenset(real))]
    if unused := sorted(set(real) - {candidate.method for candidate in found}):
        methods = ", ".join(sorted({candidate.method for candidate in found}))
        raise FetalFlexError(f"no source has the method {unused[0]!r} that is said to be real; there are {methods}")
    without = [candidate for candidate in found if candidate.plane == ANY_PLANE]
    if without and len(without) < len(found):
        raise FetalFlexError(
            f"{without[0].origin} has no plane, {len(found) - len(without)} other images have one; give all images "
            "their plane, by the column plane of a manifest, a layout beside the image, or a folder named like it; or "
            "give none"
        )
    return _of_planes(found, wanted) if wanted else found


def _of_planes(found: list[Candidate], wanted: set[str]) -> list[Candidate]:
    chosen = [candidate for candidate in found if candidate.plane in wanted]
    if not chosen:
        raise FetalFlexError(f"no image is of the planes {', '.join(sorted(wanted))}")
    return chosen


def _candidates(source: str, registry: Registry, real: frozenset[str]) -> list[Candidate]:
    method, divider, place = source.partition("=")
    if not divider or (Path(source).suffix.lower() in MANIFESTS and Path(source).is_file()):
        path = Path(source)
        if path.suffix.lower() not in MANIFESTS:
            raise FetalFlexError(
                f"{source} says not which method made its images; give METHOD=FOLDER, or a manifest that ends in "
                f"{' or '.join(MANIFESTS)}"
            )
        return [_of_row(row, registry, real) for row in read_manifest(path)]
    folder = Path(place)
    if not folder.is_dir():
        raise FetalFlexError(f"there is no folder {place} for the method {method!r}")
    is_data_set = (folder / "annotations.json").is_file()
    listed = _of_data_set if is_data_set else _of_files
    found = list(listed(method, folder, registry, real))
    if not found:
        raise FetalFlexError(
            f"{folder} holds no image for the method {method!r}; looked for {', '.join(sorted(IMAGE_SUFFIXES))}"
        )
    return found


def _of_row(row: Row, registry: Registry, real: frozenset[str]) -> Candidate:
    try:
        pixels = read_image(row.image)
        mark = mark_of_image(row.image, pixels)
        plane = ANY_PLANE if row.plane is None else registry.plane(row.plane).name
    except FetalFlexError as error:
        raise FetalFlexError(f"{row.where}: {error}") from error
    height, width = pixels.shape
    return _candidate(
        row.where,
        row.method,
        plane,
        row.case,
        row.image,
        mark,
        row.synthetic,
        real,
        (width, height),
        _reading(row.image),
    )


def _of_data_set(method: str, folder: Path, registry: Registry, real: frozenset[str]) -> Iterator[Candidate]:
    dataset = DatasetFolder(folder, registry)
    for record in dataset:
        path = dataset.image_path(record)
        layout = record.layout
        yield _candidate(
            str(path),
            method,
            layout.plane,
            None,
            path,
            dataset.mark(record),
            None,
            real,
            (layout.width, layout.height),
            lambda record=record: dataset.image(record),  # type: ignore[misc]
        )


def _of_files(method: str, folder: Path, registry: Registry, real: frozenset[str]) -> Iterator[Candidate]:
    known = KnownSynthetic(folder)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_SUFFIXES and not any(
            part.startswith(".") for part in path.relative_to(folder).parts
        ):
            pixels = read_image(path)
            plane = _plane_of(path, folder, registry)
            mark = mark_of_image(path, pixels, known)
            yield _candidate(str(path), method, plane, None, path, mark, None, real, image_size(path), _reading(path))


def _candidate(
    origin: str,
    method: str,
    plane: str,
    case: str | None,
    path: Path,
    mark: SyntheticMark | None,
    synthetic: bool | None,
    real: frozenset[str],
    size: tuple[int, int],
    load: Callable[[], NDArray[np.uint8]],
) -> Candidate:
    if not method.isprintable() or not 0 < len(method) <= _LONGEST_NAME or method != method.strip():
        raise FetalFlexError(f"{origin}: the method {method!r} must be a name of 1 to {_LONGEST_NAME} characters")
    if synthetic is None and (real or mark is not None):
        synthetic = method not in real
    if synthetic is None:
        raise FetalFlexError(
            f"{origin}: it is not known whether the images of {method!r} are synthetic; name the methods whose images "
            "are real (--real), or give the manifest a column synthetic"
        )
    if not synthetic and mark is not None:
        raise FetalFlexError(
            f"{origin} is called real, but is marked as a synthetic image; correct the study's sources"
        )
    if synthetic and mark is None:
        mark = SyntheticMark()
    source_image = None if mark is None else mark.facts.get("source_image")
    case = case or PurePath(str(source_image or path)).stem
    return Candidate(origin, method, plane, case, mark if synthetic else None, size, load)


def _plane_of(path: Path, root: Path, registry: Registry) -> str:
    """Return the plane of the layout beside an image, or else the one that a folder above it is named like."""
    layout = path.with_suffix(".layout.json")
    if layout.is_file():
        return Layout.load(layout).plane
    for part in path.relative_to(root).parent.parts:
        try:
            return registry.plane(part).name
        except FetalFlexError:
            continue
    return ANY_PLANE


def _reading(path: Path) -> Callable[[], NDArray[np.uint8]]:
    return lambda: read_image(path)
