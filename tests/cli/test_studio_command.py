from __future__ import annotations

import socket
from pathlib import Path

import pytest
from cli_helpers import RunCommand

from fetalflex.studio.desk import desk_at


def test_it_is_not_opened_to_other_machines_without_a_token(run: RunCommand, workplace: Path) -> None:
    result = run("studio", "--host", "0.0.0.0", code=2)
    assert "--token" in result.stderr
    assert not (workplace / "out").exists()


@pytest.mark.parametrize("token", ["short", "with spaces in it 123"])
def test_weak_tokens_are_refused(run: RunCommand, workplace: Path, token: str) -> None:
    assert "16 to 200" in run("studio", "--token", token, code=2).stderr


def test_a_port_that_is_taken_is_named(run: RunCommand, workplace: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port}" in run("studio", "--port", port, code=2).stderr


def test_a_folder_of_somebody_else_is_not_used(run: RunCommand, workplace: Path) -> None:
    (workplace / "mine").mkdir()
    (workplace / "mine/thesis.txt").write_text("words")
    assert "not empty" in run("studio", "--out", "mine", code=2).stderr
    assert [path.name for path in (workplace / "mine").iterdir()] == ["thesis.txt"]


def test_what_is_no_data_set_is_named(run: RunCommand, workplace: Path) -> None:
    (workplace / "scans").mkdir()
    assert "scans is no data set" in run("studio", "scans", code=2).stderr


def test_a_model_that_is_not_there_is_named(run: RunCommand, workplace: Path) -> None:
    assert "no-such-model" in run("studio", "--model", "no-such-model", code=2).stderr
    with desk_at(workplace / "out/studio"):  # the folder is free again
        pass
