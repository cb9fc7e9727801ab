"""Readers in a real browser, at the server that the command starts."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from study_helpers import make_study

from chromium import IN_CHROMIUM, errors_on
from fetalflex.study.answers import read_submissions
from fetalflex.study.folder import Study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


pytestmark = IN_CHROMIUM


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study in which each reader sees 20 images: 18, two of them twice."""
    return make_study(tmp_path / "study", each=3)


class Running:
    """The command that serves a study, in a process of its own; it may be killed and started again."""

    def __init__(self, study: Study) -> None:
        self.study, self.process = study, None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "fetalflex", "study", "run", str(self.study.root), "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.told = [self.process.stdout.readline() for _ in range(2 + len(self.study.readers))]

    def link(self, reader: int) -> str:
        [line] = [line for line in self.told if f" {self.study.readers[reader].name} (" in line]
        return line.split()[-1]

    def stop(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        told, errors = self.process.communicate(timeout=60)
        return self.process.returncode, told + errors


@pytest.fixture
def running(study: Study) -> Iterator[Running]:
    running = Running(study)
    yield running
    with contextlib.suppress(ProcessLookupError):
        running.process.kill()
    running.process.communicate()


class Reader:
    """A reader's page; errors of the page, and requests that leave the machine, fail the test."""

    def __init__(self, browser: Browser, link: str, **context: object) -> None:
        self.page: Page = browser.new_context(**context).new_page()
        self.errors = errors_on(self.page, link)
        self.page.goto(link)
        self.page.wait_for_selector("#go:not([hidden])")

    def press(self, keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def enter(self) -> None:
        self.page.keyboard.press("Enter")

    def wait_for_image(self, number: int) -> None:
        self.page.wait_for_selector("#reading:not([hidden])")
        end = time.monotonic() + 30
        while not (self.page.inner_text("#where").startswith(f"Image {number} of") and self.is_idle()):
            assert time.monotonic() < end, (self.page.inner_text("body"), self.errors)
            time.sleep(0.02)

    def is_idle(self) -> bool:
        return "busy" not in (self.page.get_attribute("body", "class") or "")

    def problem(self) -> str:
        return self.page.inner_text("#problem")

    def close(self) -> None:
        assert self.errors == []
        self.page.context.close()


def test_a_reader_rates_twenty_images_by_keyboard_over_a_killed_server(
    browser: Browser, study: Study, running: Running, tmp_path: Path
) -> None:
    anna = Reader(browser, running.link(0), viewport={"width": 1280, "height": 800})
    assert "Welcome" in anna.page.inner_text("#notice")
    anna.enter()
    for number in range(1, 9):
        anna.wait_for_image(number)
        anna.press(f"43425{1 + number % 2}")
        anna.enter()
        anna.wait_for_image(number + 1)
        assert len(read_submissions(study.answers_path, study.id)) == number  # on disk before the next image shows

    anna.press("55555")  # a question is left out
    anna.enter()
    assert anna.problem() == "Not rated yet: Real or synthetic?"
    anna.press("2")
    assert running.stop(signal.SIGKILL)[0] == -signal.SIGKILL
    anna.enter()
    anna.page.wait_for_selector("#problem:not([hidden])")
    assert "still here: press Enter to save them again" in anna.problem()
    assert len(read_submissions(study.answers_path, study.id)) == 8
    running.start()
    anna.enter()
    anna.wait_for_image(10)
    assert dict(read_submissions(study.answers_path, study.id)[8].answers)["clarity"] == 5

    anna.page.focus("#pause")
    anna.enter()
    assert "go on another day" in anna.page.inner_text("#notice")
    anna.close()
    status, told = running.stop(signal.SIGINT)
    assert status == 0
    assert "stopped; all answers are kept" in told

    running.start()
    anna = Reader(browser, running.link(0), viewport={"width": 1280, "height": 800})
    assert "You have rated 9 of 20 images" in anna.page.inner_text("#notice")
    anna.enter()
    anna.wait_for_image(10)
    anna.page.keyboard.press("Backspace")
    anna.wait_for_image(9)
    assert anna.page.locator("[aria-pressed=true]").count() == 6
    anna.press("1")  # clarity again
    anna.enter()
    for number in range(10, 21):
        anna.wait_for_image(number)
        anna.press("333331")
        anna.enter()
    anna.page.wait_for_selector("#notice:not([hidden])")
    assert "You have rated all 20 images" in anna.page.inner_text("#notice")
    anna.close()

    kept = read_submissions(study.answers_path, study.id)
    assert [one.position for one in kept] == [*range(9), 8, *range(9, 20)]
    assert [one.answers["clarity"] for one in kept[8:10]] == [5, 1]
    assert all(one.seconds is not None and one.seconds > 0 for one in kept)
    assert [one.image for one in kept[10:]] == list(study.readers[0].order[9:])

    report = tmp_path / "report"
    command = [sys.executable, "-m", "fetalflex", "study", "report", str(study.root), "--out", str(report), "--json"]
    facts = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert facts["readers"][0] == {"reader": "anna", "rated": 20, "total": 20, "corrections": 1}
    assert facts["readers"][1]["rated"] == 0
    page = browser.new_page()
    page.goto(f"file://{report / 'report.html'}")
    assert page.evaluate("document.querySelector('img').naturalWidth > 100")
    page.close()


def test_a_reader_rates_by_touch_on_a_tablet(browser: Browser, study: Study, running: Running) -> None:
    size = {"width": 820, "height": 1180}
    ben = Reader(browser, running.link(1), viewport=size, has_touch=True)
    ben.page.tap("#go")
    ben.wait_for_image(1)
    assert not ben.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    for row in range(6):
        button = ben.page.locator(".question").nth(row).locator("button").nth(1)
        assert min(button.bounding_box()["height"], button.bounding_box()["width"]) >= 44  # a fingertip
        button.tap()
    ben.page.tap("#next")
    ben.wait_for_image(2)
    [kept] = read_submissions(study.answers_path, study.id)
    assert (kept.reader, set(kept.answers.values())) == ("ben", {1, 2})
    ben.close()


def test_enter_saves_after_clicks(browser: Browser, study: Study, running: Running) -> None:
    anna = Reader(browser, running.link(0))
    anna.page.click("#go")
    anna.wait_for_image(1)
    for row in (0, 5, 2, 1, 4, 3):
        anna.page.locator(".question").nth(row).locator("button").nth(0).click()
    anna.enter()
    anna.wait_for_image(2)
    anna.page.click("#back")
    anna.wait_for_image(1)
    anna.enter()
    anna.wait_for_image(2)
    assert len(read_submissions(study.answers_path, study.id)) == 2
    anna.close()


def test_one_link_in_two_windows_goes_on_in_step(browser: Browser, study: Study, running: Running) -> None:
    one, other = (Reader(browser, running.link(0)) for _ in range(2))
    for window in (one, other):
        window.enter()
        window.wait_for_image(1)
    one.press("555552")
    one.enter()
    one.wait_for_image(2)
    other.press("111111")
    other.enter()
    other.wait_for_image(2)
    assert "another window" in other.problem()
    [kept] = read_submissions(study.answers_path, study.id)
    assert kept.answers["clarity"] == 5
    other.press("444442")
    other.enter()
    other.wait_for_image(3)
    one.close()
    other.close()


def test_links_that_are_cut_off_say_so(browser: Browser, running: Running) -> None:
    link = running.link(0)
    page = browser.new_page()
    for wrong, told in (
        (link[:-3], "This link is none of this study's"),
        (link.partition("#")[0], "Open the whole link"),
    ):
        page.goto("about:blank")
        page.goto(wrong)
        page.get_by_text(told).wait_for()
        assert page.locator("#reading").is_hidden()
    page.goto(link)  # the same window takes another link
    page.wait_for_selector("#go:not([hidden])")
    page.close()
