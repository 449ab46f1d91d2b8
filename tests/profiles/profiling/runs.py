"""Profiling runs of a model that loads in seconds, and what they say of themselves."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from profiles.evaluation import Item, Message, Outcome
from profiles.profiling.engine import EngineSpec
from profiles.profiling.grid import Grid
from profiles.profiling.measure import PairPlan
from profiles.profiling.point import StopRule
from profiles.profiling.profiler import FleetRun, ProfilingPlan, profile_fleet
from profiles.profiling.progress import run_progress
from profiles.profiling.run_folder import RunFolder
from serve_app.core.profile import TaskAccuracy
from tests.profiles.samples import a_pair, a_spec, an_engine_record, outcomes

WINDOW = 2048
DIGEST = "d1gest"
ITEMS = tuple(
    Item(
        id=f"item-{number}",
        task="classification",
        messages=(Message(role="user", content=f"word{number} word{number + 1}"),),
        reference=f"word{number}",
        grader="contains",
        max_tokens=4,
    )
    for number in range(8)
)


def a_plan(folder: Path, *, resume: bool = False) -> ProfilingPlan:
    """Two places, two rounds each; the reference tokenizer is that of `tiny_spec`."""
    return ProfilingPlan(
        out=folder / "data",
        raw=folder / "raw",
        measured=PairPlan(
            items=ITEMS,
            items_digest=DIGEST,
            reference_tokenizer=folder / "checkpoint" / "tokenizer.json",
            grid=Grid(concurrency=(2,), prompt_tokens=(16, 1536), output_tokens=4),
            rule=StopRule(half_width=0.5, most_rounds=2),
        ),
        questions="questions.jsonl",
        command="quantroute profile",
        resume=resume,
    )


def tiny_spec(folder: Path) -> EngineSpec:
    """The pair `tiny-bf16` of the checkpoint in `folder`/checkpoint."""
    return EngineSpec(
        pair=a_pair("tiny-bf16", window=WINDOW),
        checkpoint=str(folder / "checkpoint"),
        # The CPU build's bfloat16 attention wants AMX, which not every machine grants.
        engine_kwargs={"max_model_len": WINDOW, "enforce_eager": True, "dtype": "float32"},
        env={
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "OMP_NUM_THREADS": "1",
            "VLLM_NO_USAGE_STATS": "1",
            "HF_HUB_OFFLINE": "1",
        },
    )


async def profiled(plan: ProfilingPlan, *specs: EngineSpec) -> tuple[FleetRun, str]:
    """The run, and what it showed."""
    shown = io.StringIO()
    with run_progress(len(specs), Console(file=shown)) as progress:
        return await profile_fleet(specs, plan, progress=progress), shown.getvalue()


def a_finished_run(
    folder: Path, plan: PairPlan, answers: tuple[Outcome, ...] = outcomes(1.0, 0.0)
) -> EngineSpec:
    """A whole run in `folder`, at 20 ms per token, and the spec of its pair; there is no engine."""
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir()
    (checkpoint / "model.safetensors").write_bytes(b"weights!")
    Tokenizer(WordLevel({"word": 0}, unk_token="word")).save(str(checkpoint / "tokenizer.json"))
    run = RunFolder(folder)
    run.write_engine(an_engine_record())
    run.write_outcomes(answers, items_digest=plan.items_digest)
    run.write_benchmarks({"gsm8k": TaskAccuracy(mean=0.4, lower=0.3, items=100)})
    for grid_point in plan.grid.grid_points(a_pair()):
        requests = plan.grid.load(grid_point, seed=0).requests
        for number in (1, 2):
            run.round_path(grid_point, number).write_text(
                a_result(requests, grid_point.prompt_tokens)
            )
    return replace(a_spec(), checkpoint=str(checkpoint))


def a_result(requests: int, prompt_tokens: int) -> str:
    """What the load generator writes of requests that all took the same."""
    ttft_s = 0.05 + prompt_tokens / 1e4
    return json.dumps(
        {
            "input_lens": [prompt_tokens] * requests,
            "output_lens": [4] * requests,
            "ttfts": [ttft_s] * requests,
            "latencies": [ttft_s + 0.06] * requests,
            "start_times": list(range(requests)),
            "errors": [""] * requests,
        }
    )
