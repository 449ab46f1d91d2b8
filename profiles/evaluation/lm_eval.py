"""Standard benchmarks by name: lm-evaluation-harness as a process of its own against an engine.

Its tasks, prompts and metrics are its own; what is ours is one accuracy with an interval per name.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pydantic import JsonValue

from profiles.errors import ProfilingError
from profiles.evaluation.accuracy import task_accuracy
from profiles.processes import log_tail
from profiles.processes.process_group import process_group
from serve_app.core.profile import TaskAccuracy

MODULE = "lm_eval"
# The first of these that a task has is the share of its items answered right.
METRICS = ("acc_norm", "acc", "exact_match", "pass@1", "pass_at_1")
NOT_FOUND = "Tasks not found"
NO_DATA = ("Couldn't reach", "Couldn't find", "OfflineModeIsEnabled", "ConnectionError")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The running engine that is asked, and the folder of its tokenizer."""

    url: str
    model: str
    tokenizer: Path
    context_window: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOptions:
    """How benchmarks are run.

    `include_path` is a folder of a team's own task files. `limit` takes the first items of each
    task only. `chat_template` puts each prompt as a chat turn, which suits instructed models.
    """

    include_path: Path | None = None
    limit: int | None = None
    chat_template: bool = False
    concurrency: int = 8


class BenchmarkFailed(ProfilingError):
    """`cause` is one line on why `name` gave no accuracy."""

    def __init__(self, name: str, cause: str, log_path: Path) -> None:
        super().__init__(name, cause, log_path)
        self.name = name
        self.cause = cause
        self.log_path = log_path

    def __str__(self) -> str:
        return f"benchmark {self.name!r}: {self.cause}; its log: {self.log_path}"


class HarnessMissing(ProfilingError):
    """The optional part of the installation is not there."""

    def __str__(self) -> str:
        return (
            "lm-evaluation-harness is not installed, and benchmarks are run by it: "
            "pip install 'quantroute[harness]'"
        )


DEFAULT_OPTIONS = BenchmarkOptions()


async def run_benchmark(
    name: str,
    served: Served,
    folder: Path,
    options: BenchmarkOptions = DEFAULT_OPTIONS,
) -> TaskAccuracy:
    """The accuracy of a named task or group of tasks, a group's over all of its items.

    Configuration, log, results and every answer stay in a folder of that name below `folder`.
    Raises `BenchmarkFailed` and `HarnessMissing`.
    """
    if importlib.util.find_spec(MODULE) is None:
        raise HarnessMissing
    folder = folder / quote(name, "")
    # What an earlier run left would count as well.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config, log_path = folder / "config.json", folder / "harness.log"
    config.write_text(json.dumps(_config(name, served, folder, options), indent=2))
    argv = [sys.executable, "-m", MODULE, "run", "--config", str(config)]
    with log_path.open("wb") as log:
        async with process_group(argv, env={"TOKENIZERS_PARALLELISM": "false"}, log=log) as process:
            status = await process.wait()
    if status:
        raise BenchmarkFailed(name, _cause(log_path, options), log_path)
    try:
        return task_accuracy(read_scores(folder))
    except ValueError as exc:
        raise BenchmarkFailed(name, str(exc), log_path) from exc


def _config(
    name: str, served: Served, folder: Path, options: BenchmarkOptions
) -> dict[str, JsonValue]:
    """A file, since its command line cannot say paths with commas."""
    url = served.url.rstrip("/").removesuffix("/v1")
    return {
        # Likelihoods of given answers are asked for with token ids, which only this one can.
        "model": "local-completions",
        "model_args": {
            "base_url": f"{url}/v1/completions",
            "model": served.model,
            "tokenizer": str(served.tokenizer),
            "max_length": served.context_window,
            "num_concurrent": options.concurrency,
            "max_retries": 3,
        },
        "tasks": [name],
        "include_path": str(options.include_path) if options.include_path else None,
        "limit": options.limit,
        "apply_chat_template": options.chat_template,
        "output_path": str(folder),
        "log_samples": True,
    }


def _cause(log_path: Path, options: BenchmarkOptions) -> str:
    cause = log_tail.cause(log_path)
    if NOT_FOUND in cause:
        own = f"in {options.include_path}" if options.include_path else "in a folder of your own"
        return (
            f"no such task ({cause}); `{Path(sys.executable).name} -m {MODULE} ls tasks` lists "
            f"what lm-evaluation-harness has, other tasks are files {own}"
        )
    if any(sign in cause for sign in NO_DATA):
        return (
            f"its data cannot be downloaded ({cause}); fill the cache of `datasets` where there "
            f"is a hub, or write a task file over a local copy"
        )
    return cause


def read_scores(folder: Path) -> list[float]:
    """The score of every item in the samples below `folder`; `ValueError` where they have none."""
    scores: list[float] = []
    for file in sorted(folder.rglob("samples_*.jsonl")):
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
        # A task may read an answer in several ways: the one its authors put first counts.
        rows = [row for row in rows if row.get("filter") == rows[0].get("filter")]
        if not rows:
            continue
        metric = next((metric for metric in METRICS if metric in rows[0]), None)
        if metric is None:
            raise ValueError(
                f"it measures {', '.join(rows[0].get('metrics', ())) or 'nothing'}, of which none "
                f"is a share of right answers; those known here: {', '.join(METRICS)}"
            )
        for score in (row.get(metric) for row in rows):
            if not isinstance(score, int | float) or not 0 <= score <= 1:
                raise ValueError(f"{file.name}: {metric} of an item is {score!r}, not from 0 to 1")
            scores.append(float(score))
    if not scores:
        raise ValueError(f"lm-evaluation-harness left no samples in {folder}")
    return scores
