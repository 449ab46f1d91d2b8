"""The demonstration against the HTTP application, with fake engines below it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from profiles.cli import cli
from profiles.cli.demo import REQUESTS
from profiles.demo.requests import RequestsInvalid, read_requests
from profiles.demo.run import Reply, Row
from profiles.demo.table import summary
from serve_app.core.errors import EngineFailed
from serve_app.testing import Script
from tests.api.apps import an_app
from tests.gateways import SETTINGS, gateway_under_test
from tests.http_server import serving

RIGHT, WRONG = ("43",), ("4", "4")
LINE = {
    "id": "one",
    "title": "sum",
    "task": "reasoning",
    "prompt": "What is 17 + 26?",
    "reference": "43",
    "grader": "number",
    "routing": {},
}


def a_file(folder: Path, *lines: dict[str, Any]) -> Path:
    file = folder / "requests.jsonl"
    file.write_text("".join(json.dumps({**LINE, **line}) + "\n" for line in lines))
    return file


@pytest.fixture
def url() -> Iterator[str]:
    """A fleet whose cheap pair is right and whose largest pair is wrong."""
    scripts = {"cheap": Script(tokens=RIGHT), "dear": Script(tokens=WRONG)}
    with serving(an_app(gateway_under_test(scripts))) as address:
        yield address


def ran(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["demo", *arguments], env={"COLUMNS": "160"})


def test_every_request_is_sent_routed_and_to_the_largest_pair(url: str, tmp_path: Path) -> None:
    file = a_file(tmp_path, {"id": "one"}, {"id": "two", "routing": {"preset": "batch"}})

    done = ran("--url", url, "--requests", str(file), "--json")

    report = json.loads(done.stdout)
    assert done.exit_code == 0, done.output
    assert report["largest"] == SETTINGS.reference_pair == "dear"
    assert [each["id"] for each in report["requests"]] == ["one", "two"]
    for each in report["requests"]:
        assert (each["routed"]["pair"], each["routed"]["right"]) == ("cheap", True)
        assert (each["largest"]["pair"], each["largest"]["right"]) == ("dear", False)
        assert each["routed"]["predicted_ms"] > 0
        assert 0 < each["routed"]["cost_usd"] < each["largest"]["cost_usd"]


def test_the_table_shows_constraints_reason_and_grades_and_a_line_sums_up(
    url: str, tmp_path: Path
) -> None:
    file = a_file(tmp_path, {"routing": {"max_cost_usd": 0.5}})

    done = ran("--url", url, "--requests", str(file))

    assert done.exit_code == 0, done.output
    for shown in ("max_cost_usd=0.5", "What is 17 + 26?", "cheap", "right", "wrong"):
        assert shown in done.output
    words = " ".join(done.output.split())
    assert "highest utility of" in words
    assert "next is" not in words
    assert "Routed: 1 of 1 right" in done.output
    assert "Everything to dear: 0 of 1 right" in done.output


def test_requests_of_a_group_are_one_row(url: str, tmp_path: Path) -> None:
    file = a_file(tmp_path, *({"id": f"{n}", "group": "burst"} for n in range(4)))

    done = ran("--url", url, "--requests", str(file))

    assert "4 at once" in done.output
    assert "4 of 4 right" in done.output


def test_a_refused_request_shows_the_routers_reason(url: str, tmp_path: Path) -> None:
    file = a_file(tmp_path, {"routing": {"min_accuracy": 7}})

    done = ran("--url", url, "--requests", str(file), "--json")

    (asked,) = json.loads(done.stdout)["requests"]
    assert asked["routed"]["pair"] is None
    assert asked["routed"]["error"].startswith("400: ")


def test_a_failing_fleet_is_shown_and_not_hidden(tmp_path: Path) -> None:
    broken = Script(error=EngineFailed("cheap", "died"))
    under_test = gateway_under_test({"cheap": broken, "dear": broken})
    with serving(an_app(under_test)) as address:
        done = ran("--url", address, "--requests", str(a_file(tmp_path, {})), "--json")

    (asked,) = json.loads(done.stdout)["requests"]
    assert done.exit_code == 0
    assert asked["routed"]["error"]


def test_without_a_router_the_command_tells_how_to_start_one(tmp_path: Path) -> None:
    done = ran("--url", "http://127.0.0.1:9", "--requests", str(a_file(tmp_path, {})))

    assert done.exit_code == 1
    assert "start one with `make serve`" in done.output


def test_something_else_at_the_address_is_not_taken_for_a_router(tmp_path: Path) -> None:
    from starlette.applications import Starlette

    with serving(Starlette()) as address:
        done = ran("--url", address, "--requests", str(a_file(tmp_path, {})))

    assert done.exit_code == 1
    assert "is no quantroute router" in done.output


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"grader": "number", "reference": "many"}, "line 1: "),
        ({"routing": "fast"}, "line 1: routing"),
        ({"hurry": True}, "line 1: hurry"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: dict[str, Any], problem: str) -> None:
    with pytest.raises(RequestsInvalid, match=problem):
        read_requests(a_file(tmp_path, line))


def test_the_requests_that_ship_differ_in_task_and_constraints_and_have_a_burst() -> None:
    groups = read_requests(REQUESTS)

    assert len(groups) >= 12
    assert len({group[0].task for group in groups}) >= 4
    assert {name for group in groups for name in group[0].routing} >= {
        "min_accuracy",
        "max_cost_usd",
        "latency_budget_ms",
        "preset",
    }
    assert any(len(group) > 1 for group in groups)


def test_no_shipped_request_is_among_the_questions_that_models_learn_from() -> None:
    starter = (REQUESTS.parent.parent / "golden" / "starter.jsonl").read_text()

    for group in read_requests(REQUESTS):
        for request in group:
            assert json.dumps(request.messages[-1].content)[1:-1] not in starter


def test_without_any_cost_no_share_is_made_up() -> None:
    request = read_requests(REQUESTS)[0][0]
    unknown = Reply(pair="a", total_ms=1000.0)
    row = Row(requests=(request,), routed=(unknown,), largest=(unknown,))

    assert "of the cost" not in summary([row], "a")


async def test_a_router_that_went_away_gives_an_error_in_its_row() -> None:
    from profiles.demo.run import run

    groups = read_requests(REQUESTS)[:1]
    rows: list[Row] = []
    async with httpx2.AsyncClient(base_url="http://127.0.0.1:9") as client:
        await run(groups, client, largest="dear", show=rows.append)

    assert rows[0].routed[0].error is not None
