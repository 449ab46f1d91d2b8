"""Load on one engine: `vllm bench serve` makes it, this turns its results into rounds.

Knows the load generator's arguments and its result file; not what the rounds are for.
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

from profiles.errors import LoadGeneratorFailed, MeasurementUnusable
from profiles.processes import log_tail
from profiles.processes.process_group import process_group
from profiles.profiling.point import Round

WORKER = Path(__file__).with_name("bench_worker.py")
# Answers of 16 to 48 tokens around a mean of 32. With one fixed length the requests of a closed
# loop end together and arrive together, and every first token waits for all other prompts.
OUTPUT_SPREAD = 0.5
# Random tokens do not always survive being written out and tokenized again.
PROMPT_TOLERANCE = 0.05
UNFINISHED = ".unfinished"
# From which the load generator takes the key of an endpoint.
KEY_VARIABLE = "OPENAI_API_KEY"


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


class BenchResult(BaseModel):
    """The part of the load generator's result that is read; times are seconds."""

    model_config = ConfigDict(frozen=True)

    input_lens: tuple[int, ...]
    output_lens: tuple[int, ...]
    ttfts: tuple[float, ...]
    latencies: tuple[float, ...]
    start_times: tuple[float, ...]
    errors: tuple[str, ...]


class LoadGenerator:
    """A load generator that has started and waits for its next load."""

    def __init__(
        self,
        process: Process,
        log_path: Path,
        *,
        url: str,
        model: str,
        tokenizer: Path,
        path: str = "/v1",
        chat_only: bool = False,
    ) -> None:
        self._process = process
        self._log_path = log_path
        self._path = path
        self._chat_only = chat_only
        self._target = ["--base-url", url, "--model", model, "--tokenizer", str(tokenizer)]

    async def run(self, load: Load, result_path: Path) -> Round:
        """Puts `load` on the engine; its raw result is at `result_path` once it is whole.

        Raises `LoadGeneratorFailed` or `MeasurementUnusable`, and then the result keeps a name that
        states it.
        """
        unfinished = result_path.with_name(result_path.name + UNFINISHED)
        argv = load_argv(load, unfinished, path=self._path, chat_only=self._chat_only)
        line = json.dumps([*self._target, *argv])
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{line}\n".encode())
            await self._process.stdin.drain()
        except ConnectionError as exc:
            raise LoadGeneratorFailed(log_tail.cause(self._log_path), self._log_path) from exc
        if await self._process.stdout.readline() != b"done\n":
            raise LoadGeneratorFailed(log_tail.cause(self._log_path), self._log_path)
        round_ = read_round(unfinished, load)
        unfinished.replace(result_path)
        return round_


@asynccontextmanager
async def load_generator(
    *,
    url: str,
    model: str,
    tokenizer: Path,
    env: Mapping[str, str],
    log_path: Path,
    path: str = "/v1",
    chat_only: bool = False,
    api_key: str | None = None,
) -> AsyncIterator[LoadGenerator]:
    """A load generator for the model at `url`, ended after the block."""
    argv = [sys.executable, str(WORKER)]
    if api_key is not None:
        env = {**env, KEY_VARIABLE: api_key}
    with log_path.open("wb") as log:
        async with process_group(argv, env=env, log=log, stdin=PIPE, stdout=PIPE) as process:
            yield LoadGenerator(
                process,
                log_path,
                url=url,
                model=model,
                tokenizer=tokenizer,
                path=path,
                chat_only=chat_only,
            )


def load_argv(
    load: Load, result_path: Path, *, path: str = "/v1", chat_only: bool = False
) -> list[str]:
    """The arguments of `vllm bench serve` that stand for one load.

    An endpoint with chat alone may end its answers before their length.
    """
    target = ["--backend", "openai", "--endpoint", f"{path}/completions", "--ignore-eos"]
    if chat_only:
        target = ["--backend", "openai-chat", "--endpoint", f"{path}/chat/completions"]
    return [
        *target,
        *("--dataset-name", "random", "--seed", str(load.seed)),
        *("--random-input-len", str(load.prompt_tokens)),
        *("--random-output-len", str(load.output_tokens)),
        *("--random-range-ratio", json.dumps({"input": 0, "output": OUTPUT_SPREAD})),
        *("--max-concurrency", str(load.concurrency), "--num-prompts", str(load.requests)),
        *("--temperature", "0", "--disable-tqdm"),
        *("--percentile-metrics", "ttft,tpot,itl,e2el", "--metric-percentiles", "50,95,99"),
        *("--save-result", "--save-detailed"),
        *("--result-dir", str(result_path.parent), "--result-filename", result_path.name),
    ]


def read_round(result_path: Path, load: Load) -> Round:
    """The samples in a result file.

    Raises `MeasurementUnusable` for one that is not whole, or in which requests failed.
    """
    try:
        result = BenchResult.model_validate_json(result_path.read_bytes())
    except (OSError, ValidationError) as exc:
        raise MeasurementUnusable(
            f"{result_path} holds no result of the load generator ({exc}); run the profile again"
        ) from exc
    _refuse_unlike(result, load, result_path)
    # Left out by their start and not by what they met, so that short answers are left out as often
    # as long ones.
    order = sorted(range(len(result.start_times)), key=result.start_times.__getitem__)
    steady = [
        index
        for index in order[_ramp_up(load.concurrency) : len(order) - load.concurrency // 2]
        if result.output_lens[index] > 1
    ]
    return Round(
        ttft_ms=tuple(result.ttfts[index] * 1e3 for index in steady),
        tpot_ms=tuple(
            (result.latencies[index] - result.ttfts[index]) * 1e3 / (result.output_lens[index] - 1)
            for index in steady
        ),
        e2e_ms=tuple(result.latencies[index] * 1e3 for index in steady),
        output_tokens=tuple(result.output_lens[index] for index in steady),
    )


def left_out(concurrency: int) -> int:
    """How many requests of a load give no sample.

    They are those of ramp-up, and the later half of the last wave: it runs in an engine that
    empties.
    """
    return _ramp_up(concurrency) + concurrency // 2


def _ramp_up(concurrency: int) -> int:
    """The first that run together: they met an empty engine, all at once."""
    return concurrency if concurrency > 1 else 0


def _refuse_unlike(result: BenchResult, load: Load, result_path: Path) -> None:
    failures = [error for error in result.errors if error]
    if failures:
        # The load generator keeps whole tracebacks.
        last_line = (failures[0].strip().splitlines() or [""])[-1][:200]
        raise MeasurementUnusable(
            f"{len(failures)} requests failed at concurrency {load.concurrency} with "
            f"{load.prompt_tokens}-token prompts, the first with {last_line!r}: see "
            f"the engine's log and {result_path}"
        )
    mean_prompt_tokens = fmean(result.input_lens)
    if abs(mean_prompt_tokens / load.prompt_tokens - 1) > PROMPT_TOLERANCE:
        raise MeasurementUnusable(
            f"the prompts in {result_path} have {mean_prompt_tokens:.0f} tokens, not "
            f"{load.prompt_tokens}: the tokenizer next to the checkpoint is not the engine's"
        )
