"""Two measurements of the same pairs, side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from profiles.bench.repeat import NothingToCompare, report, run
from profiles.profiling.profile_file import write_profile
from serve_app.core.profile import Grid, Profile
from tests.catalogs import a_profile


def keep(folder: Path, profile: Profile) -> Path:
    write_profile(folder / profile.model / f"{profile.pair}@CPU.json", profile)
    return folder


def slower(profile: Profile, factor: float) -> Profile:
    """The same with every time per token multiplied."""

    def scaled(grid: Grid) -> Grid:
        return tuple(tuple(cell * factor for cell in row) for row in grid)

    tpot = profile.latency.tpot_ms
    times = replace(tpot, p50=scaled(tpot.p50), p95=scaled(tpot.p95), p99=scaled(tpot.p99))
    return replace(profile, latency=replace(profile.latency, tpot_ms=times))


@pytest.mark.parametrize(("factor", "met"), [(1.0, True), (1.09, True), (0.89, False)])
def test_points_that_moved_by_more_than_a_tenth_miss_the_target(
    tmp_path: Path, factor: float, met: bool
) -> None:
    first = keep(tmp_path / "first", a_profile())
    second = keep(tmp_path / "second", slower(a_profile(), factor))

    result = run(first, second)

    assert result.met is met
    assert len(result.points) == 4
    assert result.points[0].tpot_change == pytest.approx(factor - 1)
    assert ("MISSED at 4 of 4 points" in report(result)) is not met


def test_folders_without_a_pair_in_common_are_refused(tmp_path: Path) -> None:
    first = keep(tmp_path / "first", a_profile("a"))
    second = keep(tmp_path / "second", a_profile("b"))

    with pytest.raises(NothingToCompare, match=r"profiles of \['a'\].* of \['b'\]"):
        run(first, second)


def test_another_grid_is_no_repetition(tmp_path: Path) -> None:
    wider = replace(a_profile().latency, prompt_tokens=(32, 512))
    first = keep(tmp_path / "first", a_profile())
    second = keep(tmp_path / "second", a_profile(latency=wider))

    with pytest.raises(NothingToCompare, match="profile both with the same grid"):
        run(first, second)
