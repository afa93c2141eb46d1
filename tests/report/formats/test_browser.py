"""The page in a real browser: charts drawn, nothing in the console, clicks and keys that work, also on a phone.

Wants `pip install playwright` and a Chromium: playwright's own, or one named by EDGEQUANT_CHROMIUM or on PATH.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgequant.catalog import SECTIONS
from edgequant.report.document import build
from edgequant.report.formats.html import html
from edgequant.store.disk import write_bytes
from edgequant.store.run import Run
from edgequant.study.answering.changes import thumbnail
from report_sample import results

playwright = pytest.importorskip("playwright.sync_api")

BEST, OTHER = "mobilenet_v2-w8a8-qat-litert", "micro_cnn-w8a8-litert"
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
WIDE, PHONE = {"width": 1320, "height": 900}, {"width": 390, "height": 844}


def executable() -> str | None:
    return os.environ.get("EDGEQUANT_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("browser")
    (folder / "flipped").mkdir()
    write_bytes(folder / "flipped" / "7.png", thumbnail(np.full((8, 8, 3), 90, np.uint8)))
    document = build(Run(results(), folder), [SECTIONS.build(name) for name in SECTIONS])
    (folder / "report.html").write_text(html(document), "utf-8")
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        try:
            opened = driver.chromium.launch(executable_path=executable(), args=["--no-sandbox", "--disable-gpu"])
        except playwright.Error as error:
            pytest.skip(f"no Chromium starts here: {str(error).splitlines()[0]}")
        yield opened
        opened.close()


class Visit:
    """A page that is open, with what it said and asked for."""

    def __init__(self, browser: Any, address: str, viewport: dict[str, int], scheme: str = "light") -> None:
        self.page = browser.new_context(viewport=viewport, color_scheme=scheme).new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)
        self.page.wait_for_function(
            "document.querySelectorAll('.chart').length == document.querySelectorAll('svg.marks').length"
        )

    def chosen(self) -> str:
        return str(self.page.locator(".choose select").input_value())


@pytest.fixture(scope="module")
def wide(browser: Any, address: str) -> Visit:
    return Visit(browser, address, WIDE)


def test_charts_are_drawn_and_the_console_stays_silent(wide: Visit) -> None:
    assert wide.page.locator("svg.marks").count() == 9
    assert wide.page.locator("#accuracy path[aria-roledescription=point]").count() > 10
    assert wide.page.locator(".photos img").evaluate("image => image.naturalWidth") == 8
    assert wide.said == []
    assert [url for url in wide.asked if not url.startswith(("file:", "data:", "blob:"))] == []


def test_the_first_screen_holds_the_answer(wide: Visit) -> None:
    last = wide.page.locator(".figures li").last.bounding_box()
    assert last and last["y"] + last["height"] < WIDE["height"]


def test_a_click_on_a_point_shows_its_layers(wide: Visit) -> None:
    point = wide.page.locator(f"#latency path[aria-label*='{OTHER}']").first
    point.click(force=True)
    assert wide.chosen() == OTHER
    assert OTHER in wide.page.locator("#latency .picked").inner_text()
    assert wide.page.locator("tr.chosen").count() > 0


def test_a_drag_fades_what_lies_outside(wide: Visit) -> None:
    chart = wide.page.locator("#accuracy svg.marks").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    wide.page.mouse.move(box["x"] + 0.12 * box["width"], box["y"] + 0.2 * box["height"])
    wide.page.mouse.down()
    wide.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.8 * box["height"], steps=5)
    wide.page.mouse.up()
    assert "variants inside" in wide.page.locator("#accuracy .picked").first.inner_text()
    assert 0 < wide.page.locator("#variants tr.outside").count() < 16


def test_keys_choose_a_variant_and_sort_a_table(wide: Visit) -> None:
    names = wide.page.locator("#variants .pick")
    names.nth(2).focus()
    wide.page.keyboard.press("Enter")
    assert wide.chosen() == names.nth(2).inner_text().removeprefix("★ ")
    header = wide.page.locator("#variants thead button").nth(6)
    header.focus()
    wide.page.keyboard.press("Enter")
    keys = wide.page.locator("#variants tbody tr td:nth-child(7)").evaluate_all(
        "cells => cells.map(c => c.dataset.key).filter(k => k).map(Number)"
    )
    assert keys == sorted(keys) and wide.page.locator("#variants th[aria-sort=ascending]").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_never_scrolls_the_page_sideways(browser: Any, address: str, scheme: str) -> None:
    visit = Visit(browser, address, PHONE, scheme)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert visit.said == []
    visit.page.locator("#variants .pick").nth(1).click()
    assert visit.chosen() != BEST


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(browser: Any, address: str, scheme: str) -> None:
    """At least 4.5 to 1 for each colour of text on each ground (WCAG 2.2, 1.4.3)."""
    page = Visit(browser, address, WIDE, scheme).page
    read = "names => names.map(n => getComputedStyle(document.documentElement).getPropertyValue('--' + n).trim())"
    inks = page.evaluate(read, ["ink", "faint", "accent", "good", "bad"])
    grounds = page.evaluate(read, ["ground", "panel", "star"])
    assert min(contrast(ink, ground) for ink in inks for ground in grounds) >= 4.5


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    """Relative, of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear))
