"""Load on one engine: `vllm bench serve` makes it, this turns its results into points.

Knows the load generator's arguments and its result file; not what the points are for.
"""

from __future__ import annotations

import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from pydantic import BaseModel, ConfigDict, ValidationError

from profiles.failures import LoadGeneratorFailed, MeasurementUnusable
from profiles.measuring import logs
from profiles.measuring.processes import process_group

WORKER = Path(__file__).with_name("bench_worker.py")
# Answers of 16 to 48 tokens around a mean of 32. With one fixed length the requests of a closed
# loop end together and arrive together, and every first token waits for all other prompts.
OUTPUT_SPREAD = 0.5
# Random tokens do not always survive being written out and tokenized again.
PROMPT_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is asked of the engine at one point; `output_tokens` is a mean.

    `seed` draws the prompts: a seed used twice would find them in the prefix cache.
    """

    concurrency: int
    prompt_tokens: int
    output_tokens: int
    requests: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one load showed. A sample per request; ramp-up requests are left out.

    `tpot_ms` is a request's time after its first token over its tokens after the first.
    """

    concurrency: int
    prompt_tokens: int
    ttft_ms: tuple[float, ...]
    tpot_ms: tuple[float, ...]
    output_tokens_per_s: float
    failed_requests: int


class BenchResult(BaseModel):
    """The part of the load generator's result that is read; times are seconds."""

    model_config = ConfigDict(frozen=True)

    output_throughput: float
    input_lens: tuple[int, ...]
    output_lens: tuple[int, ...]
    ttfts: tuple[float, ...]
    latencies: tuple[float, ...]
    start_times: tuple[float, ...]
    errors: tuple[str, ...]


class LoadGenerator:
    """A load generator that has started and waits for its next load."""

    def __init__(
        self, process: Process, log_path: Path, *, url: str, model: str, tokenizer: Path
    ) -> None:
        self._process = process
        self._log_path = log_path
        self._target = ["--base-url", url, "--model", model, "--tokenizer", str(tokenizer)]

    async def run(self, load: Load, result_path: Path) -> Point:
        """Puts `load` on the engine; its raw result stays at `result_path`."""
        line = json.dumps([*self._target, *load_argv(load, result_path)])
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{line}\n".encode())
            await self._process.stdin.drain()
        except ConnectionError as exc:
            raise LoadGeneratorFailed(logs.cause(self._log_path), self._log_path) from exc
        if await self._process.stdout.readline() != b"done\n":
            raise LoadGeneratorFailed(logs.cause(self._log_path), self._log_path)
        return read_point(result_path, load)


@asynccontextmanager
async def load_generator(
    *, url: str, model: str, tokenizer: Path, env: Mapping[str, str], log_path: Path
) -> AsyncIterator[LoadGenerator]:
    """A load generator for the model at `url`, ended after the block."""
    argv = [sys.executable, str(WORKER)]
    with log_path.open("wb") as log:
        async with process_group(argv, env=env, log=log, stdin=PIPE, stdout=PIPE) as process:
            yield LoadGenerator(process, log_path, url=url, model=model, tokenizer=tokenizer)


def load_argv(load: Load, result_path: Path) -> list[str]:
    """The arguments of `vllm bench serve` that stand for one load."""
    return [
        *("--backend", "openai", "--endpoint", "/v1/completions"),
        *("--dataset-name", "random", "--seed", str(load.seed)),
        *("--random-input-len", str(load.prompt_tokens)),
        *("--random-output-len", str(load.output_tokens)),
        *("--random-range-ratio", json.dumps({"input": 0, "output": OUTPUT_SPREAD})),
        *("--max-concurrency", str(load.concurrency), "--num-prompts", str(load.requests)),
        *("--temperature", "0", "--ignore-eos", "--disable-tqdm"),
        *("--percentile-metrics", "ttft,tpot,itl,e2el", "--metric-percentiles", "50,95,99"),
        *("--save-result", "--save-detailed"),
        *("--result-dir", str(result_path.parent), "--result-filename", result_path.name),
    ]


def read_point(result_path: Path, load: Load) -> Point:
    """The samples in a result file. Raises `MeasurementUnusable` for one that is not whole."""
    try:
        result = BenchResult.model_validate_json(result_path.read_bytes())
    except (OSError, ValidationError) as exc:
        raise MeasurementUnusable(
            f"{result_path} holds no result of the load generator ({exc}); run the profile again"
        ) from exc
    mean_prompt_tokens = fmean(result.input_lens)
    if abs(mean_prompt_tokens / load.prompt_tokens - 1) > PROMPT_TOLERANCE:
        raise MeasurementUnusable(
            f"the prompts in {result_path} have {mean_prompt_tokens:.0f} tokens, not "
            f"{load.prompt_tokens}: the tokenizer beside the checkpoint is not the engine's"
        )
    answered = [
        index
        for index in _after_ramp_up(result, load)
        if not result.errors[index] and result.output_lens[index] > 1
    ]
    return Point(
        concurrency=load.concurrency,
        prompt_tokens=load.prompt_tokens,
        ttft_ms=tuple(result.ttfts[index] * 1e3 for index in answered),
        tpot_ms=tuple(_tpot_ms(result, index) for index in answered),
        output_tokens_per_s=result.output_throughput,
        failed_requests=sum(1 for error in result.errors if error),
    )


def _after_ramp_up(result: BenchResult, load: Load) -> list[int]:
    """All requests but the first that ran together: those met an empty engine, all at once."""
    order = sorted(range(len(result.start_times)), key=result.start_times.__getitem__)
    return order[load.concurrency if load.concurrency > 1 else 0 :]


def _tpot_ms(result: BenchResult, index: int) -> float:
    decoding_s = result.latencies[index] - result.ttfts[index]
    return decoding_s * 1e3 / (result.output_lens[index] - 1)
