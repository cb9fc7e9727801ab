"""Readers, and those who would like to be, at a real server."""

from __future__ import annotations

import io
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from study_helpers import make_study

from fetalflex.data import read_image
from fetalflex.study.answers import AnswerStore, read_submissions
from fetalflex.study.folder import Study
from fetalflex.study.server import study_app
from fetalflex.web import TOKEN_HEADER, Server, listen
from served import Client

GOOD = {
    "clarity": 4,
    "brightness_contrast": 3,
    "anatomical_detail": 5,
    "noise_artefacts": 2,
    "overall": 4,
    "real_or_synthetic": 1,
}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(tmp_path_factory.mktemp("studies") / "study", each=2)


@pytest.fixture
def study(untouched: Study, tmp_path: Path) -> Study:
    """A study that nobody has answered yet."""
    return Study(Path(shutil.copytree(untouched.root, tmp_path / "study")))


@pytest.fixture
def anna(study: Study) -> Iterator[Client]:
    """A client that knows the link of the first reader."""
    listening, address = listen("127.0.0.1", 0, has_token=True)
    with (
        AnswerStore(study.answers_path, study.id) as answers,
        Server(study_app(study, answers, address)).running(listening),
    ):
        yield Client(address, {TOKEN_HEADER: study.readers[0].token})


def rate(client: Client, position: int, seen: int, **changes: object) -> int:
    body = {"answers": GOOD | changes, "seen": seen, "seconds": 3.25}
    return client.post(f"/api/items/{position}", body).status


def test_a_reader_goes_from_image_to_image(study: Study, anna: Client) -> None:
    told = anna.get("/api/reader").json
    assert (told["reader"], told["total"], told["next"], told["seen"]) == ("anna", 13, 0, 0)
    assert [one["name"] for one in told["questions"]["criteria"]] == list(GOOD)[:-1]
    for position, image in enumerate(study.readers[0].order):
        shown = anna.get(f"/api/items/{position}/image")
        assert shown.body == study.image_path(image).read_bytes()
        assert anna.get(f"/api/items/{position}").json["answers"] is None
        assert rate(anna, position, position) == 200
        kept = read_submissions(study.answers_path, study.id)[-1]  # on disk before the next image shows
        assert (kept.reader, kept.position, kept.image, dict(kept.answers)) == ("anna", position, image, GOOD)
        assert kept.seconds == 3.25
    assert anna.get("/api/reader").json["next"] == 13


def test_images_that_come_later_do_not_show_yet(anna: Client) -> None:
    for path in ("/api/items/1", "/api/items/1/image", "/api/items/99999999999999999999/image"):
        assert anna.get(path).status == 400
    assert rate(anna, 1, 0) == 400
    assert anna.get("/api/items/-1/image").status == 404
    assert rate(anna, 0, 0) == 200
    assert anna.get("/api/items/1/image").status == 200


def test_going_back_corrects_an_answer(study: Study, anna: Client) -> None:
    assert [rate(anna, 0, 0), rate(anna, 1, 1), rate(anna, 0, 2, clarity=1)] == [200, 200, 200]
    assert anna.get("/api/items/0").json["answers"]["clarity"] == 1
    assert anna.get("/api/reader").json["next"] == 2
    assert len(read_submissions(study.answers_path, study.id)) == 3


def test_each_reader_has_answers_of_their_own(study: Study, anna: Client) -> None:
    assert rate(anna, 0, 0) == 200
    ben = Client(anna.address, {TOKEN_HEADER: study.readers[1].token})
    told = ben.get("/api/reader").json
    assert (told["reader"], told["next"], told["seen"]) == ("ben", 0, 0)


def test_one_link_in_two_windows_keeps_the_first_answer(study: Study, anna: Client) -> None:
    assert rate(anna, 0, 0, clarity=5) == 200
    again = anna.post("/api/items/0", {"answers": GOOD, "seen": 0})
    assert again.status == 409
    assert "another window" in again.json["error"]
    assert anna.get("/api/items/0").json["answers"]["clarity"] == 5


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"answers": GOOD},
        {"answers": GOOD, "seen": "0"},
        {"answers": GOOD, "seen": 0, "reader": "ben"},
        {"answers": GOOD | {"clarity": 6}, "seen": 0},
        {"answers": GOOD | {"method": "real"}, "seen": 0},
        {"answers": {"clarity": 3}, "seen": 0},
        {"answers": GOOD, "seen": 0, "seconds": "long"},
        b"answers=4",
        b"[1, 2]",
        b'{"answers": ' + b"[" * 5000 + b"]" * 5000 + b', "seen": 0}',
    ],
)
def test_odd_answers_are_refused_and_not_kept(study: Study, anna: Client, body: object) -> None:
    reply = anna.post("/api/items/0", body)
    assert reply.status == 400
    assert reply.json["error"]
    assert read_submissions(study.answers_path, study.id) == []


def test_nothing_that_a_browser_gets_tells_what_made_an_image(study: Study, anna: Client) -> None:
    replies = [anna.get(path) for path in ("/", "/api/reader", "/api/items/0", "/api/items/0/image", "/page.js")]
    told = b"\n".join(str(reply.headers).encode() + reply.body for reply in replies).lower()
    for image in study.key.images:
        for word in (f'"{image.method}"', image.plane, image.case, image.origin):
            assert word.encode() not in told
    image = Image.open(io.BytesIO(replies[3].body))
    assert image.info == {}
    assert (read_image(study.image_path(study.readers[0].order[0])).tobytes()) == image.tobytes()
    assert "last-modified" not in replies[3].headers
    assert "etag" not in replies[3].headers
    assert "no-store" in replies[3].headers["cache-control"]


def test_key_and_folder_are_not_served(anna: Client) -> None:
    for path in (
        "/key.json",
        "/study.json",
        "/readers.json",
        "/answers.sqlite",
        "/synthetic.jsonl",
        "/images/0001.png",
        "/../key.json",
        "/..%2fkey.json",
        "/static/../key.json",
        "/%2e%2e/%2e%2e/key.json",
        "/api/../key.json",
        "/api/items/../../key.json",
        "/api/items/0/image/../../../../key.json",
        "//key.json",
        "/..\\key.json",
    ):
        assert anna.get(path).status in (400, 404), path


def test_whoever_has_no_link_is_refused(study: Study, anna: Client) -> None:
    for token in (None, "", "guess", study.readers[0].token[:-1], study.readers[0].token + "x", study.id, "ü"):
        stranger = Client(anna.address, {TOKEN_HEADER: token and token.encode().decode("latin-1")})
        for path in ("/api/reader", "/api/items/0", "/api/items/0/image"):
            assert stranger.get(path).status == 401
        assert rate(stranger, 0, 0) == 401
    assert read_submissions(study.answers_path, study.id) == []


def test_other_sites_and_names_are_refused(study: Study, anna: Client) -> None:
    body = {"answers": GOOD, "seen": 0}
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ):
        assert anna.post("/api/items/0", body, **headers).status == 403
    assert anna.post("/api/items/0", body, Host="evil.example").status == 421
    assert anna.post("/api/items/0", body, Content_Type="text/plain").status == 415
    assert anna.post("/api/items/0", b" " * 70_000).status == 413
    assert read_submissions(study.answers_path, study.id) == []


def test_a_locked_database_says_try_again(study: Study, anna: Client) -> None:
    holder = sqlite3.connect(study.answers_path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        reply = anna.post("/api/items/0", {"answers": GOOD, "seen": 0})
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert reply.status == 503
    assert "nothing is lost" in reply.json["error"]
    assert str(study.root) not in reply.json["error"]
    assert rate(anna, 0, 0) == 200


def test_a_missing_image_is_told_without_its_path(study: Study, anna: Client) -> None:
    study.image_path(study.readers[0].order[0]).unlink()
    reply = anna.get("/api/items/0/image")
    assert reply.status == 400
    assert str(study.root) not in reply.json["error"]
