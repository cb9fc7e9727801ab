from __future__ import annotations

import base64
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page import CLIENT, FAST, finished, generate, made, moved, open_first
from PIL import Image

from dicom_files import PRIVATE, noise, write_dicom
from fetalflex.anatomy import Layout, changed_structures
from fetalflex.data import DatasetFolder
from fetalflex.data.image_files import encode_png
from fetalflex.provenance import mark_in_bytes
from served import Client


@pytest.fixture(scope="module")
def desk_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studio") / "work"


@pytest.fixture(scope="module")
def client(serve_studio: Any, desk_folder: Path) -> Iterator[Client]:
    with serve_studio(desk_folder) as client:
        yield client


@pytest.fixture(scope="module")
def image(client: Client) -> dict[str, Any]:
    return open_first(client)


@pytest.fixture(scope="module")
def result(client: Client, image: dict[str, Any]) -> dict[str, Any]:
    [result] = made(client, generate(image, moved(image["layout"], "thalami", 5)))
    return result


def pixels_of(reply_body: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(reply_body)))


def test_catalogue_tells_all_that_a_page_needs(client: Client) -> None:
    found = client.get("/api/catalogue").json
    [plane] = [one for one in found["planes"] if one["name"] == "abdominal_transverse"]
    assert plane["outline"] == "abdomen"
    assert {"name", "title", "colour", "echogenicity", "typical_size"} == set(plane["structures"][0])
    assert found["sets"] == [{"name": "data", "count": 48, "planes": {"thalamic_transverse": 48}}]
    assert found["presets"]["draft"]["steps"] < found["presets"]["fine"]["steps"]
    assert "not for diagnosis" in found["notice"]


def test_data_sets_are_looked_through_page_by_page(client: Client) -> None:
    first = client.get("/api/records?set=0").json
    assert (first["count"], len(first["images"])) == (48, 48)
    assert client.get("/api/records?set=0&start=40").json["images"][0]["name"] == "0040.png"
    assert client.get("/api/records?set=0&words=004").json["count"] == 9  # 0004 and 0040 to 0047
    assert client.get("/api/records?set=0&plane=facial_sagittal").json["count"] == 0
    assert client.get("/api/records?set=1").status == 404
    assert client.get("/api/records?set=-1").status == 400
    thumbnail = client.get(f"/api/records/{first['images'][0]['id']}/thumbnail")
    assert thumbnail.headers["content-type"] == "image/png"


def test_an_edit_changes_its_region_alone(client: Client, image: dict[str, Any], result: dict[str, Any]) -> None:
    source = pixels_of(client.get(f"/api/images/{image['id']}/pixels").body)
    made_now = client.get(f"/api/results/{result['id']}/pixels")
    region = pixels_of(client.get(f"/api/results/{result['id']}/mask").body) > 0
    after = pixels_of(made_now.body)
    assert np.array_equal(source[~region], after[~region])
    assert not np.array_equal(source[region], after[region])
    assert mark_in_bytes(made_now.body) is not None
    text = Image.open(io.BytesIO(made_now.body)).text  # type: ignore[attr-defined]
    assert text["FetalFlex:seed"] == "3"


def test_the_same_request_gives_the_same_image(client: Client, image: dict[str, Any], result: dict[str, Any]) -> None:
    [again] = made(client, generate(image, moved(image["layout"], "thalami", 5)))
    assert again["id"] != result["id"]
    first, second = (client.get(f"/api/results/{one['id']}/pixels").body for one in (result, again))
    assert np.array_equal(pixels_of(first), pixels_of(second))


def test_variants_differ_and_are_told_one_by_one(client: Client, image: dict[str, Any]) -> None:
    job = client.post("/api/jobs", generate(image, moved(image["layout"], "thalami", 5), seeds=[1, 2])).json
    events = [
        (block.splitlines()[0], json.loads(block.splitlines()[1].removeprefix("data: ")))
        for block in client.get(f"/api/jobs/{job['job']}/events").body.decode().split("\n\n")
        if block.startswith("event: ")
    ]
    counts = [len(data["results"]) for _, data in events]
    assert counts == sorted(counts)
    assert events[-1][1]["state"] == "done"
    assert [one["seed"] for one in events[-1][1]["results"]] == [1, 2]
    assert events[-1][1]["step"] == events[-1][1]["steps"] == 4


def test_a_mask_is_refined_and_nothing_else(client: Client, result: dict[str, Any]) -> None:
    draft = client.post(f"/api/results/{result['id']}/open", {}).json
    assert draft["synthetic"]
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 20:40] = 255
    message = {
        "kind": "refine",
        "client": CLIENT,
        "image": draft["id"],
        "layout": draft["layout"],
        "mask": base64.b64encode(encode_png(mask)).decode(),
        "seeds": [0],
        "settings": FAST | {"strength": 0.5},
    }
    [refined] = made(client, message)
    before = pixels_of(client.get(f"/api/images/{draft['id']}/pixels").body)
    after = pixels_of(client.get(f"/api/results/{refined['id']}/pixels").body)
    assert np.array_equal(before[mask == 0], after[mask == 0])
    assert not np.array_equal(before, after)
    assert "fetalflex refine source.png" in client.get(f"/api/results/{refined['id']}").json["command"]
    small = base64.b64encode(encode_png(mask[:32])).decode()
    assert "64 x 64" in client.post("/api/jobs", message | {"mask": small}).json["error"]
    empty = base64.b64encode(encode_png(mask * 0)).decode()
    assert "empty" in client.post("/api/jobs", message | {"mask": empty}).json["error"]


def test_a_pair_differs_only_where_the_edit_is(client: Client, image: dict[str, Any]) -> None:
    after = moved(image["layout"], "thalami", 5)
    message = {"kind": "pair", "client": CLIENT, "image": image["id"], "before": image["layout"], "layout": after}
    normal, edited = made(client, message | {"seed": 1, "settings": FAST})
    assert (normal["role"], edited["role"]) == ("as it is", "edited")
    difference = pixels_of(client.get(f"/api/results/{edited['id']}/difference").body)
    images = [pixels_of(client.get(f"/api/results/{one['id']}/pixels").body) for one in (normal, edited)]
    assert np.array_equal(difference.any(axis=2), images[0] != images[1])
    assert client.get(f"/api/results/{normal['id']}/difference").status == 404
    unedited = client.post("/api/jobs", message | {"layout": image["layout"], "seed": 1})
    assert (unedited.status, "nothing is edited" in unedited.json["error"]) == (400, True)


def test_anomalies_and_growth_are_edits_of_the_layout(client: Client, image: dict[str, Any]) -> None:
    absent = {"layout": image["layout"], "anomaly": "absence", "structure": "thalami"}
    after = client.post("/api/anomalies", absent).json
    assert "thalami" not in {one["name"] for one in after["layout"]["structures"]}
    grown = client.post("/api/growth", {"layout": image["layout"], "targets": ["HC 100 mm"]}).json
    [circumference] = [one for one in grown["measures"] if one["measure"] == "HC"]
    assert circumference["mm"] == pytest.approx(100)
    for path, value in (("anomalies", absent | {"anomaly": "no such"}), ("growth", {"layout": {}, "targets": ["a"]})):
        assert client.post(f"/api/{path}", value).status == 400


def test_looking_at_an_edit_tells_measures_and_doubts(client: Client, image: dict[str, Any]) -> None:
    far = moved(image["layout"], "thalami", 25)
    ask = {"image": image["id"], "before": image["layout"], "layout": far}
    seen = client.post("/api/look", ask).json
    assert any("thalami" in doubt for doubt in seen["doubts"])
    assert {one["measure"] for one in seen["measures"]} == {"HC", "BPD", "OFD"}
    assert pixels_of(base64.b64decode(seen["region"])).shape == (64, 64)
    assert client.post("/api/look", ask | {"layout": image["layout"]}).json["doubts"] == []


def test_exported_results_are_a_data_set(client: Client, result: dict[str, Any], tmp_path: Path) -> None:
    reply = client.post("/api/exports", {"results": [result["id"], result["id"]]})
    assert reply.headers["content-type"] == "application/zip"
    zipfile.ZipFile(io.BytesIO(reply.body)).extractall(tmp_path)
    dataset = DatasetFolder(tmp_path / "fetalflex-export")
    [record] = dataset
    assert dataset.mark(record) is not None
    assert not changed_structures(record.layout, Layout.from_dict(result["layout"]))
    [folder] = (tmp_path / "fetalflex-export/results").iterdir()
    assert (folder / "image.png").read_bytes() == client.get(f"/api/results/{result['id']}/pixels").body


@pytest.mark.slow
def test_the_exported_command_makes_the_same_image(
    client: Client, image: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shlex

    from fetalflex.cli.app import main

    after = moved(image["layout"], "thalami", 5)
    after["structures"].append(
        {"name": "midline_falx", "box": {"cx": 30, "cy": 30, "width": 20, "height": 4, "angle": 7}}
    )
    after["structures"] = [one for one in after["structures"] if one["name"] != "cavum_septi_pellucidi"]
    settings = FAST | {"prompt": "fetal ultrasound", "ssa": True, "feather": 2, "guidance_prompt": 2.0}
    [result] = made(client, generate(image, after, settings=settings, region="auto"))
    archive = zipfile.ZipFile(io.BytesIO(client.post("/api/exports", {"results": [result["id"]]}).body))
    archive.extractall(tmp_path)
    [folder] = (tmp_path / "fetalflex-export/results").iterdir()
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as stopped:
        main(shlex.split((folder / "command.txt").read_text())[1:])
    assert stopped.value.code in (0, None)
    again, first = (np.asarray(Image.open(folder / name)) for name in ("again.png", "image.png"))
    assert np.abs(again.astype(int) - first).max() <= 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"seeds": []},
        {"seeds": [1.5]},
        {"seeds": ["1"]},
        {"seeds": [2**60]},
        {"seeds": list(range(9))},
        {"settings": {"steps": 0}},
        {"settings": {"steps": 10**9}},
        {"settings": {"sampler": "euler"}},
        {"settings": {"unknown": 1}},
        {"region": "../../etc"},
        {"kind": ["generate"]},
        {"kind": "no such"},
        {"client": "../a"},
        {"layout": {"plane": "x"}},
        {"layout": 3},
        {"mask": "no base64!"},
        {"mask": base64.b64encode(b"<svg onload='alert(1)'/>").decode()},
        {"path": "/etc/passwd"},
    ],
)
def test_wrong_requests_are_refused_with_a_reason(client: Client, image: dict[str, Any], wrong: dict[str, Any]) -> None:
    reply = client.post("/api/jobs", generate(image, image["layout"]) | wrong)
    assert reply.status == 400
    assert len(reply.json["error"]) > 10


def test_layouts_of_another_image_or_plane_are_refused(client: Client, image: dict[str, Any]) -> None:
    larger = image["layout"] | {"width": 16384, "height": 16384}
    assert "one image" in client.post("/api/jobs", generate(image, larger)).json["error"]
    other = image["layout"] | {"plane": "abdominal_transverse"}
    assert "does not belong" in client.post("/api/jobs", generate(image, other)).json["error"]


@pytest.mark.parametrize(
    "wrong", ["..", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "0", "a" * 16, "\\", "work", "%00"]
)
def test_ids_are_looked_up_and_never_become_paths(client: Client, wrong: str) -> None:
    for path in (
        f"/api/images/{wrong}/pixels",
        f"/api/results/{wrong}/pixels",
        f"/api/results/{wrong}/mask",
        f"/api/records/{wrong}/thumbnail",
        f"/api/jobs/{wrong}",
    ):
        reply = client.get(path)
        assert reply.status in (404, 400)
        assert b"root:" not in reply.body


def test_uploads_are_encoded_anew(client: Client, desk_folder: Path) -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (20, 30), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x010E] = "patient: somebody"
    Image.fromarray(noise).save(buffer, "TIFF", exif=exif)
    data = buffer.getvalue() + b"<script>alert(1)</script>"
    name = "../../<img src=x onerror=alert(1)>\n.tif"
    opened = client.post("/api/uploads", {"name": name, "data": base64.b64encode(data).decode()}).json
    assert (opened["width"], opened["height"], opened["layout"]) == (30, 20, None)
    stored = client.get(f"/api/images/{opened['id']}/pixels")
    assert stored.headers["content-type"] == "image/png"
    assert stored.headers["x-content-type-options"] == "nosniff"
    assert np.array_equal(pixels_of(stored.body), noise)
    assert b"script" not in stored.body
    assert b"somebody" not in stored.body
    assert {path.name for path in desk_folder.iterdir()} <= {"images", "results", "work.json", ".fetalflex-folder"}


def test_a_dicom_file_is_taken_in_without_its_header(client: Client, tmp_path: Path, desk_folder: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", noise(20, 30))
    opened = client.post("/api/uploads", {"name": "a.dcm", "data": base64.b64encode(path.read_bytes()).decode()}).json
    stored = client.get(f"/api/images/{opened['id']}/pixels").body
    assert np.array_equal(pixels_of(stored), noise(20, 30))
    kept = b"".join(one.read_bytes() for one in desk_folder.rglob("*") if one.is_file())
    assert not [text for text in PRIVATE if text.encode() in kept]
    clip = write_dicom(tmp_path / "clip.dcm", noise(3, 20, 30))
    reply = client.post("/api/uploads", {"name": "clip.dcm", "data": base64.b64encode(clip.read_bytes()).decode()})
    assert (reply.status, "clip.dcm holds 3 frames" in reply.json["error"]) == (400, True)


@pytest.mark.parametrize(
    "data", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<!doctype html>", b"\x89PNG\r\n", b"GIF89a"]
)
def test_what_is_no_image_is_refused(client: Client, data: bytes) -> None:
    reply = client.post("/api/uploads", {"name": "a.png", "data": base64.b64encode(data).decode()})
    assert reply.status == 400
    assert reply.json["error"]


def test_corrected_boxes_are_written_into_the_data_set_where_allowed(
    client: Client, image: dict[str, Any], serve_studio: Any, phantom_folder: Path, tmp_path: Path
) -> None:
    changed = {"layout": moved(image["layout"], "thalami", 3)}
    refused = client.post(f"/api/images/{image['id']}/correct", changed)
    assert (refused.status, "--correct" in refused.json["error"]) == (400, True)
    copied = Path(shutil.copytree(phantom_folder, tmp_path / "data"))
    with serve_studio(tmp_path / "work", copied, may_correct=True) as other:
        opened = open_first(other)
        written = other.post(f"/api/images/{opened['id']}/correct", changed).json["written"]
        assert written == str(copied / "annotations.json")
        again = open_first(other)
        assert not changed_structures(Layout.from_dict(again["layout"]), Layout.from_dict(changed["layout"]))
        png = other.get(f"/api/images/{opened['id']}/pixels").body
        upload = other.post("/api/uploads", {"name": "a.png", "data": base64.b64encode(png).decode()}).json
        assert "not of a data set" in other.post(f"/api/images/{upload['id']}/correct", changed).json["error"]


def test_a_synthetic_upload_stays_synthetic(client: Client, result: dict[str, Any]) -> None:
    body = client.get(f"/api/results/{result['id']}/pixels").body
    opened = client.post("/api/uploads", {"name": "a.png", "data": base64.b64encode(body).decode()}).json
    assert opened["synthetic"]


def test_two_pages_do_not_overwrite_each_other(client: Client) -> None:
    revision = client.get("/api/work").json["revision"]
    document = {"revision": revision, "document": {"a": [1, "é"]}}
    saved = client.send("PUT", "/api/work", json.dumps(document).encode())
    assert (saved.status, saved.json["revision"]) == (200, revision + 1)
    other = client.send("PUT", "/api/work", json.dumps(document).encode())
    assert (other.status, "another window" in other.json["error"]) == (409, True)
    assert client.get("/api/work").json["document"] == {"a": [1, "é"]}


def test_a_page_has_one_request_at_a_time_and_can_cancel_it(client: Client, image: dict[str, Any]) -> None:
    long = generate(image, moved(image["layout"], "thalami", 5), settings=FAST | {"steps": 1000})
    first = client.post("/api/jobs", long).json
    refused = client.post("/api/jobs", long)
    assert (refused.status, "cancel" in refused.json["error"]) == (409, True)
    second = client.post("/api/jobs", long | {"client": "another-page"}).json
    for job in (first, second):
        client.post(f"/api/jobs/{job['job']}/cancel", {})
    assert finished(client, first)["state"] == finished(client, second)["state"] == "cancelled"
    assert made(client, generate(image, moved(image["layout"], "thalami", 5)))


def test_the_page_is_answered_while_a_synthesis_runs(client: Client, image: dict[str, Any]) -> None:
    long = generate(image, moved(image["layout"], "thalami", 5), settings=FAST | {"steps": 1000})
    job = client.post("/api/jobs", long).json
    assert client.get("/api/catalogue").status == 200
    assert client.get(f"/api/jobs/{job['job']}").json["state"] in ("waiting", "running")
    client.post(f"/api/jobs/{job['job']}/cancel", {})
    assert finished(client, job)["state"] == "cancelled"


def test_only_the_known_methods_are_answered(client: Client) -> None:
    assert client.send("DELETE", "/api/work", b"{}").status == 405
    assert client.get("/api/uploads").status == 405
    assert client.get("/api/no/such/thing").status == 404
    assert client.send("HEAD", "/api/catalogue").status == 200
