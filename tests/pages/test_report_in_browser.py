"""The report as Chromium shows it: nothing missing, nothing from the network, for every reader."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pages.made import made_run
from viewfinder.evaluation.doctor import Diagnosis
from viewfinder.evaluation.doctor.verdict import Severity, Try, Verdict
from viewfinder.pages.report import Further, Look, write_report

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NAMES = ["T-shirt", "a class whose name is as long as a sentence, and is not cut", "Ankle boot"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def smooth(locator: str) -> np.ndarray:
    """A picture that compresses as photographs do."""
    seed = sum(map(ord, locator))
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((16, 16, 1), np.uint8))


@pytest.fixture(scope="module")
def page_of_25000(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """25,000 pictures, 5,000 of them evaluated, 1,200 wrongly."""
    made = made_run(
        NAMES, {"train": 6000, "validation": 667, "test": 1667}, wrong=1200, picture=smooth
    )
    run = made.written(tmp_path_factory.mktemp("run"))
    heat = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    looks = {
        name: Look(heat, "train/0/0.png", NAMES[0], 0.9) for name in run.mistakes["locator"][:100]
    }
    vars(run)["further"] = Further(looks=looks)
    return write_report(run)


def opened(browser: Any, path: Path, **context: Any) -> tuple[Any, list[str]]:
    """A page, and what it has written to the console or requested."""
    page = browser.new_context(**context).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    page.goto(path.as_uri())
    quiet = (path.as_uri(), "data:")
    return page, [line for line in said if not line.startswith(quiet)]


def test_it_opens_alone_and_every_picture_loads(browser: Any, page_of_25000: Path) -> None:
    assert page_of_25000.stat().st_size < 10_000_000
    page, said = opened(browser, page_of_25000)
    assert said == []
    broken = "[...document.images].filter(one => !one.complete || !one.naturalWidth).length"
    assert page.evaluate(broken) == 0
    assert page.evaluate("document.images.length") > 500


def test_cells_open_by_keyboard_and_close(browser: Any, page_of_25000: Path) -> None:
    page, _ = opened(browser, page_of_25000)
    links = page.locator("table.matrix a")
    assert page.locator(".cell:visible").count() == 0
    for number in range(links.count()):
        links.nth(number).focus()
        page.keyboard.press("Enter")
        cell = page.locator(".cell:visible")
        assert cell.count() == 1
        assert links.nth(number).inner_text() in cell.locator("h3").inner_text()
        assert cell.locator("img:visible").count() > 3
    page.locator(".cell:visible >> text=Close").click()
    assert page.locator(".cell:visible").count() == 0


def test_sheets_of_mistakes_turn_by_arrow_keys(browser: Any, page_of_25000: Path) -> None:
    page, _ = opened(browser, page_of_25000)
    page.locator("#sheet-1").focus()
    for sheet in range(1, 16):
        assert page.locator(".sheets .mistakes:visible").count() == 1
        figures = page.locator(".sheets .mistakes:visible figure")
        assert figures.count() == 20
        pictures = figures.first.locator("img").count()
        assert pictures == (3 if sheet <= 5 else 1)
        page.keyboard.press("ArrowRight")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_is_accessible_and_fits(
    browser: Any, page_of_25000: Path, scheme: str, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    page, _ = opened(
        browser, page_of_25000, color_scheme=scheme, viewport={"width": width, "height": 900}
    )
    page.locator("table.matrix a").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in NAMES:
        assert page.locator("table.matrix thead th", has_text=name).count() == 1
    found = axe.Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == []


def test_a_long_command_leaves_room_for_its_effect(browser: Any, tmp_path: Path) -> None:
    command = "viewfinder clean /home/somebody/pictures/faces.dataset --output faces-2.dataset"
    suggested = Try(f"{command} --fix near-duplicates", "keeps one picture of each group")
    found = Verdict("leaks", Severity.WARNING, "Too high.", tries=(suggested,))
    run = replace(made_run(epochs=8).written(tmp_path), diagnosis=Diagnosis((found,), ()))
    for width in (390, 800, 1280):
        page, _ = opened(browser, write_report(run), viewport={"width": width, "height": 900})
        assert page.locator(".findings dd").bounding_box()["width"] > 180


def test_it_prints(browser: Any, page_of_25000: Path) -> None:
    page, _ = opened(browser, page_of_25000)
    page.emulate_media(media="print")
    assert page.locator("nav:visible").count() == 0
    assert page.pdf(format="A4").startswith(b"%PDF")
