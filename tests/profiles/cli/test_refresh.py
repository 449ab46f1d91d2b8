"""`quantroute refresh` and `quantroute profile --against`, with a pair that cannot be loaded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from profiles.cli import cli
from profiles.cli.profile import show_drift
from profiles.profiling.profiler import FleetRun, Written
from serve_app.core.catalog import Catalog
from serve_app.store.file_store import FileStore
from tests.builders import a_catalog, a_profile
from tests.catalogs import a_profile as a_small_profile
from tests.profiles.drift.broken_fleet import PAIR, write_broken_fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    return write_broken_fleet(tmp_path)


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def publish(folder: Path, *pairs: str) -> None:
    catalog = Catalog.of("x", [a_small_profile(pair) for pair in pairs])
    asyncio.run(FileStore(folder).publish(catalog, by="ci"))


def test_a_pair_that_cannot_be_measured_stays_active_and_is_reported(
    fleet: Path, tmp_path: Path
) -> None:
    publish(tmp_path / "store", PAIR)
    out = tmp_path / "out"

    refreshed = run("refresh", "--fleet", fleet, "--out", out)

    assert refreshed.exit_code == 1, refreshed.output
    assert f"{PAIR}: not measured: the engine of '{PAIR}' did not load" in refreshed.stdout
    assert "active: version 1" in refreshed.stdout
    told = json.loads((out / "refresh.json").read_text())
    assert (told["against"], told["version"]) == ("1", None)
    assert told["pairs"][0]["action"] == "not measured"
    assert f"| {PAIR} | not measured |" in (out / "refresh.md").read_text()
    assert PAIR in (out / "report" / "report.html").read_text()


def test_a_store_that_is_down_leaves_the_command_that_publishes_what_was_measured(
    fleet: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    failed = run("refresh", "--fleet", fleet, "--store", "redis://127.0.0.1:1/0", "--out", out)

    assert failed.exit_code == 1
    assert failed.stderr.endswith(
        f"with: quantroute publish {out / 'catalog'} --store redis://127.0.0.1:1/0 "
        f"--fleet {fleet}\n"
    )


def test_how_to_measure_is_checked_before_anything_is_started(fleet: Path) -> None:
    failed = run("refresh", "--fleet", fleet, "--concurrency", "one")

    assert failed.exit_code == 2
    assert "--concurrency 'one' should be whole numbers" in failed.stderr


def test_nothing_is_measured_when_there_is_nothing_to_compare_with(
    fleet: Path, tmp_path: Path
) -> None:
    failed = run("profile", "--fleet", fleet, "--against", "active", "--raw", tmp_path / "raw")

    assert failed.exit_code == 1
    assert "there is nothing to compare with" in failed.stderr
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize(
    ("tpot_ms", "drifted", "told"),
    [
        (10.0, False, "pair-a: nothing moved against version 4"),
        (14.0, True, "pair-a: worse: TPOT p50 +40% at 1 at once with 128 prompt tokens"),
    ],
)
def test_what_moved_is_printed_and_left_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tpot_ms: float, drifted: bool, told: str
) -> None:
    measured = Written(path=tmp_path / "a.json", profile=a_profile(tpot_ms=tpot_ms))
    before = a_catalog(a_profile(), version="4")

    found = show_drift(before, FleetRun(written=(measured,), failed=()), tmp_path, as_json=False)

    assert found is drifted
    assert told in capsys.readouterr().out
    assert json.loads((tmp_path / "drift.json").read_text())["drifted"] is drifted


def test_beside_json_what_moved_goes_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_drift(a_catalog(version="4"), FleetRun(written=(), failed=()), tmp_path, as_json=True)

    said = capsys.readouterr()
    assert said.out == ""
    assert "drift.json" in said.err
