"""Exchanged names in reports: values, a table, a few lines, a sheet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import CloseUp, Layout, Registry, draw_overlay
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.names.judging import NameResults, PairResult
from fetalflex.evaluation.names.pairs import NamePair
from fetalflex.evaluation.names.real import DIFFERENCE
from fetalflex.evaluation.tables import percent, shown, table_head, table_row
from fetalflex.figures.table import PictureRow, draw_picture_table
from fetalflex.files.json_files import JsonObject

Picture = NDArray[np.uint8]

EXPLANATION = (
    "The names of two boxes of a layout are exchanged, the boxes stay; background, noise and prompt are the same. "
    "Way is how far the grey of both boxes then goes, as a share of what real images let expect: 1 if each box takes "
    "on the other's brightness, 0 if names make no difference. Content follows from 0.5 on. Scored are pairs that "
    f"differ to the eye: in real images by {DIFFERENCE:g} of the region's mean grey or more, alike in three quarters "
    "of them. Change is the root mean square change inside the boxes, relative to that when both boxes are taken away. "
    "The outline of a plane is left out."
)


def names_values(results: NameResults) -> JsonObject:
    """Return the results as JSON values."""
    pairs_share, images_share = results.share_of_pairs(), results.share_of_images()
    return {
        "pairs_that_follow": None if pairs_share is None else pairs_share.to_dict(),
        "images_that_follow": None if images_share is None else images_share.to_dict(),
        "planes": {
            plane: {
                name: None if (share := of(plane)) is None else share.to_dict()
                for name, of in (
                    ("pairs_that_follow", results.share_of_pairs),
                    ("images_that_follow", results.share_of_images),
                )
            }
            for plane in results.planes
        },
        "pairs": [_pair_values(one) for one in results.pairs],
    }


def names_markdown(results: NameResults) -> list[str]:
    """Return the lines of the report's section."""
    lines = ["## Names", "", EXPLANATION, ""]
    lines += table_head(["plane", "pairs that differ to the eye", "content follows ↑", "share of images ↑"])
    for plane in (*results.planes, None):
        row = [plane or "**all**", str(len(results.scored(plane)))]
        lines.append(table_row([*row, percent(results.share_of_pairs(plane)), _images(results, plane)]))
    columns = ["pair", "images", "differ to the eye", "way ↑", "follows", "box of", "real", "own", "exchanged", "none"]
    lines += ["", "Grey is the mean inside the box.", "", *table_head([*columns, "change"])]
    for one in results.pairs:
        lines += _pair_rows(one)
    return lines


def names_summary(results: NameResults) -> list[str]:
    """Return the main numbers in a few lines."""
    scored = results.scored()
    if not scored:
        return ["names exchanged: no pair of structures that differ to the eye"]
    follow = sum(bool(one.follows) for one in scored)
    return [
        f"names exchanged: content follows for {follow} of {len(scored)} pairs that differ to the eye, on "
        f"{_images(results)} images"
    ]


def draw_names_sheet(
    results: NameResults, kept: KeptSyntheses, registry: Registry, rows_per_pair: int = 1, only_scored: bool = True
) -> Picture | None:
    """Return own, exchanged and boxless synthesis of some images, with boxes; None without any pair.

    Args:
        results: What was found.
        kept: Where the syntheses lie.
        registry: Colours and titles.
        rows_per_pair: Images of each pair.
        only_scored: Leave out pairs that do not differ to the eye.
    """
    chosen = results.scored() if only_scored else list(results.pairs)
    rows = [
        _row(one, place, kept, registry) for one in chosen for place in range(min(rows_per_pair, len(one.measures)))
    ]
    columns = ("real, with the boxes", "own names", "names exchanged", "without the boxes")
    return draw_picture_table("Names exchanged", columns, rows) if rows else None


def _images(results: NameResults, plane: str | None = None) -> str:
    share = results.share_of_images(plane)
    return "-" if share is None else f"{shown(share, digits=2)} of {share.count}"


def _pair_values(one: PairResult) -> JsonObject:
    boxes = {
        name: {
            key: round(one.mean(measure)[place], 2)
            for key, measure in (
                ("real_grey", "real"),
                ("own_grey", "own"),
                ("exchanged_grey", "exchanged"),
                ("grey_without_boxes", "without"),
                ("change", "change"),
                ("change_without_boxes", "change_without"),
            )
        }
        for place, name in enumerate(one.pair.names)
    }
    return {
        "plane": one.pair.plane,
        "names": list(one.pair.names),
        "images": len(one.measures),
        "real_images": len(one.real.differences),
        "real_difference": round(one.real.mean, 4),
        "real_same_sign": round(one.real.same_sign, 4),
        "differs_to_the_eye": one.real.differs,
        "way": None if one.way is None else one.way.to_dict(),
        "follows": one.follows,
        "boxes": boxes,
    }


def _pair_rows(one: PairResult) -> list[str]:
    answer = {True: "yes", False: "NO", None: "-"}[one.follows]
    differ = f"{'yes' if one.real.differs else 'no'} ({one.real.mean:+.2f})"
    head = [" ↔ ".join(one.pair.names), str(len(one.measures)), differ, shown(one.way, digits=2), answer]
    rows = []
    for place, name in enumerate(one.pair.names):
        greys = [f"{one.mean(measure)[place]:.0f}" for measure in ("real", "own", "exchanged", "without")]
        rows.append(
            table_row([*(head if place == 0 else [""] * len(head)), name, *greys, f"{one.relative_change[place]:.2f}"])
        )
    return rows


def _row(one: PairResult, place: int, kept: KeptSyntheses, registry: Registry) -> PictureRow:
    exchange, measures = one.exchanges[place], one.measures[place]
    layout, pair = exchange.sample.layout, one.pair
    frame = CloseUp.around_all([layout], registry)
    shape = (layout.height, layout.width)
    images = [
        exchange.sample.image(),
        *(kept.image(name, shape) for name in (exchange.own, exchange.exchanged, exchange.without)),
    ]
    layouts = [layout, layout, pair.exchanged(layout), layout]
    pictures = tuple(
        frame.image(np.asarray(draw_overlay(image, _shown(shown_layout, pair), registry, labels=index < 3)))
        for index, (image, shown_layout) in enumerate(zip(images, layouts, strict=True))
    )
    greys = (measures.real, measures.own, measures.exchanged, measures.without)
    notes = tuple(f"grey {grey[0]:.0f} and {grey[1]:.0f}" for grey in greys)  # in the order of the row's title
    way = f"way {one.ways[place]:.2f}" if one.real.differs else "do not differ to the eye"
    return PictureRow(
        pictures, notes, f"{pair.plane}, {' <-> '.join(pair.names)}, {exchange.sample.record.file_name}: {way}"
    )


def _shown(layout: Layout, pair: NamePair) -> Layout:
    return layout.with_structures(layout.largest(name) for name in pair.names)
