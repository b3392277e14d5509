"""The report of a profile: a page in a real browser, and Markdown."""

from __future__ import annotations

import base64
import io
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from deploy_helpers import make_bundle, spanbit
from PIL import Image
from rich.console import Console
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.select import Select
from spanbit_deploy.figures import COUNTED, EMULATED
from spanbit_deploy.profile.conditions import judge
from spanbit_deploy.profile.page import histogram, html_page, markdown_page, rounds_plot
from spanbit_deploy.profile.record import Profile, read_record
from spanbit_deploy.state.readings import State
from spanbit_deploy.table import profile_view

SIZE_MAX = 1_500_000


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    """One and two threads."""
    folder = tmp_path_factory.mktemp("page")
    bundle = make_bundle(folder)
    done = spanbit("profile", str(bundle), "--rounds", "40", "--threads", "1,2", "--out", str(folder / "run"))
    assert done.returncode == 0, done.stderr
    return read_record(folder / "run")


@pytest.fixture(scope="module")
def browser() -> Iterator[WebDriver]:
    """Headless Chromium, told to find no network."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver") or "chromedriver")
    driver = webdriver.Chrome(options, service)
    yield driver
    driver.quit()


def test_the_page_in_a_browser(profile: Profile, browser: WebDriver, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(html_page(profile))
    assert page.stat().st_size < SIZE_MAX
    assert not re.search(r"(?:src|href)=|https?://(?!www\.w3\.org/2000/svg)|@import|url\(", page.read_text())
    browser.set_window_size(1200, 900)
    browser.get(page.as_uri())
    assert "tiny on host" in browser.title

    row = browser.find_element(By.CSS_SELECTOR, "tr.layer[data-layer=conv1]")
    more = row.find_element(By.XPATH, "following-sibling::tr[1]")
    assert not more.is_displayed()
    row.click()
    assert more.is_displayed() and "147,456 multiply-accumulates" in more.text
    assert "Why this kernel: model" in more.text
    tree = profile.trees["conv1"]
    assert len(browser.find_elements(By.CSS_SELECTOR, "#tree circle")) == len(tree.parent) == 16
    assert f"{sum(tree.distance):,} taps differ" in browser.find_element(By.ID, "tree-text").text
    widths = [
        line.get_attribute("stroke-width") for line in browser.find_elements(By.CSS_SELECTOR, "#tree line")
    ]
    assert len(set(widths)) == len(set(tree.distance))
    assert [option.text for option in Select(browser.find_element(By.ID, "tree-layer")).options] == ["conv1"]

    first, second = browser.find_elements(By.CSS_SELECTOR, "section[data-panel]")
    assert first.is_displayed() and not second.is_displayed()
    browser.find_elements(By.CSS_SELECTOR, "nav button")[1].click()
    assert second.is_displayed() and not first.is_displayed()
    assert "2 threads" in second.text
    assert browser.get_log("browser") == []

    shot = tmp_path / "page.png"
    browser.save_screenshot(str(shot))
    with Image.open(shot) as image:  # something is drawn: the bars' blue
        colours = image.convert("RGB").getcolors(1 << 24)
    assert colours is not None and {colour: count for count, colour in colours}[(47, 111, 179)] > 1000


@pytest.mark.parametrize("width", [360, 500, 1600])
def test_it_fits_every_width(width: int, profile: Profile, browser: WebDriver, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(html_page(profile))
    # A window cannot be that narrow; a frame can.
    frame = tmp_path / "frame.html"
    frame.write_text(f'<iframe src="page.html" style="width: {width}px; height: 900px"></iframe>')
    browser.set_window_size(1800, 1000)
    browser.get(frame.as_uri())
    browser.switch_to.frame(0)
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    browser.switch_to.default_content()
    assert wide <= width


def test_it_prints(profile: Profile, browser: WebDriver, tmp_path: Path) -> None:
    """On paper nothing can be clicked: every setting is shown, and nothing that asks for a click."""
    page = tmp_path / "page.html"
    page.write_text(html_page(profile))
    browser.get(page.as_uri())
    assert isinstance(browser, webdriver.Chrome)
    panels, nav = (
        browser.find_elements(By.CSS_SELECTOR, "section[data-panel]"),
        browser.find_element(By.TAG_NAME, "nav"),
    )
    assert nav.is_displayed() and not panels[1].is_displayed()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert all(panel.is_displayed() for panel in panels) and not nav.is_displayed()
        assert not any(text.is_displayed() for text in browser.find_elements(By.CLASS_NAME, "screen"))
        pdf = base64.b64decode(browser.print_page())
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert pdf.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 2


def test_counters_of_an_emulated_cpu_are_called_so(profile: Profile) -> None:
    run = profile.runs[0]

    def shown(**changes: object) -> tuple[str, str]:
        figures = replace(run.figures, counters={"cycles": 7.0}, **changes)  # type: ignore[arg-type]
        screen = io.StringIO()
        Console(file=screen, width=300).print(profile_view(replace(run, figures=figures)))
        (line,) = (line for line in screen.getvalue().splitlines() if "counted a run" in line)
        return line, html_page(replace(profile, runs=(replace(run, figures=figures),)))

    line, page = shown()
    assert line.strip() == "counted a run: 7 cycles" and "cycles a run<" in page
    line, page = shown(emulated=True, note=EMULATED)
    assert "emulated: they follow this machine's clock" in line and "cycles a run, emulated<" in page
    line, page = shown(emulated=True, note=COUNTED)
    assert "emulated: executed instructions, exactly" in line and "cycles a run, emulated<" in page


def test_what_a_page_says_of_a_bad_run(profile: Profile) -> None:
    run = profile.runs[0]
    hot = State(temperature_c={"cpu": 85.0}, throttled=0x4)
    bad = replace(profile, runs=(replace(run, conditions=judge(State(), [hot], hot)),))
    assert "do not count: the board throttled" in html_page(bad)
    assert ">Temperature<" in html_page(bad) and ">Temperature<" not in html_page(profile)
    assert "**The times do not count**" in markdown_page(bad)


def test_names_are_text_and_nothing_else(profile: Profile) -> None:
    name = '<script>alert("x")</script>|'
    run = profile.runs[0]
    layers = (replace(run.figures.layers[0], name=name), *run.figures.layers[1:])
    trees = {name: profile.trees["conv1"]}
    bad = replace(profile, trees=trees, runs=(replace(run, figures=replace(run.figures, layers=layers)),))
    assert "<script>alert" not in html_page(bad) and "&lt;script&gt;alert" in html_page(bad)
    assert "</script>\\|" in markdown_page(bad)


def test_markdown_and_the_commands(profile: Profile, tmp_path: Path) -> None:
    from spanbit_deploy.profile.record import record_bytes

    kept = tmp_path / "run.json"
    kept.write_bytes(record_bytes(profile))
    out = tmp_path / "report.md"
    done = spanbit("report", "markdown", str(kept), "--against", str(kept), "--out", str(out))
    assert done.returncode == 0, done.stderr
    text = out.read_text()
    assert "## 2 threads" in text and f"## Against {kept}" in text and "| conv1 | tree |" in text
    assert text.count("| total |") == 5  # two settings, compression, two comparisons
    for line in re.findall(r"(?:^\|.*\n)+", text, re.M):  # every table has rows of one length
        assert len({row.count("|") for row in line.splitlines()}) == 1, line
    page = tmp_path / "report.html"
    assert spanbit("report", "html", str(kept), "--against", str(kept), "--out", str(page)).returncode == 0
    assert "half to twice" in page.read_text()
    done = spanbit("report", "html", str(tmp_path / "absent"))
    assert done.returncode == 3 and "absent" in done.stderr


def test_plots() -> None:
    assert [bar.text for bar in histogram([5] * 7)] == ["7"]
    bars = histogram([1_000_000] * 98 + [1_500_000, 9_000_000])
    assert sum(int(bar.text) for bar in bars) == 100 and max(bar.length for bar in bars) == 1
    plot = rounds_plot([1_000_000] * 5000)
    assert len(plot.points) == 1000 and plot.points[-1] == (1, 1)
