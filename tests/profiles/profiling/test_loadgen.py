"""The load generator's arguments and results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from profiles.errors import LoadGeneratorFailed, MeasurementUnusable
from profiles.profiling.loadgen import left_out, load_argv, load_generator, read_round
from tests.profiles.samples import a_load


def a_result_file(
    folder: Path,
    *,
    prompt_tokens: int = 64,
    ttfts: Sequence[float] = (0.05, 0.06, 0.07),
    start_times: Sequence[float] = (12.0, 10.0, 11.0),
    errors: Sequence[str] = (),
) -> Path:
    """Requests of 11 output tokens at 20, 30, 40 ms ..., as the load generator writes them."""
    path = folder / "result.json"
    result = {
        "backend": "openai",
        "duration": 3.2,
        "input_lens": [prompt_tokens] * len(ttfts),
        "output_lens": [11] * len(ttfts),
        "ttfts": ttfts,
        "itls": [[0.02]] * len(ttfts),
        "latencies": [ttft + 0.2 + 0.1 * index for index, ttft in enumerate(ttfts)],
        "start_times": start_times,
        "errors": errors or [""] * len(ttfts),
    }
    path.write_text(json.dumps(result))
    return path


def test_a_round_has_each_requests_times_in_milliseconds(tmp_path: Path) -> None:
    round_ = read_round(a_result_file(tmp_path), a_load())

    assert sorted(round_.ttft_ms) == pytest.approx([50, 60, 70])
    assert sorted(round_.tpot_ms) == pytest.approx([20, 30, 40])
    assert sorted(round_.e2e_ms) == pytest.approx([250, 360, 470])
    assert round_.output_tokens == (11, 11, 11)


def test_the_requests_that_start_together_or_last_are_left_out(tmp_path: Path) -> None:
    """In order of their start: 60, 70, 50 ms."""
    load = a_load(concurrency=2, requests=5)
    starts = (12.0, 10.0, 11.0, 14.0, 13.0)
    path = a_result_file(tmp_path, ttfts=(0.05, 0.06, 0.07, 0.08, 0.09), start_times=starts)

    assert read_round(path, load).ttft_ms == pytest.approx((50, 90))


def test_so_many_requests_more_are_asked_than_are_left_out(tmp_path: Path) -> None:
    times = tuple(float(number) for number in range(20))
    path = a_result_file(tmp_path, ttfts=(0.05,) * 20, start_times=times)

    round_ = read_round(path, a_load(concurrency=6, requests=20))

    assert len(round_.ttft_ms) == 20 - left_out(6)


def test_failed_requests_spoil_a_round(tmp_path: Path) -> None:
    failing = a_result_file(tmp_path, errors=("", "Traceback:\n  ...\nConnectionReset: peer", ""))

    with pytest.raises(MeasurementUnusable, match=r"1 requests failed at .*ConnectionReset: peer'"):
        read_round(failing, a_load())


def test_a_few_tokens_more_or_fewer_in_a_prompt_pass(tmp_path: Path) -> None:
    round_ = read_round(a_result_file(tmp_path, prompt_tokens=63), a_load(prompt_tokens=64))

    assert len(round_.ttft_ms) == 3


def test_prompts_of_another_length_than_asked_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MeasurementUnusable, match="have 90 tokens, not 64"):
        read_round(a_result_file(tmp_path, prompt_tokens=90), a_load(prompt_tokens=64))


def test_a_missing_result_is_named(tmp_path: Path) -> None:
    with pytest.raises(MeasurementUnusable, match=r"gone\.json holds no result"):
        read_round(tmp_path / "gone.json", a_load())


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
