"""The script that makes `.venv`: what it refuses and what it shows."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.paths import REPOSITORY

PINNED = re.compile(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.!]*")
CONSTRAINTS = ("constraints.txt", "profiles/checkpoints/quantize-constraints.txt")


@pytest.fixture(scope="module")
def install() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "install", REPOSITORY / "requirements" / "install.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("version", [(3, 9), (3, 10), (3, 14)])
def test_another_python_is_refused_with_the_ones_that_do(
    install: ModuleType, version: tuple[int, int]
) -> None:
    with pytest.raises(install.SetupError, match=r"3\.11, 3\.12 and 3\.13 can.*make PYTHON="):
        install.check_python(version)


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_the_three_supported_pythons_pass(install: ModuleType, version: tuple[int, int]) -> None:
    install.check_python(version)


def test_too_small_a_disk_is_refused_with_both_sizes(install: ModuleType) -> None:
    with pytest.raises(install.SetupError, match=r"/here has 1\.5 GB free.*needs 6\.0 GB"):
        install.check_space(Path("/here"), 6_000_000_000, 1_500_000_000)


def test_a_disk_that_filled_up_under_pip_is_named(install: ModuleType) -> None:
    output = "ERROR: Could not install packages due to an OSError: No space left on device\n"
    assert "The disk filled up" in install.why_pip_failed(output)


def test_another_failure_of_pip_shows_its_last_lines(install: ModuleType) -> None:
    output = "\n".join(f"line {number}" for number in range(100))
    reason = install.why_pip_failed(output)
    assert "line 99" in reason
    assert "line 5\n" not in reason


def test_a_log_shows_large_downloads_and_the_number_of_packages(install: ModuleType) -> None:
    lines = [
        "Collecting torch==2.13.0\n",
        "  Downloading torch-2.13.0%2Bcpu-cp311-none-linux_x86_64.whl (195.3 MB)\n",
        "  Downloading six-1.17.0-py2.py3-none-any.whl (11 kB)\n",
        "Installing collected packages: six, torch\n",
    ]
    shown = list(install.condensed(lines, terminal=False))
    assert shown == ["  downloading torch (195.3 MB)\n", "  installing 2 packages\n"]


def test_a_terminal_also_counts_what_is_being_resolved(install: ModuleType) -> None:
    shown = list(install.condensed(["Collecting torch==2.13.0\n"], terminal=True))
    assert [line.split() for line in shown] == [["1", "packages", "found:", "torch==2.13.0"]]
    assert shown[0].endswith("\r")


@pytest.mark.parametrize("file", CONSTRAINTS)
def test_constraints_are_exact_and_name_no_place(file: str) -> None:
    lines = (REPOSITORY / file).read_text().splitlines()
    versions = [line for line in lines if not line.startswith("#")]
    assert [line for line in versions if not PINNED.fullmatch(line)] == []
    assert "torch==2.13.0" in versions


def test_the_packages_that_break_the_cpu_torch_are_left_out() -> None:
    requirements = REPOSITORY / "requirements" / "vllm-cpu.txt"
    for path in (requirements, REPOSITORY / "constraints.txt"):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        assert [line for line in lines if line.startswith(("torchvision", "torchaudio"))] == []
        assert [line for line in lines if line.startswith("torchcodec")] == []
