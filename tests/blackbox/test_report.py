"""The page of `rung report`, opened in a real browser: at a phone's and a desk's width, by day and by night, and on paper.

Chromium and its driver are Debian's; `RUNG_REPORT_SHOTS=FOLDER` keeps what was seen.
"""

import base64
import io
import json
import os
import pathlib
import shutil
import subprocess
import unicodedata

import pypdf
import pytest
from conftest import BINARY, ROOT, Server
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromium-driver")
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --force-color-profile=srgb""".split()
WIDTHS = {"wide": 1280, "narrow": 390}
TITLES = ["The vital few", "Is it getting more concentrated?", "Do the best stay?", "Who stands where",
          "How recently, how often", "What may be expected", "What is owed in points, as of 1998-06-30"]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The published sample, as it happened: 1997 first, the half year after it later."""
    folder = tmp_path_factory.mktemp("report")
    program = str(ROOT / "deploy/programs/cdnow.toml")
    server = Server(folder / "data", "--test-clock", "1998-01-01T04:00:00Z", "--program", program)
    try:
        target = ["--server", server.address, "--program", "cdnow"]
        load = [BINARY, "load", *target, "--format", "cdnow", ROOT / "tests/data/cdnow/CDNOW_sample.txt"]
        subprocess.run([*load, "--to", "1997-12-31"], check=True, capture_output=True, timeout=120)
        server.client.call("AdminService/AdvanceTestClock", to="1998-07-01T03:00:00Z", timeout=60)
        subprocess.run([*load, "--from", "1998-01-01"], check=True, capture_output=True, timeout=120)
        page, numbers = folder / "report.html", folder / "report.json"
        made = [BINARY, "report", *target, "--out", page, "--json", numbers]
        said = subprocess.run(made, check=True, capture_output=True, text=True, timeout=120).stdout
        assert "the best 20% of 2,357 customers brought 67.5% of 244,091.94 USD" in said
        yield page, json.loads(numbers.read_text())
    finally:
        server.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def look(browser, page, width, scheme):
    """Opens the page as somebody would see it."""
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": media})
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get_log("performance")
    browser.get(page.as_uri())


def requested(browser):
    """What the page asked of anybody since it was opened."""
    messages = (json.loads(row["message"])["message"] for row in browser.get_log("performance"))
    sent = [message for message in messages if message["method"] == "Network.requestWillBeSent"]
    return [message["params"]["request"]["url"] for message in sent]


def keep(browser, name):
    folder = os.environ.get("RUNG_REPORT_SHOTS")
    if folder:
        shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        pathlib.Path(folder, f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


def luminance(browser, selector, of):
    """How light a colour is that the browser came to, from 0 to 255."""
    style = browser.execute_script(f"return getComputedStyle(document.querySelector('{selector}')).{of}")
    red, green, blue = (float(part) for part in style.removeprefix("rgb(").removesuffix(")").split(","))
    return 0.299 * red + 0.587 * green + 0.114 * blue


def relative_luminance(color):
    parts = [float(part) / 255 for part in color.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear))


def contrast(browser, selector):
    """How a mark stands out from the card that it lies on, as WCAG 2 counts."""
    told = "return ['%s', 'section'].map(what => getComputedStyle(document.querySelector(what)).backgroundColor)"
    darker, lighter = sorted(relative_luminance(color) for color in browser.execute_script(told % selector))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("shape", WIDTHS)
def test_the_page_on_a_screen(report, browser, shape, scheme):
    page, _ = report
    look(browser, page, WIDTHS[shape], scheme)
    keep(browser, f"{shape}-{scheme}")
    assert requested(browser) == [page.as_uri()], "nobody else is asked for anything"
    assert browser.get_log("browser") == []
    assert [title.text for title in browser.find_elements(By.TAG_NAME, "h2")] == TITLES
    text = browser.find_element(By.TAG_NAME, "body").text
    for words in ["1997-01-01 to 1998-06-30", "67.5%", "33.0%", "244,092", "472 of 2,357 customers", "is 0.631",
                  "less concentrated: of those who bought in the twelve months up to 1997-12-31",
                  "131,537.21 USD of 201,224.82 USD", "states no valuation", "outstanding: One point per whole dollar"]:
        assert words in text, words
    room = browser.execute_script("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert room[0] <= room[1], "nothing hangs over the edge"
    page_light, ink_light = luminance(browser, "html", "backgroundColor"), luminance(browser, "h1", "color")
    assert (page_light > 200 > 100 > ink_light) if scheme == "light" else (page_light < 50 < 200 < ink_light)
    for mark in (".accent", ".warm", ".faint"):
        assert contrast(browser, f".legend {mark}") >= 3, f"{mark} can be told from the card"

    pictures = browser.find_elements(By.CSS_SELECTOR, "figure svg")
    shown = [picture for picture in pictures if picture.is_displayed()]
    assert len(shown) * 2 == len(pictures) == 14
    for picture in shown:
        assert picture.get_attribute("class") == shape
        name = picture.accessible_name
        assert name, "a picture says what it is"
        box = picture.rect
        assert 250 < box["width"] <= WIDTHS[shape] and box["height"] > 40, (name, box)
        drawn = browser.execute_script("""
            const parts = [...arguments[0].querySelectorAll('path, rect, circle, line')].map(part => part.getBBox());
            return [parts.length, Math.max(...parts.map(part => part.width)), Math.max(...parts.map(part => part.height))]
        """, picture)
        assert drawn[0] >= 2 and drawn[1] > 100 and drawn[2] > 20, (name, drawn)
        smallest = browser.execute_script("""
            const words = [...arguments[0].querySelectorAll('text')].filter(word => word.textContent.trim());
            return Math.min(...words.map(word => word.getBoundingClientRect().height))
        """, picture)
        assert smallest >= 10, f"the words of {name} can be read"
        colors = browser.execute_script("""
            const fills = [...arguments[0].querySelectorAll('path, rect, circle')].map(part => getComputedStyle(part));
            return fills.flatMap(style => [style.fill, style.stroke]).filter(color => color.includes('var('))
        """, picture)
        assert colors == [], "every colour is one that the page has"


def test_the_numbers_stand_under_every_picture(report, browser):
    page, numbers = report
    look(browser, page, 390, "light")
    tables = browser.find_elements(By.TAG_NAME, "table")
    assert all(table.find_element(By.TAG_NAME, "caption").get_attribute("textContent") for table in tables)
    assert not any(table.is_displayed() for table in tables), "folded until somebody wants them"
    for summary in browser.find_elements(By.TAG_NAME, "summary"):
        summary.click()
    assert all(table.is_displayed() for table in tables)
    room = browser.execute_script("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert room[0] <= room[1], "a wide table scrolls by itself"
    hidden = browser.execute_script("""
        const edge = table => table.closest('.scroll').getBoundingClientRect().right + 0.5;
        const beyond = table => [...table.querySelectorAll('tbody tr > :nth-child(2), thead tr > :nth-child(2)')]
            .filter(cell => cell.getBoundingClientRect().right > edge(table));
        return [...document.querySelectorAll('table')].flatMap(beyond).map(cell => cell.textContent)
    """)
    assert hidden == [], "the first value of every row is in sight without scrolling"
    broken = browser.execute_script("""
        return [...document.querySelectorAll('tbody th.word')].filter(name => name.getBoundingClientRect().height > 40).length
    """)
    assert broken == 0, "no day is broken"

    def rows(caption):
        table = next(table for table in tables if caption in table.find_element(By.TAG_NAME, "caption").text)
        cells = [row.find_elements(By.CSS_SELECTOR, "th, td") for row in table.find_elements(By.CSS_SELECTOR, "tbody tr")]
        return [[cell.text for cell in row] for row in cells]

    best = {row[0]: row[1:] for row in rows("Gini coefficient 0.630917")}
    assert best["best 20%"][0] == "472" and best["best 20%"][3] == "67.4550%"
    assert best["fewest for 80%"][:2] == ["777", "32.9656%"]
    assert [best[name][0] for name in ("A, until 80%", "B, until 95%", "C")] == ["777", "801", "779"]
    assert len(rows("Lorenz curve")) == 21
    assert len(rows("by recency, frequency and money")) == len(numbers["rfm"])
    models = dict(rows("models"))
    assert models["expected purchases"] == numbers["forecast"]["expected_purchases"]
    heads = [head.text for table in tables for head in table.find_elements(By.CSS_SELECTOR, "thead th")]
    assert "On 1997-12-31" in heads and "On 1998-06-30" in heads, "who went where between two days"
    moved = {(start, end): int(members.replace(",", "")) for start, end, members in rows("from where to where")}
    assert sum(moved.values()) == 2_357 == sum(flow["members"] for flow in numbers["tiers"]["flows"])
    month = numbers["liability"][0]["months"][0]
    assert rows("One point per whole dollar, by the month")[0][:2] == [month["month"], f"{month['issued']:,}"]


def test_the_page_on_paper(report, browser):
    page, _ = report
    look(browser, page, 390, "dark")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    paper = {"printBackground": True, "paperWidth": 8.27, "paperHeight": 11.69}
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", paper)["data"])
    if folder := os.environ.get("RUNG_REPORT_SHOTS"):
        pathlib.Path(folder, "paper.pdf").write_bytes(printed)
    pages = pypdf.PdfReader(io.BytesIO(printed)).pages
    assert 4 <= len(pages) <= 16
    text = " ".join(unicodedata.normalize("NFKC", " ".join(page.extract_text() for page in pages)).split())
    for words in [*TITLES, "67.5%", "Gini coefficient 0.630917", "the smallest customers first", "log-likelihood"]:
        assert words in text, f"{words} is on paper, its table unfolded"
    assert "The numbers:" not in text, "there is nothing to click on paper"
