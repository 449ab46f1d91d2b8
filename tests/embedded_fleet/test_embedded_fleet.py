"""The shipped fleet, as `make serve` starts it: what a newcomer pastes gets a sensible answer."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from profiles.cli.demo import REQUESTS
from profiles.demo.requests import read_requests
from serve_app.classifier.model_file import load_artifact
from serve_app.classifier.success_model import ORIGIN
from serve_app.package_files import locate
from serve_app.settings.cpu import cpu_flags
from tests.paths import REPOSITORY
from tests.serving.running_fleet import Fleet, config_of, running_fleet

CONFIG = REPOSITORY / "serve_config.yaml"
ARGS = yaml.safe_load(CONFIG.read_text())["applications"][0]["args"]
PAIRS = {pair["id"] for pair in ARGS["pairs"]}
MODEL = Path(locate(ARGS["classifier"]["success_model"]))
MODEL_LARGEST_BYTES = 1_000_000
GIB = 2**30

on_a_fast_cpu = pytest.mark.skipif(
    "avx512_vnni" not in cpu_flags(),
    reason="an INT8 model of 0.5B parameters is too slow without AVX-512 VNNI",
)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("embedded")
    yield from running_fleet(config_of(CONFIG, folder, store={"url": str(folder / "store")}))


def test_the_success_model_knows_every_pair_and_learned_from_the_shipped_answers() -> None:
    header = load_artifact(MODEL).header
    shipped = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (REPOSITORY / "profiles" / "data").rglob("*.outcomes.jsonl")
    }
    assert set(header.pairs) == PAIRS
    assert header.data == shipped
    assert MODEL.stat().st_size < MODEL_LARGEST_BYTES


@pytest.mark.ray
@pytest.mark.vllm
@on_a_fast_cpu
def test_the_terminal_says_if_profiles_were_scaled_and_how_to_go_on(fleet: Fleet) -> None:
    """All pairs or none: on a busy machine single requests may not be worth scaling by."""
    said = "".join(fleet.output)
    scaled = [pair for pair in PAIRS if f"{pair}: profile scaled to this machine" in said]
    assert set(scaled) == PAIRS or "no profile was scaled" in said, said
    assert f"metrics: {fleet.url}/metrics" in said
    assert f"demo --url {fleet.url}" in said


@pytest.mark.ray
@pytest.mark.vllm
@on_a_fast_cpu
def test_the_printed_command_answers_sensibly_most_of_the_time(fleet: Fleet) -> None:
    (printed,) = re.findall(r"(curl -i .*?}')\n", "".join(fleet.output), re.DOTALL)
    command = ["-sS" if word == "-i" else word for word in shlex.split(printed) if word != "\n"]
    answers = [json.loads(_stdout(command)) for _ in range(5)]
    right = [answer for answer in answers if "5" in answer["choices"][0]["message"]["content"]]
    assert len(right) >= 4
    assert max(answer["usage"]["completion_tokens"] for answer in answers) <= 64


@pytest.mark.ray
@pytest.mark.vllm
@on_a_fast_cpu
def test_the_example_of_the_readme_prints_an_answer_with_its_reason(fleet: Fleet) -> None:
    (example,) = re.findall(
        r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL
    )
    assert "http://127.0.0.1:8000" in example
    there = example.replace("http://127.0.0.1:8000", fleet.url)
    answered, reason = _stdout([sys.executable, "-c", there]).strip().rsplit("\n", 1)
    assert answered.partition(" ")[0] in PAIRS
    assert any(pair in reason for pair in PAIRS)


@pytest.mark.ray
@pytest.mark.vllm
@on_a_fast_cpu
def test_the_demonstration_goes_to_more_than_one_pair_by_the_success_model(fleet: Fleet) -> None:
    decisions = [
        _routed(fleet, request.messages[0].content, request.routing)
        for group in read_requests(REQUESTS)
        for request in group
    ]
    classified = {decision["features"]["classification"]["origin"] for decision in decisions}
    assert ORIGIN in classified
    assert len({decision["chosen"] for decision in decisions}) > 1


@pytest.mark.ray
@pytest.mark.vllm
@on_a_fast_cpu
def test_the_fleet_takes_at_most_fourteen_gibibytes(fleet: Fleet) -> None:
    """Proportional set size: a page that n processes share counts 1/n in each of them."""
    taken_bytes = sum(_memory_bytes(process) for process in fleet.processes())
    assert GIB < taken_bytes < 14 * GIB


def _routed(fleet: Fleet, prompt: str, routing: Any) -> dict[str, Any]:
    body = {"model": "auto", "messages": [{"role": "user", "content": prompt}], "routing": routing}
    reply = fleet.post("/v1/route", body)
    assert reply.status_code == 200, reply.text
    decision: dict[str, Any] = reply.json()
    return decision


def _stdout(command: list[str]) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def _memory_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0
