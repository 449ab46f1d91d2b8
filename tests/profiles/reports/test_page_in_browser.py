"""The page as a reader's browser shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from profiles.reports import write_report
from serve_app.core.catalog import Catalog
from tests.builders import a_policy
from tests.profiles.reports.samples import NASTY, a_full_catalog, a_large_catalog, an_odd_catalog

HEADINGS = [
    "In short",
    "The pairs",
    "Which pair wins where",
    "Accuracy, latency and cost",
    "Under load",
    "Accuracy",
    "Where the figures come from",
]
CATALOGS = {"full": a_full_catalog(), "odd": an_odd_catalog(), "several": a_large_catalog(3)}
PHONE, DESKTOP = 375, 1280
# Of every text on the page, its contrast with what is painted behind it.
CONTRASTS = """() => {
  const rgba = text => {
    const parts = text.match(/[\\d.]+/g).map(Number);
    return {rgb: parts.slice(0, 3), opaque: parts.length < 4 || parts[3] > 0};
  };
  const luminance = rgb => {
    const [r, g, b] = rgb.map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour.opaque) return colour.rgb;
    }
    return [255, 255, 255];
  };
  const onCells = '#wins svg text, #ttft svg text, #tpot svg text, #answer svg text';
  const texts = [...document.body.querySelectorAll('*')].filter(e =>
    [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && !e.matches(onCells));
  return texts.map(e => {
    const style = getComputedStyle(e);
    const ink = luminance(rgba(e.matches('svg text') ? style.fill : style.color).rgb);
    const back = luminance(ground(e));
    const ratio = (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
    return [e.textContent.slice(0, 40), ratio];
  });
}"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: _written(catalog, tmp_path_factory) for name, catalog in CATALOGS.items()}


def _written(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    notes = ["one pair could not be measured: " + "x" * 300]
    return write_report(catalog, folder, title="Report", notes=notes, policy=a_policy()).html


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": DESKTOP, "height": 900})
    yield opened
    opened.close()


@pytest.mark.parametrize("name", list(CATALOGS))
def test_it_opens_from_a_file_without_errors_or_requests(
    page: Page, pages: dict[str, Path], name: str
) -> None:
    errors: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    page.on("request", lambda request: requests.append(request.url))

    page.goto(pages[name].as_uri())
    page.get_by_text("The same as tables").click()

    assert errors == []
    assert requests == [pages[name].as_uri()]


def test_every_heading_and_every_figure_is_visible(page: Page, pages: dict[str, Path]) -> None:
    page.goto(pages["full"].as_uri())

    for heading in HEADINGS:
        assert page.get_by_role("heading", name=heading, exact=True).is_visible(), heading
    figures = page.locator("figure svg")
    assert figures.count() > 20
    for box in (figures.nth(index).bounding_box() for index in range(figures.count())):
        assert box is not None
        assert box["width"] > 200
        assert box["height"] > 60


def test_every_figure_says_in_words_what_it_shows(page: Page, pages: dict[str, Path]) -> None:
    page.goto(pages["full"].as_uri())

    pictures = page.get_by_role("img")
    names = [pictures.nth(index).get_attribute("aria-label") for index in range(pictures.count())]
    assert len(names) == page.locator("svg").count() > 20
    assert all(name and len(name) > 30 for name in names)
    assert len(set(names)) == len(names)


def test_text_in_figures_stays_within_them(page: Page, pages: dict[str, Path]) -> None:
    page.goto(pages["several"].as_uri())

    beyond = page.evaluate(
        """() => [...document.querySelectorAll('figure svg')].flatMap(svg => {
          const frame = svg.getBoundingClientRect();
          return [...svg.querySelectorAll('text')].filter(text => {
            const box = text.getBoundingClientRect();
            return box.left < frame.left - 2 || box.right > frame.right + 2;
          }).map(text => text.textContent);
        })"""
    )
    assert beyond == []


@pytest.mark.parametrize("name", list(CATALOGS))
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_nothing_makes_the_page_scroll_sideways(
    page: Page, pages: dict[str, Path], name: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(pages[name].as_uri())
    page.get_by_text("The same as tables").click()

    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_is_readable_in_light_and_dark(
    page: Page, pages: dict[str, Path], scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(pages["full"].as_uri())

    contrasts = page.evaluate(CONTRASTS)

    assert len(contrasts) > 300
    assert [(text, ratio) for text, ratio in contrasts if ratio < 4.5] == []


def test_dark_is_dark_on_the_screen_and_never_on_paper(page: Page, pages: dict[str, Path]) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(pages["full"].as_uri())
    paper = "getComputedStyle(document.querySelector('figure')).backgroundColor"
    on_screen = page.evaluate(paper)

    page.emulate_media(color_scheme="dark", media="print")

    assert page.evaluate(paper) == "rgb(255, 255, 255)" != on_screen


def test_tables_have_headers_for_rows_and_columns(page: Page, pages: dict[str, Path]) -> None:
    page.goto(pages["full"].as_uri())
    page.get_by_text("The same as tables").click()

    assert page.locator("table").count() == 4
    assert page.locator("tbody tr:not(:has(th))").count() == 0
    assert page.locator("thead th:not([scope=col])").count() == 0
    assert page.get_by_role("columnheader", name="large-awq").is_visible()
    assert page.get_by_role("rowheader", name="Cold start").is_visible()


def test_published_and_refused_pairs_are_flagged_at_first_sight(
    page: Page, pages: dict[str, Path]
) -> None:
    page.goto(pages["full"].as_uri())

    assert page.get_by_text("Not all of this was measured here.").is_visible()
    assert page.get_by_text("a table of a paper").is_visible()
    refused = page.get_by_role("columnheader", name="small-w4a16")
    assert refused.get_by_text("golden gate failed").is_visible()


def test_a_name_full_of_markup_is_shown_as_it_is(page: Page, pages: dict[str, Path]) -> None:
    page.goto(pages["odd"].as_uri())

    assert page.locator("article").first.get_by_text(NASTY[:20]).first.is_visible()
