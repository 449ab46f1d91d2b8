"""A real pip: what its answers and its failures become."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest
from pip_runs import Pip, SetupError, condensed, isolated
from resolve import resolved

from tests.requirements.wheels import write_wheel


@pytest.fixture
def pip(tmp_path: Path) -> Pip:
    return Pip(environment=Path(sys.prefix), log=tmp_path / "pip.log", isolation=True)


@pytest.fixture
def index(tmp_path: Path) -> list[str]:
    """Options for a folder of packages instead of an index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    write_wheel(folder, "engine", "1.0", "kernels==3.7.1")
    write_wheel(folder, "kernels", "3.7.1")
    write_wheel(folder, "kernels", "3.9.0")
    return ["--no-index", f"--find-links={folder}"]


def test_a_dry_run_returns_the_versions_that_fit_together(pip: Pip, index: list[str]) -> None:
    assert resolved(pip, "3.11", [*index, "engine", "kernels"]) == {
        "engine": "1.0",
        "kernels": "3.7.1",
    }


def test_a_conflict_is_named_with_the_python_the_pip_and_what_to_do(
    pip: Pip, index: list[str], tmp_path: Path
) -> None:
    pins = tmp_path / "constraints.txt"
    pins.write_text("kernels==3.9.0\n")

    with pytest.raises(SetupError) as failed:
        resolved(pip, "3.11", [*index, "engine"], [pins])

    text = str(failed.value)
    assert "engine 1.0 depends on kernels==3.7.1" in text
    assert "The user requested (constraint) kernels==3.9.0" in text
    assert f"(python {'.'.join(platform.python_version_tuple()[:2])})" in text
    assert "Used: pip " in text
    assert "PIP_CONFIG_FILE=/dev/null" in text
    assert str(pip.log) in text


def test_a_package_that_the_index_lacks_is_named(pip: Pip, index: list[str]) -> None:
    with pytest.raises(SetupError, match=r"lacks a file[^:]*:\n.*absent==1"):
        pip.run("install", "--no-deps", *index, "absent==1")


def test_settings_that_change_what_is_found_are_named_without_their_values(
    tmp_path: Path, index: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://user:secret@127.0.0.1:9/simple")
    pip = Pip(environment=Path(sys.prefix), log=tmp_path / "pip.log")

    with pytest.raises(SetupError) as failed:
        pip.run("install", "--no-deps", *index, "absent==1")

    assert "extra-index-url" in str(failed.value)
    assert "secret" not in str(failed.value)


def test_isolation_drops_what_changes_the_answer_and_keeps_the_way_to_the_index() -> None:
    kept = isolated(
        {
            "HOME": "/home/me",
            "PIP_CERT": "/etc/ca.crt",
            "PIP_CONSTRAINT": "caps.txt",
            "PIP_FIND_LINKS": "/wheels",
            "PIP_PROXY": "http://127.0.0.1:3128",
        }
    )
    assert kept == {
        "HOME": "/home/me",
        "PIP_CERT": "/etc/ca.crt",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_PROXY": "http://127.0.0.1:3128",
    }


def test_a_log_shows_large_downloads_and_the_number_of_packages() -> None:
    lines = [
        "Collecting torch==2.13.0\n",
        "  Downloading torch-2.13.0%2Bcpu-cp311-none-linux_x86_64.whl (195.3 MB)\n",
        "  Downloading six-1.17.0-py2.py3-none-any.whl (11 kB)\n",
        "Installing collected packages: six, torch\n",
    ]
    shown = list(condensed(lines, terminal=False))
    assert shown == ["  downloading torch (195.3 MB)\n", "  installing 2 packages\n"]


def test_a_terminal_also_counts_the_packages_found() -> None:
    shown = list(condensed(["Collecting torch==2.13.0\n"], terminal=True))
    assert [line.split() for line in shown] == [["1", "packages", "found:", "torch==2.13.0"]]
    assert shown[0].endswith("\r")
