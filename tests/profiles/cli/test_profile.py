"""`quantroute profile` from its options to what people and machines read."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from profiles.cli import cli
from profiles.profiling.profile_file import sole_profiler
from serve_app.settings.config_file import read_config
from serve_app.settings.cpu import cpu_flags, left_out
from tests.paths import SMOLLM2_FLEET, SMOLLM2_PROFILES

PAIR = "smollm2-135m-bf16"
TWO_ITEMS = """\
{"id": "one", "task": "code", "prompt": "1", "reference": "1", "grader": "exact"}
{"id": "two", "task": "code", "prompt": "2", "reference": "2", "grader": "exact"}
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """The embedded fleet, with a checkpoint that holds a tokenizer only and a vLLM that breaks."""
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    (checkpoint / "tokenizer.json").write_text("{}")
    broken = tmp_path / "broken" / "vllm"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise RuntimeError('no such device')")
    document = yaml.safe_load(SMOLLM2_FLEET.read_text())
    args = document["applications"][0]["args"]
    args["reference_tokenizer"] = str(checkpoint)
    for pair in args["pairs"]:
        pair["checkpoint"] = str(checkpoint)
        pair["env"] = {"PYTHONPATH": str(broken.parent)}
    path = tmp_path / "fleet.yaml"
    path.write_text(yaml.safe_dump(document))
    (tmp_path / "items.jsonl").write_text(TWO_ITEMS)
    return path


def ran(fleet: Path, *arguments: str, out: str = "data") -> Result:
    folder = fleet.parent
    places = {"fleet": fleet, "out": folder / out, "raw": folder / "raw"}
    options = [part for name, path in places.items() for part in (f"--{name}", str(path))]
    items = ["--items", str(folder / "items.jsonl")]
    return CliRunner().invoke(cli, ["profile", *arguments, *options, *items])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nobody"], "'nobody' is no pair of the fleet; pairs: smollm2-135m-bf16"),
        (["--url", "http://127.0.0.1:9"], "name the one pair that it serves"),
        (["--concurrency", "1,many"], "--concurrency '1,many' should be whole numbers"),
        (["--concurrency", "1,16"], "concurrency 16 is more than the 8 requests"),
        (["--prompt-tokens", "64"], "add a second one"),
        (["--prompt-tokens", "64,4000"], "window of 2048: measure shorter prompts"),
        (["--output-tokens", "1"], "no time between tokens"),
        (["--interval", "5"], "between 0 and 1"),
        (["--rounds", "1"], "give at least 2"),
        (["--benchmark-limit", "0"], "--benchmark-limit 0 leaves no items"),
        (["--utilization", "60"], "--utilization 60 is no share of the time"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_an_option_that_makes_no_sense_is_refused_before_anything_starts(
    fleet: Path, arguments: list[str], complaint: str
) -> None:
    result = ran(fleet, *arguments)

    assert result.exit_code == 2
    assert complaint in result.stderr
    assert not (fleet.parent / "raw").exists()


@pytest.mark.parametrize("out", ["profiles/data", "profiles/data/new", "profiles/../profiles/data"])
def test_profiles_are_not_written_where_routers_read_them_at_once(fleet: Path, out: str) -> None:
    refused = ran(fleet, PAIR, out=out)

    assert refused.exit_code == 2
    assert f"{out} is in the store of {fleet}, and no catalog was published there" in refused.stderr
    assert not (fleet.parent / "raw").exists()


def test_profiles_are_written_there_when_asked_for_or_after_a_publication(fleet: Path) -> None:
    asked = ran(fleet, PAIR, "--live", out="profiles/data")
    assert "RuntimeError: no such device" in asked.stderr

    store = fleet.parent / "profiles" / "data"
    quantroute_publish = ["publish", str(SMOLLM2_PROFILES), "--store", str(store)]
    published = CliRunner().invoke(cli, [*quantroute_publish, "--allow-mismatch"])
    assert published.exit_code == 0, published.output

    after = ran(fleet, PAIR, out="profiles/data")
    assert "RuntimeError: no such device" in after.stderr


def test_a_missing_field_of_a_question_is_named_with_its_line(fleet: Path) -> None:
    (fleet.parent / "items.jsonl").write_text('{"id": "one", "task": "code", "prompt": "1"}\n')

    result = ran(fleet)

    assert result.exit_code == 1
    assert "items.jsonl: line 1: " in result.stderr
    assert "reference: got nothing; this field is required" in result.stderr


def test_engines_that_do_not_load_end_in_one_line_per_cause_and_the_run_goes_on(
    fleet: Path,
) -> None:
    result = ran(fleet, "--json")

    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["written"] == []
    assert len(document["failed"]) == 3
    assert {failure["pair"] for failure in document["failed"]} >= {PAIR}
    cannot_run_here = left_out(read_config(fleet).args.pairs, cpu_flags())
    for failure in document["failed"]:
        cause = cannot_run_here.get(failure["pair"], "RuntimeError: no such device")
        assert cause in failure["cause"]
        assert "\n" not in failure["cause"]
        assert f"{failure['pair']}: {failure['cause']}" in result.stderr


def test_the_starter_questions_are_found_from_any_folder_and_results_stay_there(
    fleet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (fleet.parent / "elsewhere").mkdir()
    monkeypatch.chdir(fleet.parent / "elsewhere")

    result = CliRunner().invoke(cli, ["profile", PAIR, "--fleet", str(fleet), "--json"])

    (failure,) = json.loads(result.stdout)["failed"]
    assert "RuntimeError: no such device" in failure["cause"]
    assert [path.name for path in Path("profiles/raw").iterdir()] == [PAIR]


def test_the_second_profiler_of_a_pair_is_refused(fleet: Path) -> None:
    profile = fleet.parent / "data" / "smollm2-135m-instruct" / f"{PAIR}@CPU.json"

    with sole_profiler(profile, PAIR):
        result = ran(fleet, PAIR)

    assert result.exit_code == 1
    assert f"pair '{PAIR}' is being profiled by process" in result.stderr


def test_a_run_of_other_settings_is_not_gone_on_with(fleet: Path) -> None:
    assert ran(fleet, PAIR).exit_code == 1

    result = ran(fleet, PAIR, "--resume", "--prompt-tokens", "64,256")

    assert result.exit_code == 1
    assert "cannot go on: grid.places was" in result.stderr


def test_help_says_what_a_run_measures_and_how_it_goes_on() -> None:
    result = CliRunner().invoke(cli, ["profile", "--help"], env={"COLUMNS": "300"})

    assert result.exit_code == 0
    assert "after a crash or Ctrl-C, --resume goes on" in result.stdout


# Stands in for vLLM: says that it runs, then loads for ever.
LOADS_FOR_EVER = """
import os, socket, time
with socket.create_connection(("127.0.0.1", int(os.environ["TOLD"]))):
    time.sleep(600)
"""


def test_ctrl_c_says_how_to_go_on(fleet: Path) -> None:
    package = fleet.parent / "broken" / "vllm"
    (package / "__init__.py").write_text("")
    for name in ("entrypoints", "openai"):
        package /= name
        package.mkdir()
        (package / "__init__.py").touch()
    (package / "api_server.py").write_text(LOADS_FOR_EVER)
    folder = fleet.parent
    arguments = ["--raw", str(folder / "raw"), "--out", str(folder / "data")]
    arguments += ["--fleet", str(fleet), "--items", str(folder / "items.jsonl")]
    with socket.create_server(("127.0.0.1", 0)) as told:
        told.settimeout(120)
        run = subprocess.Popen(
            [sys.executable, "-c", "from profiles.cli import main; main()", "profile", *arguments],
            env={**os.environ, "TOLD": str(told.getsockname()[1])},
            stderr=subprocess.PIPE,
            text=True,
        )
        connection, _ = told.accept()
        connection.close()

    run.send_signal(signal.SIGINT)
    _, shown = run.communicate(timeout=120)

    assert run.returncode == 130
    assert "the same command with --resume goes on" in shown
