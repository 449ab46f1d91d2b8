"""The load generator's arguments and results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from profiles.failures import LoadGeneratorFailed, MeasurementUnusable
from profiles.measuring.loadgen import load_argv, load_generator, read_point
from tests.profiles.samples import a_load


def a_result_file(
    folder: Path, *, prompt_tokens: int = 64, errors: Sequence[str] = ("", "", "")
) -> Path:
    """Three requests of 11 output tokens, as the load generator writes them."""
    path = folder / "result.json"
    result = {
        "backend": "openai",
        "duration": 3.2,
        "completed": 3,
        "output_throughput": 10.3,
        "input_lens": [prompt_tokens] * 3,
        "output_lens": [11, 11, 11],
        "ttfts": [0.05, 0.06, 0.07],
        "itls": [[0.02], [0.02], [0.02]],
        "latencies": [0.25, 0.36, 0.47],
        "start_times": [12.0, 10.0, 11.0],
        "errors": list(errors),
    }
    path.write_text(json.dumps(result))
    return path


def test_a_point_has_each_requests_times_in_milliseconds(tmp_path: Path) -> None:
    point = read_point(a_result_file(tmp_path), a_load())

    assert sorted(point.ttft_ms) == pytest.approx([50, 60, 70])
    assert sorted(point.tpot_ms) == pytest.approx([20, 30, 40])
    assert point.output_tokens_per_s == 10.3
    assert point.failed_requests == 0


def test_the_requests_that_start_together_are_left_out(tmp_path: Path) -> None:
    point = read_point(a_result_file(tmp_path), a_load(concurrency=2))

    assert point.ttft_ms == pytest.approx((50,))


def test_failed_requests_are_counted_and_give_no_sample(tmp_path: Path) -> None:
    failing = a_result_file(tmp_path, errors=("", "connection reset", ""))

    point = read_point(failing, a_load())

    assert point.failed_requests == 1
    assert sorted(point.ttft_ms) == pytest.approx([50, 70])


def test_a_few_tokens_more_or_fewer_in_a_prompt_pass(tmp_path: Path) -> None:
    point = read_point(a_result_file(tmp_path, prompt_tokens=63), a_load(prompt_tokens=64))

    assert point.prompt_tokens == 64


def test_prompts_of_another_length_than_asked_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MeasurementUnusable, match="have 90 tokens, not 64"):
        read_point(a_result_file(tmp_path, prompt_tokens=90), a_load(prompt_tokens=64))


def test_a_missing_result_is_named(tmp_path: Path) -> None:
    with pytest.raises(MeasurementUnusable, match=r"gone\.json holds no result"):
        read_point(tmp_path / "gone.json", a_load())


def test_the_load_generator_is_told_the_load_and_where_to_write() -> None:
    argv = load_argv(a_load(concurrency=4, prompt_tokens=512, requests=36), Path("raw/c4.json"))

    given = dict(pairwise(argv))
    assert given["--max-concurrency"] == "4"
    assert given["--num-prompts"] == "36"
    assert given["--random-input-len"] == "512"
    assert given["--seed"] == "7"
    assert (given["--result-dir"], given["--result-filename"]) == ("raw", "c4.json")
    assert {"--ignore-eos", "--save-detailed"} <= set(argv)


async def test_a_load_generator_that_dies_says_why(tmp_path: Path) -> None:
    package = tmp_path / "broken" / "vllm"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('no such device')")

    async with load_generator(
        url="http://127.0.0.1:9",
        model="tiny",
        tokenizer=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "broken")},
        log_path=tmp_path / "loadgen.log",
    ) as generator:
        with pytest.raises(LoadGeneratorFailed, match="RuntimeError: no such device"):
            await generator.run(a_load(), tmp_path / "result.json")
