from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from profiles.bench.pasted_context import WAYS, report, run
from profiles.bench.prompts import PromptsUnusable
from profiles.cli import cli
from serve_app.core.request import Judgement, Prompt


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """Short questions, each another."""
    file = tmp_path / "prompts.jsonl"
    lines = [json.dumps({"prompt": f"Who was the mayor of town {n}?"}) for n in range(120)]
    file.write_text("\n".join(lines))
    return file


def test_short_questions_come_through_every_way_of_pasting(prompts: Path) -> None:
    result = run(prompts, pasted_tokens=2_000)
    assert result.ways.keys() == WAYS.keys()
    for shares in result.ways.values():
        assert (shares.found, shares.same_task, shares.same_difficulty) == (1.0, 1.0, 1.0)


def test_a_judge_that_reads_the_whole_text_is_found_out(prompts: Path) -> None:
    def counting(prompt: Prompt) -> Judgement:
        return Judgement(
            task="code" if len(prompt.asked) > 1_000 else "reasoning",
            task_confidence=1.0,
            difficulty=min(1.0, len(prompt.asked) / 10_000),
            output_tokens_p50=1,
            output_tokens_p95=1,
            numeric_share=0.0,
            origin="test",
        )

    for shares in run(prompts, pasted_tokens=2_000, judged=counting).ways.values():
        assert (shares.same_task, shares.same_difficulty) == (0.0, 0.0)


def test_the_report_has_a_line_for_each_way(prompts: Path) -> None:
    said = report(run(prompts, pasted_tokens=1_000))
    assert "120 prompts, each beside 1000 tokens of others" in said
    assert all(way in said for way in WAYS)


def test_too_few_prompts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"prompt": "Who?"}\n' * 200)
    with pytest.raises(PromptsUnusable, match="has 1 different prompts: 100 or more"):
        run(tmp_path / "a.jsonl", pasted_tokens=1_000)


def test_the_command_prints_shares_and_refuses_what_it_cannot_read(prompts: Path) -> None:
    ran = CliRunner().invoke(cli, ["bench", "pasted-context", str(prompts), "--json"])
    assert json.loads(ran.output)["ways"]["tags, context first"]["found"] == 1.0
    ran = CliRunner().invoke(cli, ["bench", "pasted-context", str(prompts.with_name("no.jsonl"))])
    assert ran.exit_code == 1
    assert "no.jsonl" in ran.output
