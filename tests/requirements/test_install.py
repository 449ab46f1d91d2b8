"""The script that makes `.venv`: what it refuses, and which files it installs."""

from __future__ import annotations

import re
from pathlib import Path

import install
import pytest
from pip_runs import SetupError
from resolve import BREAKS_CPU_TORCH, PYTHONS, UNUSED_ON_A_CPU, name_of

from tests.paths import REPOSITORY

VERSION = r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.!]*"
ONE_PYTHON = r'python_version == "3\.1[123]"'
PINNED = re.compile(rf"{VERSION}(?: ; {ONE_PYTHON}(?: or {ONE_PYTHON})?)?")
QUANTIZATION = REPOSITORY / "profiles" / "checkpoints" / "quantize-constraints.txt"
FILES = (install.CONSTRAINTS, install.CUDA, QUANTIZATION)


def lines_of(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("version", [(3, 9), (3, 10), (3, 14)])
def test_an_unsupported_python_is_refused_and_the_supported_ones_are_named(
    version: tuple[int, int],
) -> None:
    with pytest.raises(SetupError, match=r"3\.11, 3\.12 and 3\.13 can.*make PYTHON="):
        install.check_python(version)


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_supported_pythons_pass(version: tuple[int, int]) -> None:
    install.check_python(version)


@pytest.mark.parametrize("machine", [("Darwin", "arm64"), ("Linux", "aarch64")])
def test_an_unsupported_machine_is_refused_by_name(machine: tuple[str, str]) -> None:
    with pytest.raises(SetupError, match=rf"{machine[0]} on {machine[1]}.*Linux on x86-64"):
        install.check_machine(*machine)


def test_a_disk_that_is_too_small_is_refused_with_both_sizes() -> None:
    with pytest.raises(SetupError, match=r"/here has 1\.5 GB free.*needs 6\.0 GB"):
        install.check_space(Path("/here"), 6_000_000_000, 1_500_000_000)


def test_downloads_on_the_same_disk_count_too(tmp_path: Path) -> None:
    huge = install.Build("huge", download_gb=1e9, installed_gb=0)
    with pytest.raises(SetupError, match=r"needs 1000000000\.0 GB"):
        install.check_disk(huge, environment=tmp_path, downloads=tmp_path)


def test_the_standard_build_is_said_to_take_more_than_the_cpu_build() -> None:
    cpu, standard = install.CPU_BUILD, install.STANDARD_BUILD
    assert standard.download_gb > cpu.download_gb
    assert standard.installed_gb > cpu.installed_gb


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_versions_are_exact_and_no_address_is_named(file: Path) -> None:
    assert [line for line in lines_of(file) if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
@pytest.mark.parametrize("python", PYTHONS)
def test_each_package_has_one_version_for_each_python(file: Path, python: str) -> None:
    for_it = [line for line in lines_of(file) if ";" not in line or f'"{python}"' in line]
    names = [name_of(line) for line in for_it]
    assert len(names) == len(set(names))


def test_torch_is_pinned_without_a_build() -> None:
    assert install.pinned("torch") == "torch==2.13.0"


def test_packages_that_break_torch_or_that_nothing_loads_are_left_out() -> None:
    left_out = BREAKS_CPU_TORCH | UNUSED_ON_A_CPU
    for file in FILES:
        assert {name_of(line) for line in lines_of(file)} & left_out == set(), file.name


def test_cuda_libraries_are_apart_so_that_a_cpu_build_brings_none() -> None:
    apart = {name_of(line) for line in lines_of(install.CUDA)}
    main = {name_of(line) for line in lines_of(install.CONSTRAINTS)}
    assert all(name.startswith("nvidia-") for name in apart)
    assert {name for name in main if name.startswith("nvidia-")} == {"nvidia-ml-py"}


def test_the_stamp_of_another_python_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = tmp_path / ".installed"
    monkeypatch.setattr(install, "STAMP", stamp)
    assert install.installed() is None
    python, digest = install.wanted()
    stamp.write_text(f"3.0.0 {digest}\n")
    assert install.installed() == ("3.0.0", digest)
    assert install.installed() != install.wanted()
    stamp.write_text(f"{python} {digest}\n")
    assert install.installed() == install.wanted()
