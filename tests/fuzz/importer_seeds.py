"""Small sound sources of every format, as file name to content: what the fuzz targets damage."""

from __future__ import annotations

import io
import json

import numpy as np
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, RLELossless, UltrasoundMultiFrameImageStorage

WIDTH, HEIGHT = 64, 48

Files = dict[str, bytes]


def picture(shade: int = 0, kind: str = "PNG") -> bytes:
    """Return an image file of 64 x 48 grey pixels; other shades are other pictures."""
    rows = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)) + shade
    return _encoded(Image.fromarray(rows.astype(np.uint8)), kind)


def dicom(frames: int = 1, runs: bool = False) -> bytes:
    """Return a DICOM file of 64 x 48 grey pixels, calibrated, of a patient with a name; its pixels perhaps as runs."""
    rows = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH))
    made, region = Dataset(), Dataset()
    made.SOPClassUID, made.SOPInstanceUID, made.Modality = UltrasoundMultiFrameImageStorage, UID("1.2.3.4"), "US"
    made.ImageType, made.PatientName, made.PatientID = ["ORIGINAL", "PRIMARY", "X", "0001"], "DOE^JANE", "4711"
    made.StudyDate, made.LastMenstrualDate = "20240607", "20240131"
    made.NumberOfFrames, made.FrameTime, made.Rows, made.Columns = frames, 40, HEIGHT, WIDTH
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PixelRepresentation = 1, "MONOCHROME2", 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 8, 8, 7
    region.RegionSpatialFormat, region.RegionDataType = 1, 1
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = WIDTH - 1, HEIGHT - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = 0.03
    made.SequenceOfUltrasoundRegions = [region]
    made.PixelData = np.stack([rows + 5 * number for number in range(frames)]).astype(np.uint8).tobytes()
    made["PixelData"].VR = "OB"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if runs:
        made.compress(RLELossless, generate_instance_uid=False)
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def _mask() -> bytes:
    image = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(image).rectangle((10, 8, 40, 30), fill=1)
    return _encoded(image)


def _outline() -> bytes:
    image = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(image).ellipse((10, 8, 50, 40), outline=255)
    return _encoded(image)


def _coco() -> bytes:
    images = [
        {"id": number, "file_name": f"images/{name}.png", "width": WIDTH, "height": HEIGHT, "patient": f"p{number}"}
        for number, name in enumerate("ab", start=1)
    ]
    shapes = [
        {"bbox": [10, 8, 30, 22], "area": 660, "iscrowd": 0},
        {"segmentation": [[10, 8, 40, 8, 40, 30, 10, 30]]},
        {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [500, 100, HEIGHT * WIDTH - 600]}, "iscrowd": 1},
        {"rotated_box": {"cx": 30, "cy": 20, "width": 20, "height": 10, "angle": 15}},
        {"ellipse": {"center": [30, 20], "semi_axes": [10, 8], "angle_deg": 5}},
    ]
    annotations = [
        {"id": number, "image_id": 1 + number % 2, "category_id": 1, **shape} for number, shape in enumerate(shapes)
    ]
    return json.dumps({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "HC"}]}).encode()


def _labelme() -> bytes:
    shapes = [
        {"label": "HC", "points": [[10, 8], [40, 30]], "shape_type": "rectangle"},
        {"label": "CSP", "points": [[10, 8], [40, 8], [40, 30]], "shape_type": "polygon"},
        {"label": "HC", "points": [[30, 20], [35, 20]], "shape_type": "circle"},
    ]
    return json.dumps({"shapes": shapes, "imagePath": "a.png", "imageWidth": WIDTH, "imageHeight": HEIGHT}).encode()


_CORNERS = "<pt><x>10</x><y>8</y></pt><pt><x>40</x><y>8</y></pt><pt><x>40</x><y>30</y></pt>"
_LABELME_XML = (
    "<annotation><filename>a.png</filename><folder>in</folder><imagesize><nrows>48</nrows><ncols>64</ncols></imagesize>"
    f"<object><name>HC</name><deleted>0</deleted><attributes>rotation=3</attributes><polygon>{_CORNERS}</polygon>"
    "</object><object><name>CSP</name><segm><box><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>8</ymax></box></segm>"
    "</object></annotation>"
)
_VOC = (
    "<annotation><folder>images</folder><filename>a.png</filename><size><width>64</width><height>48</height></size>"
    "<object><name>HC</name><bndbox><xmin>10</xmin><ymin>8</ymin><xmax>40</xmax><ymax>30</ymax></bndbox></object>"
    "<object><name>CSP</name><robndbox><cx>30</cx><cy>20</cy><w>9</w><h>7</h><angle>0.3</angle></robndbox></object>"
    "</annotation>"
)
_CVAT = (
    '<annotations><meta><task><size>2</size></task></meta><image id="0" name="a.png" subset="Train" width="64" '
    'height="48"><box label="HC" xtl="10" ytl="8" xbr="40" ybr="30" rotation="5"/><polygon label="CSP" '
    'points="10,8;40,8;40,30"/><ellipse label="HC" cx="30" cy="20" rx="9" ry="8"/></image><track id="0" label="HC">'
    '<box frame="0" outside="0" xtl="10" ytl="8" xbr="40" ybr="30"/><box frame="1" outside="1" xtl="1" ytl="2" xbr="3" '
    'ybr="4"/></track></annotations>'
)
_TABLE = (
    "file;label;x;y;width;height;angle;patient;split\na.png;HC;10,5;8;30;22;;p1;train\nb.png;CSP;1;2;9;8,25;3;p2;\n"
)


def _workbook() -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    for row in (("file", "label", "x0", "y0", "x1", "y1"), ("a", "HC", 10, 8, 40, 30), ("b.png", "CSP", 1.5, 2, 9, 8)):
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def seeds() -> dict[str, tuple[str, Files, tuple[str, ...]]]:
    """Return for each target the format, its files, and which of them are to be damaged."""
    pair = {"images/a.png": picture(), "images/b.png": picture(9)}
    planes = "Image_name;Patient_num;Plane;Brain_plane;Operator;US_Machine;Train\na;822;Fetal femur;None;Op;Voluson;1\n"
    spacing = b"filename,pixel size(mm),head circumference (mm)\n1_HC.png,0.5,60\n"
    framework = "set1-training&validation sets cnn/standard"
    return {
        "coco": ("coco", {"ann.json": _coco(), **pair}, ("ann.json",)),
        "labelme": ("labelme", {"a.json": _labelme(), "a.png": picture()}, ("a.json",)),
        "labelme_xml": ("labelme", {"a.xml": _LABELME_XML.encode(), "a.png": picture()}, ("a.xml",)),
        "voc": ("voc", {"Annotations/a.xml": _VOC.encode(), **pair}, ("Annotations/a.xml",)),
        "cvat": ("cvat", {"a.xml": _CVAT.encode(), **pair, "images/f_0.png": picture(3)}, ("a.xml",)),
        "yolo": (
            "yolo",
            {
                "data.yaml": b"names: {0: HC, 1: CSP}\nkpt_shape: [1, 2]\n",
                "labels/a.txt": b"0 0.5 0.5 0.4 0.3\n1 0.5 0.5 0.2 0.2 0.5 0.5\n",
                **pair,
            },
            ("data.yaml", "labels/a.txt"),
        ),
        "table": ("table", {"boxes.csv": _TABLE.encode(), **pair}, ("boxes.csv",)),
        "table_xlsx": ("table", {"boxes.xlsx": _workbook(), **pair}, ("boxes.xlsx",)),
        "dicom": ("dicom", {"a.dcm": dicom(), "more/IM1": dicom(3, runs=True)}, ("a.dcm", "more/IM1")),
        "fetus_framework": (
            "fetus_framework",
            {"ObjectDetection.xlsx": _workbook(), f"{framework}/a.png": picture(), f"{framework}/b.png": picture(9)},
            ("ObjectDetection.xlsx",),
        ),
        "fetal_planes": (
            "fetal_planes",
            {"FETAL_PLANES_DB_data.csv": planes.encode(), "Images/a.png": picture()},
            ("FETAL_PLANES_DB_data.csv",),
        ),
        "hc18": (
            "hc18",
            {
                "training_set_pixel_size_and_HC.csv": spacing,
                "training_set/1_HC.png": picture(),
                "training_set/1_HC_Annotation.png": _outline(),
            },
            ("training_set_pixel_size_and_HC.csv", "training_set/1_HC_Annotation.png"),
        ),
        "head_biometry": (
            "head_biometry",
            {"Trans-ventricular/default/a.xml": _LABELME_XML.encode(), "Trans-ventricular/a.png": picture()},
            ("Trans-ventricular/default/a.xml",),
        ),
        "masks": (
            "masks",
            {"masks/a.png": _mask(), "labels.txt": b"background\nHC\n", **pair},
            ("masks/a.png", "labels.txt"),
        ),
        "records": (
            "yolo",
            {
                "records.jsonl": json.dumps(
                    {"image": {"file_name": "images/a.png", "width": WIDTH, "height": HEIGHT, "plane": "femur"}}
                ).encode(),
                "classes.txt": b"HC\n",
                "labels/a.txt": b"0 0.5 0.5 0.4 0.3\n",
                **pair,
            },
            ("records.jsonl",),
        ),
        "image": (
            "table",
            {"boxes.csv": b"file,label,x,y,width,height\na,HC,10,8,30,22\n", "a.png": picture()},
            ("a.png",),
        ),
        "image_tiff": (
            "table",
            {"boxes.csv": b"file,label,x,y,width,height\na,HC,10,8,30,22\n", "a.tif": picture(kind="TIFF")},
            ("a.tif",),
        ),
        "image_jpeg": (
            "table",
            {"boxes.csv": b"file,label,x,y,width,height\na,HC,10,8,30,22\n", "a.jpg": picture(kind="JPEG")},
            ("a.jpg",),
        ),
    }
