"""`quantroute report`: a page for a folder of profiles, or what keeps it from being written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer import Exit
from typer.testing import CliRunner, Result

from profiles.cli import cli
from profiles.cli.report import profiles_page
from serve_app.settings.config_file import read_config
from tests.builders import a_profile
from tests.catalogs import write_profile
from tests.paths import REPOSITORY


def report(*options: object) -> Result:
    return CliRunner().invoke(cli, ["report", *(str(option) for option in options)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    profiles = tmp_path / "profiles"
    write_profile(profiles, a_profile("pair-a"))
    return profiles


def test_json_names_the_files_that_were_written(folder: Path, tmp_path: Path) -> None:
    fleet = REPOSITORY / "serve_config.yaml"

    result = report(folder, "--fleet", fleet, "--out", tmp_path / "out", "--json")

    answer = json.loads(result.stdout)
    assert result.exit_code == 0
    assert Path(answer["html"]).parent == tmp_path / "out"
    assert "fleet's own weights decide" in Path(answer["html"]).read_text()
    assert all(Path(png).exists() for png in answer["pngs"])


def test_without_any_fleet_the_cheapest_pair_wins_and_the_page_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = report(folder)

    page = tmp_path / "build" / "report" / "report.html"
    assert str(page.relative_to(tmp_path)) in result.stdout
    assert "1 pair" in result.stdout
    assert "No fleet was given" in page.read_text()


def test_a_fleet_that_was_named_and_is_not_there_stops_it(folder: Path, tmp_path: Path) -> None:
    result = report(folder, "--fleet", tmp_path / "fleet.yaml", "--out", tmp_path / "out")

    assert result.exit_code == 2
    assert "fleet.yaml" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_without_profiles_says_what_to_do(tmp_path: Path) -> None:
    result = report(tmp_path, "--out", tmp_path / "out")

    assert result.exit_code == 1
    assert "measure some" in result.stderr


def test_a_place_that_cannot_be_written_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    result = report(folder, "--out", tmp_path / "file" / "out")

    assert result.exit_code == 1
    assert str(tmp_path / "file") in result.stderr


def test_a_run_reports_on_its_profile_files_whatever_was_published_beside_them(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "active.json").write_text("{}")
    routing = read_config(REPOSITORY / "serve_config.yaml").args.routing

    page = profiles_page(folder, tmp_path / "out", routing)

    assert "pair-a" in page.read_text()


def test_profiles_that_cannot_be_reported_on_are_written_all_the_same(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("a file where the report should go")
    routing = read_config(REPOSITORY / "serve_config.yaml").args.routing

    with pytest.raises(Exit):
        profiles_page(folder, tmp_path / "out", routing)

    assert "the profiles are written, but the report is not" in capsys.readouterr().err
