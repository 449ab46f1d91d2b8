"""`quantroute validate`: what it takes, what it prints, how it ends."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from profiles.cli import cli
from serve_app.store.codec import decode_profile, encode_profile
from tests.builders import a_profile
from tests.profiles.validation.folders import int8, write_checkpoint

RUN = CliRunner()


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUANTROUTE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def a_cut_checkpoint(folder: Path) -> Path:
    file = write_checkpoint(folder, int8()) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    return folder


def a_fleet(tmp_path: Path) -> Path:
    """A pair whose checkpoint was cut off, and its parent."""

    def pair(name: str, bits: int, **more: str) -> dict[str, object]:
        return {
            "id": name,
            "model": "tiny",
            "checkpoint": str(tmp_path / name),
            "quantization": {
                "name": more.pop("claims"),
                "weight_bits": bits,
                "activations": "bf16",
            },
            "hardware": {"accelerator": "CPU", "count": 1, "usd_per_hour": 0.04},
            "context_window": 2048,
            "max_concurrency": 8,
            **more,
        }

    write_checkpoint(tmp_path / "whole")
    a_cut_checkpoint(tmp_path / "cut")
    args = {
        "pairs": [pair("whole", 16, claims="bf16"), pair("cut", 8, claims="w8a8", parent="whole")],
        "routing": {"reference_pair": "whole", "static_fallback": "whole"},
    }
    application = {"name": "q", "import_path": "serve_app.app:build_app", "args": args}
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(yaml.safe_dump({"applications": [application]}))
    return fleet


def test_a_checkpoint_that_was_cut_off_fails_with_what_to_do(tmp_path: Path) -> None:
    parent = write_checkpoint(tmp_path / "parent")

    ended = RUN.invoke(
        cli, ["validate", str(a_cut_checkpoint(tmp_path / "cut")), "--parent", str(parent)]
    )

    assert ended.exit_code == 1
    assert "FAIL  files: model.safetensors: its header promises" in ended.stdout
    assert "try: fetch or build the checkpoint again" in ended.stdout
    assert "fails 1 of 1 checks; its files fail already" in ended.stdout


def test_json_has_every_check(tmp_path: Path) -> None:
    parent = write_checkpoint(tmp_path / "parent")
    own = write_checkpoint(tmp_path / "own")

    ended = RUN.invoke(
        cli,
        ["validate", str(own), "--parent", str(parent), "--claims", "w8a8", "--json"],
    )

    assert ended.exit_code == 1
    told = json.loads(ended.stdout)
    assert (told["passed"], told["claim"], told["recorded"]) == (False, "w8a8", None)
    assert {"name", "passed", "seen", "allowed", "cause", "remedy"} == set(told["checks"][0])
    failed = {check["name"] for check in told["checks"] if not check["passed"]}
    assert failed == {"bits on disk", "layers on disk"}


def test_a_pair_has_its_parent_and_claim_in_the_fleet_and_its_verdict_in_its_profile(
    tmp_path: Path,
) -> None:
    fleet, data = a_fleet(tmp_path), tmp_path / "data"
    profile = data / "tiny" / "cut@CPU.json"
    profile.parent.mkdir(parents=True)
    profile.write_text(encode_profile(a_profile("cut", model="tiny")))

    asked = ["validate", "cut", "--fleet", str(fleet), "--profiles", str(data), "--json"]
    kept = RUN.invoke(cli, [*asked, "--no-record"])
    ended = RUN.invoke(cli, asked)

    assert (kept.exit_code, ended.exit_code) == (1, 1)
    assert json.loads(kept.stdout)["recorded"] is None
    told = json.loads(ended.stdout)
    assert (told["parent"], told["claim"], told["recorded"]) == ("whole", "w8a8", str(profile))
    golden = decode_profile(profile.read_text(), "profile").golden
    assert golden is not None
    assert not golden.passed
    assert golden.reason.startswith("files: model.safetensors")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing"], "'nothing' is no path that exists, and no pair of the fleet"),
        (["own", "--parent", "nothing"], "'nothing' is no path that exists"),
        (["own"], "'own' needs the checkpoint it was made from"),
        (["own", "--claims", "w8a8"], "name it with --parent"),
        (["own", "--claims", "int5"], "claim 'int5' is unknown; allowed: bf16, fp16"),
        (["own", "--claims", "bf16", "--thresholds", "none.yaml"], "No such file"),
        (["own", "--claims", "bf16", "--thresholds", "bad.yaml"], "kl: got 1"),
        (["empty", "--claims", "bf16"], "is no checkpoint: it has no config.json"),
        (["own", "--parent", "cut"], "is not whole: model.safetensors: its header promises"),
        (["own", "--fleet", "none.yaml"], "none.yaml: cannot be read"),
    ],
)
def test_what_cannot_be_judged_ends_with_two_and_says_why(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    write_checkpoint(tmp_path / "own")
    a_cut_checkpoint(tmp_path / "cut")
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.yaml").write_text("kl: 1")

    ended = RUN.invoke(cli, ["validate", *arguments, "--json"])

    assert ended.exit_code == 2
    assert told in ended.stderr
    assert told in json.loads(ended.stdout)["error"]


def test_an_unknown_pair_is_told_with_those_there_are(tmp_path: Path) -> None:
    ended = RUN.invoke(cli, ["validate", "w4a8", "--fleet", str(a_fleet(tmp_path))])

    assert ended.exit_code == 2
    assert "pairs: whole, cut" in ended.stderr


def test_an_engine_that_does_not_start_is_no_verdict(tmp_path: Path) -> None:
    fleet = yaml.safe_load(a_fleet(tmp_path).read_text())
    broken = tmp_path / "broken" / "vllm"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise RuntimeError('no such device')")
    pair = fleet["applications"][0]["args"]["pairs"][0]
    pair["env"] = {"PYTHONPATH": str(broken.parent)}
    (tmp_path / "fleet.yaml").write_text(yaml.safe_dump(fleet))

    ended = RUN.invoke(cli, ["validate", "whole", "--fleet", "fleet.yaml", "--json"])

    assert ended.exit_code == 2
    told = json.loads(ended.stdout)
    assert told["passed"] is None
    assert "no such device" in told["error"]
    assert list(tmp_path.glob("quantroute-validate-*/candidate.log"))


def test_logs_are_gone_once_there_is_a_verdict(tmp_path: Path) -> None:
    cut = a_cut_checkpoint(tmp_path / "cut")

    ended = RUN.invoke(cli, ["validate", str(cut), "--claims", "bf16"])

    assert ended.exit_code == 1
    assert not list(tmp_path.glob("quantroute-validate-*"))
