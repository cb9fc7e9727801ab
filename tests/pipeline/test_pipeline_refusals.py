"""What does not fit together is refused, and named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage
from pipeline_scenes import scene

from fetalflex.anatomy import Box, Layout, PlacedStructure
from fetalflex.errors import FetalFlexError
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.requests import Request
from fetalflex.pipeline.sampling import Sampling


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": np.zeros((64, 64), np.float32)}, r"image is float32 \(64, 64\), the layout is for uint8 \(64, 64\)"),
        ({"image": np.zeros((64, 64, 3), np.uint8)}, r"image is uint8 \(64, 64, 3\)"),
        ({"image": np.zeros((32, 64), np.uint8)}, r"image is uint8 \(32, 64\)"),
        ({"image": "head.png"}, r"image is 'head.png'; read the file first: image=fetalflex.read_image\('head.png'\)"),
        ({"image": Path("head.png")}, r"read the file first: image=fetalflex.read_image\('head.png'\)"),
        ({"image": PILImage.new("RGB", (64, 64))}, r"image is a PIL image of mode RGB; give a grey one: image.convert"),
        ({"roi": PILImage.new("RGB", (64, 64))}, r"the mask is a PIL image of mode RGB; give one of mode 1 or L"),
        ({"image": 3}, r"image must not be 3 \(int\)"),
        ({"image": ["head.png"]}, "image must not be a list of 1 items"),
        ({"roi": np.zeros((64, 64), bool)}, "roi is empty"),
        ({"roi": np.ones((64, 64), np.uint8)}, r"roi is uint8 \(64, 64\); give a mode or a bool mask"),
        ({"roi": np.ones((64, 32), bool)}, r"roi is bool \(64, 32\)"),
        ({"roi": None}, "roi is None; give a mode or a bool mask"),
        ({"roi": "everything"}, "ROI mode must be one of auto, outline, box, structures, full, got 'everything'"),
        ({"seed": -1}, "seed must be a whole number from 0 .*got -1"),
        ({"seed": 2**63}, "seed must be a whole number from 0 "),
        ({"seed": 1.5}, "seed must be a whole number .*got 1.5"),
        ({"seed": [1, 2]}, "seed must be a whole number .*got a list of 2 items"),
        ({"prompt": 7}, r"prompt must not be 7 \(int\)"),
        ({"before": "skull"}, "before is 'skull'; give a Layout"),
        ({"layout": [scene()[0]]}, "layout is a list of 1 items; make one Request per layout"),
        ({"sampling": 20}, r"sampling is 20; give a Sampling, such as Sampling\(steps=30\)"),
        ({"before": scene(64, 32)[0]}, "the layouts are of 64 x 32 and 64 x 64 px; give two layouts of one image"),
        ({"prompt": "fetal " * 60}, "62 tokens, the text encoder reads 48"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_name(
    pipeline: FetalFlexPipeline, options: dict[str, Any], message: str
) -> None:
    layout, image = scene()
    with pytest.raises(FetalFlexError, match=message):
        pipeline(**{"layout": layout, "image": image, "sampling": Sampling(steps=1)} | options)


def test_of_several_requests_the_wrong_one_is_named(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene()
    with pytest.raises(FetalFlexError, match=r"^requests\[1\]: seed must be"):
        pipeline.batch([Request(layout), Request(layout, image, seed=-1)])
    with pytest.raises(FetalFlexError, match="put the one in a list"):
        pipeline.batch(Request(layout))  # type: ignore[arg-type]
    with pytest.raises(FetalFlexError, match=r"batch_size must be a whole number from 1 .*got 0"):
        pipeline.batch([Request(layout)], batch_size=0)


def test_a_layout_of_another_plane_is_refused(pipeline: FetalFlexPipeline) -> None:
    layout = Layout("femur", 64, 64, (PlacedStructure("stomach", Box(30, 30, 9, 9)),))
    with pytest.raises(FetalFlexError, match="stomach does not belong to the plane femur"):
        pipeline(layout, sampling=Sampling(steps=1))
