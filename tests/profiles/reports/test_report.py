"""What is written: one page without a network, and a PNG per figure."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from profiles.reports import ReportFiles, write_report
from serve_app.core.catalog import Catalog
from tests.builders import a_catalog, a_policy
from tests.profiles.reports.samples import (
    NASTY,
    a_full_catalog,
    a_full_profile,
    a_large_catalog,
    a_plain_profile,
    an_odd_catalog,
)

LARGEST_PAGE_BYTES = 1_500_000


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def ids(self, tag: str) -> list[str | None]:
        return [attributes.get("id") for name, attributes in self.found if name == tag]


def written(catalog: Catalog, folder: Path) -> ReportFiles:
    return write_report(catalog, folder, title="A <title>", notes=["a <note>"])


def bytes_of(files: ReportFiles) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (files.html, *files.pngs)}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> ReportFiles:
    return written(a_full_catalog(), tmp_path_factory.mktemp("full"))


def test_every_figure_of_the_page_has_its_png(full: ReportFiles) -> None:
    figures = Tags(full.html.read_text()).ids("figure")

    assert [path.stem for path in full.pngs] == figures
    assert {"wins", "front", "load", "ttft", "tpot", "answer", "accuracy-by-task"} <= set(figures)


def test_the_pngs_are_pictures_that_show_something(full: ReportFiles) -> None:
    for path in full.pngs:
        with Image.open(path) as picture:
            assert picture.width > 300
            assert len(picture.convert("L").getcolors() or []) > 2, path.name


def test_the_same_catalog_gives_the_same_bytes(tmp_path: Path) -> None:
    catalog = a_catalog(a_full_profile(), a_plain_profile())

    first, second = written(catalog, tmp_path / "1"), written(catalog, tmp_path / "2")

    assert bytes_of(first) == bytes_of(second)


def test_the_page_names_nothing_to_fetch(full: ReportFiles) -> None:
    for tag, attributes in Tags(full.html.read_text()).found:
        assert tag not in {"script", "iframe", "img", "object"}
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,")), (tag, attributes)
    assert "@import" not in full.html.read_text()
    assert not re.search(r"url\((?!#)", full.html.read_text())


def test_titles_notes_and_names_are_text_and_never_markup(tmp_path: Path) -> None:
    page = written(an_odd_catalog(), tmp_path).html.read_text()

    assert "<script" not in page
    assert "<note>" not in page
    assert "&lt;script&gt;" in page
    assert NASTY not in page


def test_figures_of_what_no_profile_has_are_left_out(tmp_path: Path) -> None:
    files = written(a_catalog(a_plain_profile()), tmp_path)

    assert [path.stem for path in files.pngs] == [
        "wins",
        "front",
        "load",
        "ttft",
        "tpot",
        "accuracy-by-task",
    ]


def test_a_run_that_measured_nothing_still_has_a_page_with_its_notes(tmp_path: Path) -> None:
    files = written(Catalog.of("none", []), tmp_path)

    assert files.pngs == ()
    assert "a &lt;note&gt;" in files.html.read_text()
    assert "no profile to report on" in files.html.read_text()


def test_free_pairs_have_a_place_in_every_figure(tmp_path: Path) -> None:
    free = a_plain_profile("free", usd_per_hour=0)

    assert len(written(a_catalog(free, a_plain_profile("dear")), tmp_path).pngs) == 6


def test_whose_policy_decides_is_said(full: ReportFiles, tmp_path: Path) -> None:
    by_fleet = write_report(
        a_catalog(a_plain_profile()), tmp_path, title="Title", policy=a_policy()
    )

    assert "fleet's own weights decide" in by_fleet.html.read_text()
    assert "No fleet was given" in full.html.read_text()


def test_a_dozen_pairs_with_long_axes_make_a_page_that_mails_accept(tmp_path: Path) -> None:
    files = written(a_large_catalog(12), tmp_path)

    assert files.html.stat().st_size < LARGEST_PAGE_BYTES
    assert files.html.read_text().count('scope="col"') > 12
