"""The built packages: what is in them, and that the wheel works without extras in any folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from serve_app import __version__
from tests.api.apps import an_app
from tests.base_install import EVERY_HELP
from tests.gateways import gateway_under_test
from tests.http_server import serving
from tests.paths import REPOSITORY

PACKAGES = ("serve_app", "profiles")
# What measuring and publishing leave in a checkout.
LEFT_BEHIND = (
    "profiles/raw/pair/round-1.json",
    "profiles/data/active.json",
    "profiles/data/versions/1.json",
    "profiles/data/.publish.lock",
)
COMMANDS = (
    "serve",
    "weights",
    "profile",
    "validate",
    "publish",
    "refresh",
    "report",
    "route",
    "train",
    "add-pair",
    "bench decide",
    "bench router-quality",
    "tune weights",
    "tune max-model-len",
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages in which somebody has measured and published."""
    folder = tmp_path_factory.mktemp("checkout")
    for package in PACKAGES:
        junk = shutil.ignore_patterns("__pycache__", "raw", "versions", "active.json", "*.lock")
        shutil.copytree(REPOSITORY / package, folder / package, ignore=junk)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / file, folder)
    return folder


@pytest.fixture(scope="module")
def packaged(checkout: Path) -> set[str]:
    """Every file that belongs into the packages."""
    files = (path for package in PACKAGES for path in (checkout / package).rglob("*"))
    return {str(path.relative_to(checkout)) for path in files if path.is_file()}


@pytest.fixture(scope="module")
def built(checkout: Path, packaged: set[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with a wheel and a source distribution."""
    assert packaged
    for name in LEFT_BEHIND:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("{}")
    folder = tmp_path_factory.mktemp("built")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel"]

    done = subprocess.run(
        [*build, "-d", str(folder)], cwd=checkout, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return built / f"quantroute-{__version__}-py3-none-any.whl"


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as pip does."""
    folder = tmp_path_factory.mktemp("site")
    with ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A folder with nothing in it, to work in."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def quantroute(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command of the unpacked wheel, in `folder`, without extras."""
    return subprocess.run(
        [sys.executable, "-P", str(REPOSITORY / "tests" / "base_install.py"), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_has_every_file_of_the_packages_and_no_other(
    wheel: Path, packaged: set[str]
) -> None:
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert names == packaged
    assert {"serve_app/py.typed", "profiles/py.typed", "profiles/success/embedded.npz"} <= names


def test_the_source_distribution_has_every_file_of_the_packages_and_no_other(
    built: Path, packaged: set[str]
) -> None:
    with tarfile.open(built / f"quantroute-{__version__}.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {name for name in names if name.startswith(PACKAGES)} == packaged
    assert "pyproject.toml" in names


def test_every_command_has_its_help_in_an_empty_folder(site: Path, empty: Path) -> None:
    done = quantroute(site, empty, EVERY_HELP)

    assert done.returncode == 0, done.stderr
    for command in COMMANDS:
        assert f"quantroute {command}:\n" in done.stdout
    assert list(empty.iterdir()) == []


def test_the_version_is_the_wheels(site: Path, empty: Path) -> None:
    assert quantroute(site, empty, "--version").stdout == f"quantroute {__version__}\n"


def test_route_asks_a_running_fleet_from_an_empty_folder(site: Path, empty: Path) -> None:
    with serving(an_app(gateway_under_test())) as url:
        done = quantroute(site, empty, "route", "What is 2 + 3?", "--url", url, "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["chosen"] == "cheap"


def test_the_shipped_profiles_are_published_from_an_empty_folder(site: Path, empty: Path) -> None:
    measured = site / "profiles" / "data"

    done = quantroute(site, empty, "publish", str(measured), "--store", "store")

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("active: 1\n")
    assert (empty / "store" / "active.json").is_file()
    assert not (measured / "active.json").exists()


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [
        (("report", "profiles"), "matplotlib", "offline"),
        (("bench", "ttft"), "aiohttp", "serve"),
        (("train", "outcomes.jsonl", "--out", "model.npz"), "sklearn", "offline"),
    ],
)
def test_a_command_whose_extra_is_missing_names_what_to_install(
    site: Path, empty: Path, command: tuple[str, ...], module: str, extra: str
) -> None:
    done = quantroute(site, empty, *command)

    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"this command needs {module}, which is not installed; install it with: "
        f"pip install 'quantroute[{extra}]'"
    )
