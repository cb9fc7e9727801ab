from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fetalflex.detection.average_precision import ImageBoxes, average_precision, box_iou


def random_images(seed: int, images: int, most_true: int, most_found: int) -> list[ImageBoxes]:
    """Return images with true boxes, and found ones of which many lie near a true one; some scores are equal."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(images):
        true = [_box(rng) for _ in range(rng.integers(0, most_true + 1))]
        found = []
        for _ in range(rng.integers(0, most_found + 1)):
            near = true[rng.integers(len(true))] if true and rng.random() < 0.8 else _box(rng)
            x0, y0, x1, y1 = np.array(near) + rng.normal(0, 4, 4)
            found.append((x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)))
        scores = np.round(rng.random(len(found)), 1)
        made.append(ImageBoxes(tuple(true), tuple(found), tuple(scores.tolist())))
    return made


def _box(rng: np.random.Generator) -> tuple[float, float, float, float]:
    x, y, width, height = *rng.uniform(0, 100, 2), *rng.uniform(5, 60, 2)
    return x, y, x + width, y + height


def by_pycocotools(images: list[ImageBoxes]) -> tuple[float, float]:
    """Return AP50 and AP of the reference implementation."""
    annotations, found = [], []
    for number, image in enumerate(images, start=1):
        for x0, y0, x1, y1 in image.true:
            box = [x0, y0, x1 - x0, y1 - y0]
            entry = {"id": len(annotations) + 1, "image_id": number, "category_id": 1, "bbox": box, "iscrowd": 0}
            annotations.append(entry | {"area": box[2] * box[3]})
        for (x0, y0, x1, y1), score in zip(image.found, image.scores, strict=True):
            box = [x0, y0, x1 - x0, y1 - y0]
            found.append({"image_id": number, "category_id": 1, "bbox": box, "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": number + 1} for number in range(len(images))],
            "categories": [{"id": 1, "name": "x"}],
            "annotations": annotations,
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[1]), float(evaluation.stats[0])


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("true", "found"), [(1, 1), (3, 6)])
def test_it_agrees_with_pycocotools(seed: int, true: int, found: int) -> None:
    images = random_images(seed, 40, true, found)
    ours = average_precision(images)
    assert ours is not None
    assert (ours.ap50, ours.ap) == pytest.approx(by_pycocotools(images), abs=1e-12)
    assert ours.boxes == sum(len(image.true) for image in images)
    assert ours.images == 40


def test_perfect_boxes_have_1_and_wrong_ones_0() -> None:
    box, far = (0.0, 0.0, 10.0, 10.0), (20.0, 20.0, 30.0, 30.0)
    perfect = average_precision([ImageBoxes((box,), (box,), (0.1,))] * 3)
    wrong = average_precision([ImageBoxes((box,), (far,), (0.9,))] * 3)
    missed = average_precision([ImageBoxes((box,), (), ())])
    assert perfect is not None
    assert (perfect.ap50, perfect.ap) == (1, 1)
    assert wrong is not None
    assert (wrong.ap50, wrong.ap) == (0, 0)
    assert missed is not None
    assert missed.ap50 == 0


def test_without_true_boxes_there_is_no_precision() -> None:
    assert average_precision([]) is None
    assert average_precision([ImageBoxes((), ((0, 0, 1, 1),), (0.5,))]) is None


def test_the_iou_of_two_boxes() -> None:
    assert box_iou((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert box_iou((0, 0, 1, 1), (1, 0, 2, 1)) == 0
