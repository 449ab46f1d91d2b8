"""How many answers to unseen prompts are no longer than foretold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from profiles.learning.folds import folds
from profiles.learning.outcome_table import CHARS_PER_TOKEN, OutcomesUnusable
from profiles.learning.read_table import read_table
from profiles.learning.train import train
from serve_app.adapters.success_model import SuccessModel
from serve_app.adapters.success_text import read
from serve_app.core.request import Judgement, Prompt
from serve_app.service.heuristics import judge

Bools = npt.NDArray[np.bool_]

HEURISTICS = "heuristics"
SUCCESS_MODEL = "success model"


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


def run(plan: LengthsPlan, progress: Callable[[str], None]) -> tuple[Covered, ...]:
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


def report(found: Sequence[Covered]) -> str:
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
