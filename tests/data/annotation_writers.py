"""One box of one image as the files of several tools write it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from data_helpers import save_json, save_text

PLANE = {"plane": "thalamic_transverse"}
XY = "<xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax>"


def coco(root: Path, name: str, corners, size=(100, 80)) -> None:
    path = root / "ann.json"
    content = json.loads(path.read_text()) if path.exists() else {"images": [], "annotations": [], "categories": []}
    x0, y0, x1, y1 = corners
    number = len(content["images"]) + 1
    content["images"].append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
    content["categories"] = [{"id": 1, "name": "HC"}]
    content["annotations"].append({"image_id": number, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0]})
    save_json(path, content)


def voc(root: Path, name: str, corners, size=(100, 80)) -> None:
    thing = f"<object><name>HC</name><bndbox>{XY.format(*corners)}</bndbox></object>"
    width, height = size
    sized = f"<size><width>{width}</width><height>{height}</height></size>"
    save_text(_label(root, name, ".xml"), f"<annotation><filename>{name}</filename>{sized}{thing}</annotation>")


def labelme(root: Path, name: str, corners, size=(100, 80)) -> None:
    x0, y0, x1, y1 = corners
    shape = {"label": "HC", "points": [[x0, y0], [x1, y1]], "shape_type": "rectangle"}
    content = {"shapes": [shape], "imagePath": name, "imageWidth": size[0], "imageHeight": size[1]}
    save_json(_label(root, name, ".json"), content)


def cvat(root: Path, name: str, corners, size=(100, 80)) -> None:
    path = root / "a.xml"
    before = path.read_text().removesuffix("</annotations>") if path.exists() else "<annotations>"
    x0, y0, x1, y1 = corners
    box = f'<box label="HC" xtl="{x0}" ytl="{y0}" xbr="{x1}" ybr="{y1}"/>'
    save_text(path, f'{before}<image name="{name}" width="{size[0]}" height="{size[1]}">{box}</image></annotations>')


def table(root: Path, name: str, corners, size=(100, 80)) -> None:
    path = root / "boxes.csv"
    before = path.read_text() if path.exists() else "file,label,x0,y0,x1,y1\n"
    save_text(path, f"{before}{name},HC,{','.join(map(str, corners))}\n")


def _label(root: Path, name: str, ending: str) -> Path:
    bare = name.replace("\\", "/").replace(":", "").strip("/.")
    return root / "labels" / f"{bare.rpartition('.')[0].replace('/', '_')}{ending}"


WRITERS = {"coco": coco, "voc": voc, "labelme": labelme, "cvat": cvat, "table": table}


formats = pytest.mark.parametrize("name", WRITERS)
