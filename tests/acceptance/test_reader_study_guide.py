"""docs/reader-study.md works as written, with a small untrained model in place of the weights, and answers by rule."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fetalflex.anatomy import default_registry, prompt_corpus
from fetalflex.models.build import build_components
from fetalflex.models.configs import get_preset
from fetalflex.study.questions import default_questions
from fetalflex.web import TOKEN_HEADER, Address
from served import Client

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "reader-study.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^fetalflex .*$", GUIDE, re.MULTILINE)


def started(command: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", *shlex.split(command)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
def test_the_guide_works_from_images_to_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    components = build_components(get_preset("tiny"), prompt_corpus(default_registry()), seed=0)
    components.save(tmp_path / "weights" / "mini")
    monkeypatch.chdir(tmp_path)
    generate, create, rehearse, serve, report = COMMANDS
    for command in (f"{generate} --steps 2", create, rehearse):
        process = started(command)
        assert (process.communicate()[0], process.returncode)[1] == 0, command
    assert json.loads(Path("out/rehearsal/report.json").read_text())["random_answers"] is True

    server = started(f"{serve} --port 0")
    lines = [server.stdout.readline() for _ in range(4)]
    links = [re.search(r"http://([^:]+):(\d+)/#token=(\S+)", line) for line in lines[2:]]
    names = [
        one["name"] for one in yaml.safe_load((ROOT / "src/fetalflex/study/criteria.yaml").read_text())["criteria"]
    ]
    assert (*names, "real_or_synthetic") == default_questions().names
    for place, link in enumerate(links):
        client = Client(Address((link[1],), int(link[2])), {TOKEN_HEADER: link[3]})
        for position in range(client.get("/api/reader").json["total"]):
            answers = dict.fromkeys(names, 1 + (position + place) % 5) | {"real_or_synthetic": position % 2}
            assert client.post(f"/api/items/{position}", {"answers": answers, "seen": position}).status == 200
    server.send_signal(signal.SIGTERM)
    assert "all answers are kept" in server.communicate(timeout=60)[0]
    assert server.returncode == 0

    process = started(report)
    told = process.communicate()[0]
    assert process.returncode == 0, told
    assert "2 of 2 readers have rated all images" in told
    results = json.loads(Path("out/study-report/report.json").read_text())
    assert results["random_answers"] is False
    assert results["methods"] == ["real", "fetalflex"]
    assert {one["test"] for one in results["comparisons"]} == {"Wilcoxon signed rank"}
    named = set(re.findall(r"`([a-z-]+\.(?:csv|json|html|png|svg))`", GUIDE)) - {"key.json"}
    assert named <= {path.name for path in Path("out/study-report").iterdir()}


def test_the_guide_names_the_criteria_and_shows_a_small_picture() -> None:
    for criterion in default_questions().criteria:
        assert criterion.title.lower().removesuffix(" quality") in GUIDE.lower()
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", GUIDE)
    assert pictures
    assert all((ROOT / "docs" / name).stat().st_size <= 300_000 for name in pictures)
