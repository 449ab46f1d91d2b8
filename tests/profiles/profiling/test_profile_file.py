"""Profiles on disk, and who may write them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from profiles.errors import PairBusy
from profiles.profiling.profile_file import (
    machine,
    profile_path,
    read_profile,
    sole_profiler,
    write_profile,
)
from serve_app.core.errors import CatalogInvalid
from tests.profiles.samples import a_fitted_profile, a_pair


def test_a_profile_lies_under_its_model_named_by_pair_and_accelerator(tmp_path: Path) -> None:
    assert profile_path(tmp_path, a_pair("tiny-w8a8")) == tmp_path / "tiny" / "tiny-w8a8@CPU.json"


def test_a_written_profile_reads_back_the_same(tmp_path: Path) -> None:
    profile = a_fitted_profile()
    path = profile_path(tmp_path, a_pair())

    write_profile(path, profile)

    assert read_profile(path) == profile


def test_a_pair_that_was_never_profiled_has_no_profile(tmp_path: Path) -> None:
    assert read_profile(tmp_path / "none.json") is None


def test_a_damaged_profile_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"pair": "tiny')

    with pytest.raises(CatalogInvalid, match=r"half\.json"):
        read_profile(tmp_path / "half.json")


def test_a_second_profiler_of_a_pair_is_told_who_the_first_is(tmp_path: Path) -> None:
    path = tmp_path / "tiny" / "tiny-bf16@CPU.json"

    with (
        sole_profiler(path, "tiny-bf16"),
        pytest.raises(PairBusy, match=f"'tiny-bf16' is being profiled by process {os.getpid()}"),
        sole_profiler(path, "tiny-bf16"),
    ):
        pass


def test_a_pair_is_free_again_afterwards_and_nothing_stays_behind(tmp_path: Path) -> None:
    path = tmp_path / "tiny-bf16@CPU.json"

    for _ in range(2):
        with sole_profiler(path, "tiny-bf16"):
            pass

    assert list(tmp_path.iterdir()) == []


def test_the_lock_file_of_a_killed_profiler_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "tiny-bf16@CPU.json"
    (tmp_path / ".tiny-bf16@CPU.json.lock").write_text("4711\n")

    with sole_profiler(path, "tiny-bf16"):
        assert "4711" not in (tmp_path / ".tiny-bf16@CPU.json.lock").read_text()


def test_the_machine_is_named_with_what_a_figure_depends_on() -> None:
    named = machine("0.32.0")

    assert f"{os.cpu_count()} logical cores" in named
    assert "vLLM 0.32.0" in named
