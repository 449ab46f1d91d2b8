"""How well the classifiers know unseen prompts: their task, and the length of their answers.

Compares the heuristics with the success model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from profiles.training.folds import Split, folds, without_known_prompts
from profiles.training.load_outcomes import read_table
from profiles.training.outcomes import CHARS_PER_TOKEN, OutcomesUnusable, OutcomeTable, joined
from profiles.training.task_model import TASKS
from profiles.training.train import train
from serve_app.classifier.heuristics import judge
from serve_app.classifier.success_model import SuccessModel
from serve_app.classifier.text_features import read
from serve_app.core.request import Judgement, Prompt

ALL = "all"
Bools = npt.NDArray[np.bool_]

HEURISTICS = "heuristics"
SUCCESS_MODEL = "success model"


@dataclass(frozen=True, slots=True, kw_only=True)
class TasksPlan:
    """Without `test`, the prompts of `train` in `folds` folds. Prompts without a task count not."""

    train: tuple[Path, ...]
    test: tuple[Path, ...]
    folds: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The shares of the prompts of one task, or of all, whose task was told right."""

    task: str
    prompts: int
    heuristics: float
    success_model: float


def run_tasks(plan: TasksPlan, progress: Callable[[str], None]) -> tuple[Told, ...]:
    """Raises `OSError` or `OutcomesUnusable`."""
    table, splits = _prompts(plan)
    readings = [read(prompt) for prompt in table.prompts]
    right: list[tuple[str, bool, bool]] = []
    for number, split in enumerate(splits, start=1):
        progress(f"split {number} of {len(splits)}")
        known = table.rows(split.train)
        model = SuccessModel(
            train(known, [readings[row] for row in split.train], seed=plan.seed, command=""),
            local=judge,
        )
        for row in split.test:
            task, prompt = table.kinds[row], Prompt(asked=table.prompts[row])
            if task in TASKS:
                right.append((task, judge(prompt).task == task, model.judged(prompt).task == task))
    if not right:
        raise OutcomesUnusable(f"no prompt names its task; tasks are {', '.join(TASKS)}")
    found = [_told(task, [one for one in right if one[0] == task]) for task in TASKS]
    return (*(one for one in found if one.prompts), _told(ALL, right))


def _prompts(plan: TasksPlan) -> tuple[OutcomeTable, Sequence[Split]]:
    known = read_table(plan.train)
    if not plan.test:
        return known, folds(known.same_prompt, count=plan.folds, seed=plan.seed)
    unseen, _ = without_known_prompts(known, read_table(plan.test))
    both, first = joined([known, unseen]), len(known)
    # Of pairs that only the test file has nothing can be learned.
    rows = np.arange(len(both))
    return both.only(known.pairs), [Split(train=rows[:first], test=rows[first:])]


def _told(task: str, right: Sequence[tuple[str, bool, bool]]) -> Told:
    count = len(right)
    return Told(
        task=task,
        prompts=count,
        heuristics=sum(one[1] for one in right) / max(1, count),
        success_model=sum(one[2] for one in right) / max(1, count),
    )


def report_tasks(found: Sequence[Told]) -> str:
    head = f"{'task':20} {'prompts':>7} {'heuristics':>11} {'success model':>14}"
    return "\n".join(
        (
            head,
            *(
                f"{one.task:20} {one.prompts:7} {one.heuristics:11.1%} {one.success_model:14.1%}"
                for one in found
            ),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthsPlan:
    """Prompts of `files` in `folds` folds."""

    files: tuple[Path, ...]
    folds: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """Of `answers`, the shares no longer than the 50th and the 95th percentile that was told."""

    judge: str
    answers: int
    within_p50: float
    within_p95: float


def run_lengths(plan: LengthsPlan, progress: Callable[[str], None]) -> tuple[Covered, ...]:
    """Raises `OSError` or `OutcomesUnusable`."""
    table = read_table(plan.files)
    tokens = np.maximum(1.0, table.answer_chars / CHARS_PER_TOKEN)
    if not np.isfinite(tokens).any():
        raise OutcomesUnusable("these outcomes do not say how long an answer was")
    readings = [read(prompt) for prompt in table.prompts]
    splits = folds(table.same_prompt, count=plan.folds, seed=plan.seed)
    within: dict[str, list[Bools]] = {HEURISTICS: [], SUCCESS_MODEL: []}
    for number, split in enumerate(splits, start=1):
        progress(f"split {number} of {len(splits)}")
        known = table.rows(split.train)
        artifact = train(known, [readings[row] for row in split.train], seed=plan.seed, command="")
        model = SuccessModel(artifact, local=judge)
        for row in split.test:
            lengths = tokens[row][np.isfinite(tokens[row])]
            prompt = Prompt(asked=table.prompts[row])
            within[HEURISTICS].append(_within(judge(prompt), lengths))
            within[SUCCESS_MODEL].append(_within(model.judged(prompt), lengths))
    return tuple(_covered(name, np.hstack(each)) for name, each in within.items())


def report_lengths(found: Sequence[Covered]) -> str:
    return "\n".join(
        f"{one.judge:14} of {one.answers} answers {one.within_p50:.1%} are no longer than p50, "
        f"{one.within_p95:.1%} than p95"
        for one in found
    )


def _within(judgement: Judgement, lengths: npt.NDArray[np.float64]) -> Bools:
    told = (judgement.output_tokens_p50, judgement.output_tokens_p95)
    return np.array([lengths <= tokens for tokens in told])


def _covered(name: str, within: Bools) -> Covered:
    p50, p95 = within.mean(axis=1)
    return Covered(
        judge=name, answers=within.shape[1], within_p50=float(p50), within_p95=float(p95)
    )
