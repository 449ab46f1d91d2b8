"""`quantroute publish` as a person types it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from profiles.cli import cli
from serve_app.core.profile import GoldenResult, Hardware
from tests.catalogs import a_profile, write_profile
from tests.paths import REPOSITORY, SMOLLM2_FLEET, SMOLLM2_PROFILES
from tests.redis_server import RedisServer

NOBODY = "redis://user:secret@127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def _no_fleet_file_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory of a command that no fleet file concerns."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "profiles"
    write_profile(folder, a_profile("a"))
    return folder


@pytest.fixture(params=["folder", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "store")
    server: RedisServer = request.getfixturevalue("redis_server")
    return server.url


def publish(*options: object) -> Result:
    return CliRunner().invoke(cli, ["publish", *(str(option) for option in options)])


def test_a_catalog_is_published_listed_and_taken_back(folder: Path, store: str) -> None:
    first = publish(folder, "--store", store)
    assert first.exit_code == 0, first.output
    assert first.stdout.endswith("active: 1\n")

    write_profile(folder, replace(a_profile("a"), golden=GoldenResult(passed=False, reason="NaN")))
    changed = publish(folder, "--store", store, "--note", "after validation")
    assert changed.stdout == "a: now not eligible: NaN\nactive: 2\n"

    back = publish("--store", store, "--rollback")
    assert back.stdout.endswith("active: 3, what version 1 was\n")

    history = publish("--store", store, "--history").stdout.splitlines()
    assert [line.split()[0] for line in history] == ["*", "2", "1"]
    assert history[0].endswith("restores 1")
    assert history[1].endswith("after validation")


def test_the_history_is_json_when_asked_for(folder: Path, store: str) -> None:
    publish(folder, "--store", store)

    told = json.loads(publish("--store", store, "--history", "--json").stdout)

    (version,) = told["versions"]
    assert told["active"] == version["version"] == "1"
    assert version["pairs"] == ["a"]
    assert "@" in version["by"]


def test_a_store_without_publications_says_so(tmp_path: Path) -> None:
    assert "nothing was published" in publish("--store", tmp_path / "new", "--history").stdout


def test_a_dry_run_changes_nothing(folder: Path, store: str) -> None:
    publish(folder, "--store", store)
    write_profile(folder, a_profile("b"))

    dry = publish(folder, "--store", store, "--dry-run", "--json")

    told = json.loads(dry.stdout)
    assert told["version"] is None
    assert told["changes"][0].startswith("b: added")
    assert "b" not in publish("--store", store, "--history").stdout.split("@")[1]


def test_every_reason_is_told_and_nothing_is_published(folder: Path, store: str) -> None:
    free = Hardware(accelerator="CPU", count=1, usd_per_hour=0)
    write_profile(folder, a_profile("b", hardware=free))
    write_profile(folder, a_profile("c", hardware=free))

    refused = publish(folder, "--store", store)

    assert refused.exit_code == 1
    assert "refused: b: hardware.usd_per_hour: got 0 USD" in refused.stderr
    assert "refused: c: hardware.usd_per_hour: got 0 USD" in refused.stderr
    assert "nothing was published: 2 problems" in refused.stderr
    assert "nothing was published in this store" in publish("--store", store, "--history").stdout


def test_the_fleet_file_names_the_store_beside_it_and_the_floor(
    folder: Path, tmp_path: Path
) -> None:
    fleet = tmp_path / "fleet" / "serve_config.yaml"
    fleet.parent.mkdir()
    shipped = SMOLLM2_FLEET.read_text()
    fleet.write_text(shipped.replace("min_accuracy: 0.05", "min_accuracy: 0.99"))
    perfect = replace(a_profile("a").accuracy["overall"], mean=1.0, lower=0.96)
    write_profile(folder, a_profile("a", accuracy={"overall": perfect}))

    told = publish(folder, "--fleet", fleet, "--allow-mismatch")
    assert "a floor of 0.99 needs at least 381 items" in told.stderr

    published = publish(folder, "--fleet", fleet, "--floor", 0.5, "--allow-mismatch")
    assert published.stdout.endswith("active: 1\n")
    assert (fleet.parent / "profiles" / "data" / "active.json").exists()


def test_a_store_that_is_down_leaves_the_command_for_later_without_a_password(
    folder: Path,
) -> None:
    failed = publish(folder, "--store", NOBODY)

    assert failed.exit_code == 1
    assert failed.stderr.endswith(
        f"publish later with: quantroute publish {folder} "
        "--store redis://user:PASSWORD@127.0.0.1:1/0\n"
    )


def test_the_password_of_a_store_can_be_a_variable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = "redis://user:${STORE_PASSWORD}@127.0.0.1:1/0"

    missing = publish(folder, "--store", named)
    assert missing.exit_code == 1
    assert "${STORE_PASSWORD}: the variable is not set" in missing.stderr

    monkeypatch.setenv("STORE_PASSWORD", "hunter2")
    failed = publish(folder, "--store", named)
    assert "ConnectionError" in failed.stderr
    assert f"--store '{named}'" in failed.stderr
    assert "hunter2" not in failed.output


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--to", "3"], 2, "--to names the version that --rollback goes back to"),
        (["--history", "--rollback"], 2, "--history changes nothing"),
        (["--fleet", "nowhere.yaml"], 1, "nowhere.yaml: cannot be read"),
        (["--store", "s3://bucket"], 1, "no profile store at an address with 's3'"),
        (["nowhere", "--store", "."], 1, "has no profiles: measure some"),
    ],
)
def test_what_cannot_be_done_says_why(options: list[str], code: int, told: str) -> None:
    failed = publish(*options)

    assert failed.exit_code == code
    assert told in failed.stderr


def test_profiles_of_another_fleet_are_refused_unless_asked_for(
    folder: Path, store: str, tmp_path: Path
) -> None:
    (tmp_path / "serve_config.yaml").write_text(SMOLLM2_FLEET.read_text())

    refused = publish(folder, "--store", store)

    assert refused.exit_code == 1
    assert "refused: a: pair: got 'a'; the fleet file has 'smollm2-135m-bf16'" in refused.stderr
    assert "--allow-mismatch" in refused.stderr
    assert "nothing was published" in publish("--store", store, "--history").stdout

    published = publish(folder, "--store", store, "--allow-mismatch")
    assert published.stdout.endswith("active: 1\n")
    assert "warning: a: pair: got 'a'" in published.stderr


def test_a_rollback_only_warns_of_profiles_of_another_fleet(
    folder: Path, store: str, tmp_path: Path
) -> None:
    publish(folder, "--store", store)
    publish(SMOLLM2_PROFILES, "--store", store)
    (tmp_path / "serve_config.yaml").write_text(SMOLLM2_FLEET.read_text())

    back = publish("--store", store, "--rollback")

    assert back.stdout.endswith("active: 3, what version 1 was\n")
    assert "warning: a: pair: got 'a'" in back.stderr


def test_the_shipped_profiles_are_of_the_shipped_fleet(tmp_path: Path) -> None:
    published = publish(
        REPOSITORY / "profiles" / "data",
        *("--fleet", REPOSITORY / "serve_config.yaml", "--store", tmp_path / "store"),
    )

    assert published.exit_code == 0, published.output
