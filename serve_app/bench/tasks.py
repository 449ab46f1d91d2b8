"""How often the task of an unseen prompt is told, by the heuristics and by the success model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from profiles.learning.folds import Split, folds, without_known_prompts
from profiles.learning.merge_tables import joined
from profiles.learning.outcome_table import OutcomesUnusable, OutcomeTable
from profiles.learning.read_table import read_table
from profiles.learning.task_reader import TASKS
from profiles.learning.train import train
from serve_app.adapters.success_model import SuccessModel
from serve_app.adapters.success_text import read
from serve_app.core.request import Prompt
from serve_app.service.heuristics import judge

ALL = "all"


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


def run(plan: TasksPlan, progress: Callable[[str], None]) -> tuple[Told, ...]:
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


def report(found: Sequence[Told]) -> str:
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
