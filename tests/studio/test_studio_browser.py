"""The page in a real browser, with the smallest model and the examples."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from chromium import IN_CHROMIUM, errors_on
from served import TOKEN, Client

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

EXAMPLES = Path(__file__).parents[2] / "examples"
ABDOMEN = "ab_Patient00769_Plane2_1_of_1.jpg"

pytestmark = IN_CHROMIUM


class Studio:
    """A page, with what tests do on it. Errors of the page, and requests that leave the machine, fail the test."""

    def __init__(self, browser: Browser, client: Client) -> None:
        self.client = client
        self.address = client.address.link(TOKEN)
        self.page: Page = browser.new_page(viewport={"width": 1280, "height": 800}, accept_downloads=True)
        self.errors = errors_on(self.page, self.address)
        self.page.goto(self.address)
        self.wait_for_start()

    def wait_for_start(self) -> None:
        self.page.wait_for_selector("body[data-ready=true]")

    def state(self, expression: str) -> Any:
        return self.page.evaluate(f"(() => {{ const state = fetalflex.state; return {expression}; }})()")

    def wait(self, expression: str, seconds: float = 60) -> None:
        """Wait until an expression of the state is true; the page itself may not evaluate text."""
        end = time.monotonic() + seconds
        while not self.state(expression):
            assert time.monotonic() < end, f"never: {expression}; {self.state('state.messages')} {self.errors}"
            time.sleep(0.05)

    def open(self, name: str = ABDOMEN) -> None:
        self.page.click(f'[data-record="{name}"]')
        self.wait("state.image && state.structures.length > 0 && state.look !== null")

    def use_few_steps(self) -> None:
        self.page.click("summary")
        self.page.fill("#steps", "3")
        self.page.press("#steps", "Tab")
        self.wait("state.settings.steps === 3")

    def box(self, name: str) -> dict[str, float]:
        return self.state(f"state.structures.find((one) => one.name === '{name}').box")

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the image is in the window."""
        return tuple(
            self.page.evaluate(
                """([x, y]) => {
                    const stage = fetalflex.stage(), frame = stage.container().getBoundingClientRect();
                    return [frame.x + stage.x() + x * stage.scaleX(), frame.y + stage.y() + y * stage.scaleY()];
                }""",
                [x, y],
            )
        )

    def drag(self, start: tuple[float, float], by: tuple[float, float]) -> None:
        """Drag from a point of the image, by pixels of the image."""
        self.page.mouse.move(*self.place(*start))
        self.page.mouse.down()
        for share in (0.3, 0.7, 1.0):
            self.page.mouse.move(*self.place(start[0] + share * by[0], start[1] + share * by[1]))
        self.page.mouse.up()

    def generate(self) -> None:
        count = self.state("state.results.length")
        self.page.keyboard.press("Control+Enter")
        self.wait(f"state.job === null && state.results.length > {count}")

    def saved(self, what: str) -> dict[str, Any]:
        """Wait until what is saved fulfils a condition on the document, in JavaScript; return it."""
        end = time.monotonic() + 30
        while True:
            work = self.client.get("/api/work").json
            if work["document"] and self.page.evaluate(f"(saved) => {what}", work["document"]):
                return work
            assert time.monotonic() < end, work
            time.sleep(0.1)


def test_a_session_from_opening_an_image_to_coming_back(browser: Browser, serve_studio: Any, tmp_path: Path) -> None:
    with serve_studio(tmp_path / "work", EXAMPLES) as client:
        studio = Studio(browser, client)
        page = studio.page
        studio.open()
        studio.use_few_steps()

        # Move the stomach: one step.
        before = studio.box("stomach")
        studio.drag((before["cx"], before["cy"]), (30, -60))
        after = studio.box("stomach")
        assert after["cx"] - before["cx"] == pytest.approx(30, abs=1.5)
        assert after["cy"] - before["cy"] == pytest.approx(-60, abs=1.5)
        assert (after["width"], after["height"]) == (before["width"], before["height"])

        # Generate: the picture changes inside the region alone, and says that it is synthetic.
        assert not page.is_visible("#synthetic")
        studio.generate()
        assert page.is_visible("#synthetic")
        first = studio.state("state.shown")
        [source, made, mask] = (
            np.asarray(Image.open(io.BytesIO(client.get(f"/api/{path}").body)))
            for path in (
                f"images/{studio.state('state.image.id')}/pixels",
                f"results/{first}/pixels",
                f"results/{first}/mask",
            )
        )
        assert np.array_equal(source[mask == 0], made[mask == 0])
        assert not np.array_equal(source, made)

        # Wipe between before and after.
        seen_after = page.locator("#stage").screenshot()
        page.keyboard.press("w")
        page.keyboard.press("w")
        studio.wait("state.wipe === 100")
        time.sleep(0.3)
        assert page.locator("#stage").screenshot() != seen_after

        # Undo takes back what is shown, then the move; redo brings both again.
        page.keyboard.press("Control+z")
        studio.wait("state.shown === null")
        page.keyboard.press("Control+z")
        assert studio.box("stomach") == before
        page.keyboard.press("Control+Shift+z")
        assert studio.box("stomach") == after
        page.keyboard.press("Control+y")
        studio.wait(f"state.shown === '{first}'")

        # An anomaly is an edit.
        page.click("#for-anomalies")
        page.click('[data-anomaly="dilated_stomach:severe"]')
        studio.wait(f"state.structures.find((one) => one.name === 'stomach').box.width > {after['width']}")
        page.click("#for-generate")

        # Refine inside a mask painted with the brush.
        page.keyboard.press("b")
        page.keyboard.press("]")
        studio.drag((280, 200), (60, 0))
        studio.wait("state.mask !== null")
        page.click("#refine")
        studio.wait("state.job === null && state.results.length === 2")
        assert studio.state("state.results[1].kind") == "refine"
        page.keyboard.press("v")

        # Cancel: what was asked for last does not come.
        page.fill("#steps", "1000")
        page.press("#steps", "Control+Enter")
        studio.wait("state.job !== null && state.job.step > 0")
        begun = time.monotonic()
        page.click("#cancel")
        studio.wait("state.job === null")
        assert time.monotonic() - begun < 5
        assert studio.state("state.results.length") == 2

        # Export all.
        page.keyboard.press("Control+s")
        with page.expect_download() as downloading:
            page.click("#export-all")
        names = zipfile.ZipFile(downloading.value.path()).namelist()
        assert "fetalflex-export/annotations.json" in names
        assert len([name for name in names if name.endswith("/image.png")]) == 2
        studio.saved("saved.settings.steps === 1000 && saved.mask !== null")
        kept = studio.state("[state.structures.map((one) => one.box), state.shown, state.settings, state.mask.length]")

        # Reload, and another start of the server: all is there again.
        page.reload()
        studio.wait_for_start()
        asked = "[state.structures.map((one) => one.box), state.shown, state.settings, state.mask.length]"
        assert studio.state(asked) == kept
        assert studio.errors == []
        page.close()
    with serve_studio(tmp_path / "work", EXAMPLES) as client:
        studio = Studio(browser, client)
        assert studio.state(asked) == kept
        assert studio.errors == []
        studio.page.close()


def test_everything_is_done_by_keyboard_alone(browser: Browser, serve_studio: Any, tmp_path: Path) -> None:
    with serve_studio(tmp_path / "work", EXAMPLES) as client:
        studio = Studio(browser, client)
        press = studio.page.keyboard.press
        for _ in range(60):  # the dialog is open; go on to the wanted card
            if studio.page.evaluate("document.activeElement.dataset.record") == ABDOMEN:
                break
            press("Tab")
        press("Enter")
        studio.wait("state.structures.length === 4 && state.look !== null")
        press(".")
        press(".")
        assert studio.state("state.structures.find((one) => one.uid === state.selection[0]).name") == "stomach"
        before = studio.box("stomach")
        press("ArrowRight")
        press("Shift+ArrowUp")
        press("Control+Shift+ArrowRight")
        press("r")
        moved = studio.box("stomach")
        assert moved["cx"] == pytest.approx(before["cx"] + 1)
        assert moved["cy"] == pytest.approx(before["cy"] - 10)
        assert moved["width"] == pytest.approx(before["width"] + 10)
        assert moved["angle"] == pytest.approx(5)
        press("l")
        press("ArrowRight")  # locked, so it stays
        assert studio.box("stomach") == moved
        press("l")
        press("Control+d")
        assert studio.state("state.structures.length") == 5
        press("Delete")
        assert studio.state("state.structures.length") == 4
        for _ in range(8):  # four changes, lock, unlock, duplicate, delete
            press("Control+z")
        assert studio.box("stomach") == before
        press(".")
        press(".")
        press("k")  # the brush mask without a brush
        studio.wait("state.mask !== null")
        press("ArrowLeft")
        studio.use_few_steps()
        studio.generate()
        press("w")
        studio.wait("state.wipe === 50")
        press("Shift+?")
        assert studio.page.is_visible("#keys-dialog")
        press("Escape")
        assert not studio.page.is_visible("#keys-dialog")
        assert studio.errors == []
        studio.page.close()


def test_two_windows_do_not_overwrite_each_other(browser: Browser, serve_studio: Any, tmp_path: Path) -> None:
    with serve_studio(tmp_path / "work", EXAMPLES) as client:
        first = Studio(browser, client)
        first.open()
        first.saved("saved.image !== null")
        second = Studio(browser, client)
        assert second.state("state.image.name") == ABDOMEN
        before = first.box("abdomen")["cx"]
        first.page.keyboard.press(".")
        first.page.keyboard.press("ArrowRight")
        kept = first.saved(f"saved.structures[0].box.cx === {before + 1}")
        second.page.keyboard.press(".")
        second.page.keyboard.press("ArrowDown")
        second.page.wait_for_selector("#banner:not([hidden])")
        assert "another window" in second.page.text_content("#banner")
        assert client.get("/api/work").json == kept
        for studio in (first, second):
            assert studio.errors == []
            studio.page.close()


def test_an_image_file_of_ones_own_is_opened_and_annotated(browser: Browser, serve_studio: Any, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>.png"
    Image.open(EXAMPLES / "images" / ABDOMEN).convert("L").save(tmp_path / name)
    with serve_studio(tmp_path / "work", EXAMPLES) as client:
        studio = Studio(browser, client)
        studio.page.set_input_files("#file", tmp_path / name)
        studio.wait("state.image !== null")
        assert studio.page.text_content("#image-name") == name  # as text, not as an element
        assert studio.page.locator("#image-name img").count() == 0
        studio.page.select_option('[data-key="plane"]', "abdominal_transverse")
        studio.page.select_option('[data-key="adding"]', "stomach")
        studio.page.keyboard.press("Escape")
        studio.page.click('[data-tool="add"]')
        studio.drag((200, 150), (80, 50))
        studio.wait("state.structures.length === 1")
        box = studio.box("stomach")
        assert (box["cx"], box["cy"]) == (pytest.approx(240, abs=2), pytest.approx(175, abs=2))
        studio.page.click('[data-key="declare"]')
        studio.wait("state.before.structures.length === 1")
        assert studio.errors == []
        studio.page.close()


def test_a_wrong_token_opens_nothing(browser: Browser, serve_studio: Any, tmp_path: Path) -> None:
    with serve_studio(tmp_path / "work", EXAMPLES) as client:
        page = browser.new_page()
        page.goto(client.address.link("a-token-of-an-earlier-start"))
        page.wait_for_selector("#banner:not([hidden])")
        assert "token" in page.text_content("#banner")
        page.close()
