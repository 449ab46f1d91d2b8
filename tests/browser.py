"""A real Chromium for tests: the one on this machine, or one installed without asking."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
Commands = tuple[tuple[str, ...], ...]
FROM_DEBIAN: Commands = (
    ("apt-get", "update", "-q"),
    ("apt-get", "install", "-qy", "--no-install-recommends", "chromium"),
)
FROM_PLAYWRIGHT: Commands = ((sys.executable, "-m", "playwright", "install", "chromium"),)


class BrowserMissing(Exception):
    """No Chromium here, and none could be installed."""

    def __init__(self, causes: Sequence[str]) -> None:
        super().__init__(causes)
        self.causes = causes

    def __str__(self) -> str:
        return (
            "the page is tested in a real browser, and there is no Chromium here: put one of "
            f"{', '.join(NAMES)} on PATH (Debian: `apt-get install chromium`), or run `python -m "
            "playwright install chromium`. Tried: " + "; ".join(self.causes or ["nothing"])
        )


def find_or_install(find: Callable[[], str | None], ways: Sequence[Commands]) -> str:
    """Chromium's path; tries each way of installing it until it is found."""
    causes: list[str] = []
    if found := find():
        return found
    for way in ways:
        causes += _failures(way)
        if found := find():
            return found
    raise BrowserMissing(causes)


def installed_chromium() -> str | None:
    on_path = (shutil.which(name) for name in NAMES)
    return next((path for path in on_path if path), None) or _playwrights_own()


def ways_to_install() -> tuple[Commands, ...]:
    """Debian's package brings the libraries along, but only root may install it."""
    may_apt = os.geteuid() == 0 and shutil.which("apt-get") is not None
    return (FROM_DEBIAN, FROM_PLAYWRIGHT) if may_apt else (FROM_PLAYWRIGHT,)


def _playwrights_own() -> str | None:
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return str(path) if path.exists() else None


def _failures(commands: Commands) -> Iterator[str]:
    """Runs the commands until one fails, and says which."""
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            yield f"`{' '.join(command)}` failed: {lines[-1] if lines else 'it says nothing'}"
            return


@pytest.fixture(scope="session")
def chromium() -> str:
    return find_or_install(installed_chromium, ways_to_install())


# Not for the session: while Playwright runs, no other event loop can run in this thread.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Chromium's sandbox does not work for root.
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        running = playwright.chromium.launch(executable_path=chromium, args=sandbox)
        yield running
        running.close()
