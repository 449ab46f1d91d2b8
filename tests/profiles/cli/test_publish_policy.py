"""`quantroute publish --policy` as a person types it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from profiles.cli import cli
from tests.catalogs import a_profile, write_profile
from tests.redis_server import RedisServer

FLEET = {
    "applications": [
        {
            "name": "quantroute",
            "import_path": "serve_app.app:build_app",
            "args": {
                "pairs": [
                    {
                        "id": pair,
                        "model": "small",
                        "checkpoint": "anything",
                        "quantization": {"name": "bf16", "weight_bits": 16, "activations": "bf16"},
                        "hardware": {"accelerator": "CPU", "count": 1, "usd_per_hour": 0.04},
                        "context_window": 4096,
                        "max_concurrency": 8,
                    }
                    for pair in ("a", "b")
                ],
                "routing": {"reference_pair": "a", "static_fallback": "a", "defaults": {}},
            },
        }
    ]
}


@pytest.fixture(autouse=True)
def _fleet_file_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("serve_config.yaml").write_text(yaml.safe_dump(FLEET))
    for pair in ("a", "b"):
        write_profile(Path("measured"), a_profile(pair))


@pytest.fixture(params=["folder", "redis"])
def store(request: pytest.FixtureRequest) -> str:
    if request.param == "folder":
        return "store"
    server: RedisServer = request.getfixturevalue("redis_server")
    return server.url


def publish(*options: object) -> Result:
    return CliRunner().invoke(cli, ["publish", *(str(option) for option in options)])


def a_policy(text: str) -> Path:
    path = Path("policy.yaml")
    path.write_text(text)
    return path


def test_a_policy_is_tried_published_listed_and_taken_back(store: str) -> None:
    assert publish("measured", "--store", store).exit_code == 0
    policy = a_policy("weights: {chat: {accuracy: 0.15, latency: 0.5, cost: 0.35}}")
    changes = (
        "policy: weights.chat.cost: 0.15 (fleet file) -> 0.35\n"
        "policy: weights.chat.latency: 0.7 (fleet file) -> 0.5\n"
    )

    tried = publish("--policy", policy, "--store", store, "--dry-run")
    done = publish("--policy", policy, "--store", store, "--note", "slower is fine")
    kept = publish("measured", "--store", store)
    again = publish("--store", store, "--rollback", "--to", "1")
    history = publish("--store", store, "--history").stdout.splitlines()

    assert tried.stdout == f"{changes}dry run: nothing was written\n"
    assert done.stdout == f"{changes}active: 2\n"
    assert kept.stdout == "nothing changes\nactive: 3\n"
    assert "policy: weights.chat.cost: 0.35 -> 0.15 (fleet file)" in again.stdout
    assert ["policy 2" in line for line in history] == [False, True, True, False]
    assert [line.split()[0] for line in history] == ["*", "3", "2", "1"]


def test_a_policy_goes_with_a_folder(store: str) -> None:
    done = publish(
        "measured", "--policy", a_policy("pairs: {b: {enabled: false}}"), "--store", store
    )

    assert done.exit_code == 0, done.output
    assert "a: added" in done.stdout
    assert "policy: pairs.b.enabled: on -> off\nactive: 1" in done.stdout


def test_a_wrong_policy_names_the_field_and_nothing_changes(store: str) -> None:
    publish("measured", "--store", store)

    unreadable = publish("--policy", a_policy("wieghts: {}"), "--store", store)
    unknown = publish("--policy", a_policy("pairs: {x: {enabled: false}}"), "--store", store)
    outage = publish("--policy", a_policy("pairs: {a: {enabled: false}}"), "--store", store)

    assert [done.exit_code for done in (unreadable, unknown, outage)] == [1, 1, 1]
    assert "policy in policy.yaml refused: wieghts: got {}" in unreadable.stderr
    assert "refused: policy: pairs: got 'x'; the fleet has 'a', 'b'" in unknown.stderr
    assert "refused: policy: static_fallback: got no pair of 'a' is on" in outage.stderr
    listed = json.loads(publish("--store", store, "--history", "--json").stdout)
    assert listed["active"] == "1"


def test_programs_read_the_changes(store: str) -> None:
    publish("measured", "--store", store)

    done = publish("--policy", a_policy("pairs: {b: {enabled: false}}"), "--store", store, "--json")

    document = json.loads(done.stdout)
    assert document["changes"] == ["policy: pairs.b.enabled: on -> off"]
    assert (document["version"], document["replaces"]) == ("2", "1")


def test_a_store_that_is_down_says_how_to_publish_later() -> None:
    done = publish("--policy", a_policy("{}"), "--store", "redis://127.0.0.1:1/0")

    later = shlex.join(
        ["quantroute", "publish", "--policy", "policy.yaml", "--store", "redis://127.0.0.1:1/0"]
    )
    assert done.exit_code == 1
    assert later in done.stderr


def test_a_file_that_is_not_there_is_an_error() -> None:
    done = publish("--policy", "gone.yaml", "--store", "store")

    assert done.exit_code == 1
    assert "gone.yaml" in done.stderr


@pytest.mark.parametrize("option", ["--rollback", "--history"])
def test_going_back_takes_no_policy(option: str) -> None:
    assert publish("--policy", a_policy("{}"), option).exit_code == 2
