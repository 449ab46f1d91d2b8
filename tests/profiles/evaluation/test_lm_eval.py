"""Benchmarks run by the real lm-evaluation-harness; data and tasks are written by the tests."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from profiles.evaluation.lm_eval import (
    BenchmarkFailed,
    BenchmarkOptions,
    HarnessMissing,
    read_scores,
    run_benchmark,
)
from tests.profiles.evaluation.team_tasks import Row, continuations, served
from tests.profiles.profiling.runs import WINDOW
from tests.profiles.tiny_model import save_tiny_model


def samples(folder: Path, *rows: Row, task: str = "colors") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps({"doc_id": number, "filter": "none", **row}) for number, row in enumerate(rows)
    ]
    (folder / f"samples_{task}_now.jsonl").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    save_tiny_model(folder / "checkpoint", window=WINDOW)
    return folder / "checkpoint"


@asynccontextmanager
async def failing_server() -> AsyncIterator[str]:
    """An engine that is out of memory for every request."""

    async def fail(request: Request) -> JSONResponse:
        return JSONResponse({"error": {"message": "out of memory"}}, status_code=500)

    app = Starlette(routes=[Route("/v1/completions", fail, methods=["POST"])])
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


def test_the_scores_of_all_tasks_of_a_group_count(tmp_path: Path) -> None:
    samples(tmp_path / "pair", {"acc": 1.0}, {"acc": 0.0}, task="colors")
    samples(tmp_path / "pair", {"exact_match": 1}, task="sums")
    assert read_scores(tmp_path) == [1.0, 0.0, 1.0]


def test_of_several_metrics_the_one_told_first_counts(tmp_path: Path) -> None:
    assert read_scores(samples(tmp_path, {"acc": 0.0, "acc_norm": 1.0})) == [1.0]


def test_of_several_readings_of_an_answer_the_first_counts(tmp_path: Path) -> None:
    strict = {"filter": "strict-match", "exact_match": 0.0}
    lenient = {"filter": "flexible-extract", "exact_match": 1.0}
    assert read_scores(samples(tmp_path, strict, strict, lenient, lenient)) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"metrics": ["bleu"], "bleu": 12.0}, "it measures bleu, of which none is a share"),
        ({}, "it measures nothing"),
        ({"exact_match": 87.5}, r"exact_match of an item is 87\.5, not from 0 to 1"),
        ({"acc": None}, "acc of an item is None"),
    ],
)
def test_what_is_no_share_of_right_answers_is_no_accuracy(
    tmp_path: Path, row: Row, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        read_scores(samples(tmp_path, row))


def test_no_samples_are_no_accuracy(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="left no samples"):
        read_scores(tmp_path)


async def test_an_installation_without_the_harness_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("profiles.evaluation.lm_eval.MODULE", "lm_eval_of_nobody")
    with pytest.raises(HarnessMissing, match=r"quantroute\[harness\]"):
        await run_benchmark("arc_easy", served(tmp_path), tmp_path)


async def test_a_task_that_nobody_has_is_named(tmp_path: Path, tokenizer: Path) -> None:
    with pytest.raises(BenchmarkFailed, match=r"'team_absent': no such task .* ls tasks"):
        await run_benchmark("team_absent", served(tokenizer), tmp_path)


async def test_data_that_cannot_be_downloaded_is_said_to_be_missing(
    tmp_path: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    with pytest.raises(
        BenchmarkFailed, match=r"'arc_easy': its data cannot be downloaded .*ai2_arc"
    ):
        await run_benchmark("arc_easy", served(tokenizer), tmp_path)


async def test_requests_that_fail_are_no_wrong_answers(tmp_path: Path, tokenizer: Path) -> None:
    continuations(tmp_path / "tasks", [{"question": "word1", "answer": "word2"}])
    options = BenchmarkOptions(include_path=tmp_path / "tasks", concurrency=1)
    async with failing_server() as url:
        with pytest.raises(BenchmarkFailed, match=r"'team_words': .*500"):
            await run_benchmark("team_words", served(tokenizer, url), tmp_path / "out", options)
