"""What moved against the active catalog, as people and programs read it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from profiles.drift.change import Tolerances
from profiles.drift.report import DriftReport, drift_lines, drift_report, write_drift
from serve_app.core.profile import Profile
from tests.builders import a_catalog, a_profile


def report(*measured: Profile) -> DriftReport:
    active = a_catalog(a_profile("a"), a_profile("b"), version="7")
    return drift_report(active, measured, Tolerances())


def test_what_moved_is_told_pair_by_pair() -> None:
    found = report(a_profile("b", cold_start_s=60), a_profile("a"), a_profile("new"))

    assert found.drifted
    assert list(drift_lines(found)) == [
        "a: nothing moved against version 7",
        "b: worse: cold start +100% (30 -> 60 s)",
        "new: not in version 7, so there is nothing to compare with",
    ]


def test_what_could_not_be_compared_is_told_and_is_no_drift() -> None:
    found = report(replace(a_profile("a"), engine_version="0.33.0"))

    assert not found.drifted
    assert list(drift_lines(found)) == [
        "a: nothing moved against version 7",
        "a: engine 0.32.0 -> 0.33.0",
    ]


def test_the_file_holds_every_figure(tmp_path: Path) -> None:
    path = write_drift(report(a_profile("a", tpot_ms=20)), tmp_path)

    told = json.loads(path.read_text())

    assert (told["against"], told["drifted"], told["unknown"]) == ("7", True, [])
    change = told["pairs"][0]["moves"][0]
    assert (change["quantity"], change["before"], change["after"]) == ("TPOT p50", 10, 20)
    assert (change["change"], change["direction"], change["demotes"]) == (1.0, "worse", True)
