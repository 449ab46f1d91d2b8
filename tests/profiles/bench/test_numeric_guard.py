"""What the guard keeps off FP8, decided by the router's own rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Regex, pre_tokenizers

from profiles.bench.numeric_guard import fleet_with_fp8, report, run
from tests.word_tokenizer import write_tokenizer

PROSE = "Why does bread rise, and why does it fall again when the oven is opened too early?"
SOME_FIGURES = (
    "In 1998 the town had 3 bakers and 2 mills; how many bakers were there for each mill?"
)
FIGURES = "17 23 31 8 4 112 57 90 3 3 3 41 6 78 205 66"


@pytest.fixture
def digit_tokenizer(tmp_path: Path) -> Path:
    """A token for each digit, sign and word, the blank before it included."""
    cut = pre_tokenizers.Split(Regex(r"[0-9]| ?[A-Za-z]+|\s|[^\w\s]"), behavior="isolated")
    return write_tokenizer(tmp_path / "tokenizer.json", cut)


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    file = tmp_path / "asked.jsonl"
    prompts = [("prose", PROSE), ("prose", SOME_FIGURES), ("table", FIGURES)]
    lines = [json.dumps({"task": task, "prompt": prompt}) for task, prompt in prompts]
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def test_a_lower_threshold_keeps_more_off_and_costs_more(
    asked: Path, digit_tokenizer: Path
) -> None:
    low, high, none = run(asked, (0.05, 0.3, 1.0), digit_tokenizer).thresholds

    assert (low.kept_off, high.kept_off, none.kept_off) == (2, 1, 0)
    assert low.cost_change > high.cost_change > none.cost_change == 0


def test_each_task_has_its_own_count(asked: Path, digit_tokenizer: Path) -> None:
    (effect,) = run(asked, (0.3,), digit_tokenizer).thresholds

    kept = {task.task: (task.prompts, task.kept_off) for task in effect.tasks}
    assert kept == {"prose": (2, 0), "table": (1, 1)}


def test_the_estimated_share_is_held_against_the_tokenizers(
    asked: Path, digit_tokenizer: Path
) -> None:
    result = run(asked, (0.05, 0.3), digit_tokenizer)

    assert result.share_error < 0.03
    assert [effect.misjudged for effect in result.thresholds] == [0, 0]


def test_the_fp8_pair_is_its_parent_but_cheaper() -> None:
    fleet = fleet_with_fp8()
    bf16, fp8 = (fleet.catalog.profiles[pair.id] for pair in fleet.pairs)

    assert (bf16.quantization.activations, fp8.quantization.activations) == ("bf16", "fp8")
    assert fp8.accuracy["overall"].mean < bf16.accuracy["overall"].mean
    prices = fleet.catalog.prices
    assert prices[fp8.pair].usd_per_mtok_out < prices[bf16.pair].usd_per_mtok_out


def test_the_report_names_every_threshold_and_task(asked: Path, digit_tokenizer: Path) -> None:
    told = report(run(asked, (0.05, 0.3), digit_tokenizer))

    assert "above 0.05: 2 kept off FP8 (66.7%)" in told
    assert "above 0.3: 1 kept off FP8 (33.3%)" in told
    assert "table: 1 of 1" in told
