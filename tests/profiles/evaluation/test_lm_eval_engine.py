"""A team's benchmark, run by the real lm-evaluation-harness on a real engine."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

from profiles.evaluation.lm_eval import BenchmarkOptions, run_benchmark
from profiles.profiling.engine import Endpoint, running_engine
from tests.profiles.evaluation.team_tasks import choices, continuations, served
from tests.profiles.profiling.runs import WINDOW, tiny_spec
from tests.profiles.tiny_model import save_tiny_model


async def next_word(engine: Endpoint, question: str) -> str:
    body = {"model": engine.model, "prompt": question, "max_tokens": 1, "temperature": 0}
    async with httpx2.AsyncClient(base_url=engine.url, timeout=60) as client:
        response = await client.post("/v1/completions", json=body)
    return str(response.json()["choices"][0]["text"]).strip()


@pytest.mark.vllm
async def test_tasks_of_a_team_are_run_by_name_on_a_real_engine(
    tmp_path: Path,
) -> None:
    """Half of the items have for an answer what the engine itself says next."""
    questions = [f"word{number} word{number + 7} word{number + 3}" for number in range(6)]
    save_tiny_model(tmp_path / "checkpoint", window=WINDOW)
    spec = tiny_spec(tmp_path)
    async with running_engine(spec, tmp_path / "engine.log") as engine:
        said = [await next_word(engine, question) for question in questions]
        absent = next(f"word{number}" for number in range(9) if f"word{number}" not in said)
        right = [number % 2 == 0 for number in range(6)]
        continuations(
            tmp_path / "tasks",
            [
                {"question": question, "answer": word if true else absent}
                for question, word, true in zip(questions, said, right, strict=True)
            ],
        )
        choices(
            tmp_path / "tasks",
            [
                {"question": question, "choices": [absent, word], "answer": int(true)}
                for question, word, true in zip(questions, said, right, strict=True)
            ],
        )
        group = {"group": "team_both", "task": ["team_words", "team_choices"]}
        (tmp_path / "tasks" / "team_both.yaml").write_text(json.dumps(group))
        accuracy = await run_benchmark(
            "team_both",
            served(tmp_path / "checkpoint", engine.url),
            tmp_path / "out",
            BenchmarkOptions(include_path=tmp_path / "tasks", limit=5),
        )

    # Of each task's first five items, the first, third and fifth are right.
    assert (accuracy.items, accuracy.mean) == (10, 0.6)
