"""Decisions and answers for tests of what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict, Unpack

from serve_app.core.decision import Constraint, Decision, Refusal, Rejection, Rule
from serve_app.core.events import Answered, Outcome
from serve_app.core.request import Constraints, Preset
from tests.builders import a_classification, features


class AnswerFields(TypedDict, total=False):
    pair: str
    outcome: Outcome
    ttft_ms: float | None
    total_ms: float
    prompt_tokens: int
    predicted_prompt_tokens: int | None
    completion_tokens: int
    cost_usd: float
    predicted_cost_usd: float | None
    baseline_cost_usd: float
    uncounted_cost_usd: float
    prompts: int
    sequences: int


def an_answer(**fields: Unpack[AnswerFields]) -> Answered:
    answer = Answered(
        pair="a",
        outcome="ok",
        ttft_ms=100.0,
        total_ms=500.0,
        prompt_tokens=10,
        predicted_prompt_tokens=None,
        completion_tokens=10,
        predicted_ms=None,
        cost_usd=0.001,
        predicted_cost_usd=None,
        baseline_cost_usd=0.001,
    )
    return replace(answer, **fields)


def a_decision(
    *,
    chosen: str | None = "a",
    preset: Preset = "balanced",
    rejected: Sequence[tuple[str, Rule]] = (),
    infeasible: tuple[Constraint, ...] = (),
    refusal: Refusal | None = None,
    fallback: str | None = None,
    reason: str = "cheapest that meets everything",
    origin: str = "heuristics",
) -> Decision:
    return Decision(
        id="d1",
        chosen=chosen,
        ranked=(),
        best_effort=(),
        rejected=tuple(
            Rejection(pair=pair, rule=rule, need="less", got="more") for pair, rule in rejected
        ),
        infeasible=infeasible,
        reason=reason,
        catalog_version="1",
        features=features(prompt_tokens=10, classification=a_classification("code", origin=origin)),
        constraints=Constraints(preset=preset),
        refusal=refusal,
        fallback=fallback,
    )
