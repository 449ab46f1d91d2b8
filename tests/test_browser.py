"""The browser that tests use is found or installed, or its absence says what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.browser import BrowserMissing, find_or_install


def command(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def found_at(path: Path) -> str | None:
    return str(path) if path.exists() else None


def test_a_browser_that_is_there_is_used_and_nothing_installed(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    way = (command(f"open({str(mark)!r}, 'w')"),)

    assert find_or_install(lambda: "/usr/bin/chromium", [way]) == "/usr/bin/chromium"
    assert not mark.exists()


def test_the_next_way_is_tried_when_one_fails(tmp_path: Path) -> None:
    binary = tmp_path / "chromium"
    fails, works = (command("raise SystemExit(1)"),), (command(f"open({str(binary)!r}, 'w')"),)

    assert find_or_install(lambda: found_at(binary), [fails, works]) == str(binary)


def test_commands_after_a_failed_one_are_not_run(tmp_path: Path) -> None:
    binary = tmp_path / "chromium"
    way = (command("raise SystemExit(1)"), command(f"open({str(binary)!r}, 'w')"))

    with pytest.raises(BrowserMissing):
        find_or_install(lambda: found_at(binary), [way])


def test_a_missing_browser_says_what_failed_and_what_to_install() -> None:
    with pytest.raises(BrowserMissing) as raised:
        find_or_install(lambda: None, [(command("raise SystemExit('no route to host')"),)])

    assert "no route to host" in str(raised.value)
    assert "apt-get install chromium" in str(raised.value)
    assert "playwright install chromium" in str(raised.value)
