"""The hard rules: each names what it needed and what it got when a pair fails it.

What a pair got is rounded away from what was needed, so that the two never read the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, inf
from typing import NamedTuple

from serve_app.core.decision import Constraint, Prediction, Rejection, Rule
from serve_app.core.fleet import Load, Pair
from serve_app.core.policy import Policy
from serve_app.core.profile import Profile
from serve_app.core.request import Constraints, Features

UNKNOWN = "unknown: no profile"
RELAXABLE: dict[Rule, Constraint] = {
    "deadline": "deadline",
    "accuracy": "accuracy",
    "latency": "latency",
    "ttft": "ttft",
    "cost": "cost",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleContext:
    """One request and the policy that applies to it.

    `time_left_ms` is what is left of its deadline, `None` where it has none.
    """

    features: Features
    constraints: Constraints
    policy: Policy
    time_left_ms: float | None = None


class PairState(NamedTuple):
    """One pair as it stands now; `profile` and `prediction` are `None` for an unknown one."""

    pair: Pair
    load: Load
    profile: Profile | None
    prediction: Prediction | None


def switched_off(policy: Policy, pair: str) -> Rejection:
    """What no other rule is asked after."""
    by = f"switched off by the policy of version {policy.version}"
    return Rejection(pair=pair, rule="switched_off", need="a pair that is on", got=by)


def profile(rule_context: RuleContext, pair_state: PairState) -> Rejection | None:
    """A pair without a profile cannot promise a floor."""
    least = rule_context.constraints.min_accuracy
    if pair_state.profile is not None or least is None:
        return None
    return _rejection(pair_state, "profile", f"a profile, for a floor of {least:g}", "no profile")


def replica(rule_context: RuleContext, pair_state: PairState) -> Rejection | None:
    load = pair_state.load
    if load.ready_replicas or load.starting_replicas or load.can_start:
        return None
    got = "none, and none may start"
    if load.failure is not None:
        got = f"none, and its deployment has failed: {load.failure}"
    return _rejection(pair_state, "replica", "a replica, or leave to start one", got)


def breaker(rule_context: RuleContext, pair_state: PairState) -> Rejection | None:
    if not pair_state.load.breaker_open:
        return None
    return _rejection(pair_state, "breaker", "breaker closed", "open after failed attempts")


def context(rule_context: RuleContext, pair_state: PairState) -> Rejection | None:
    """Prompt and answer fit; one token of answer is the least when the caller set no limit."""
    features, window = rule_context.features, pair_state.pair.context_window
    prompt_tokens = features.prompt_tokens
    if pair_state.profile is not None and pair_state.prediction is not None:
        window = min(window, pair_state.profile.context_window)
        prompt_tokens = pair_state.prediction.prompt_tokens
    answer_tokens = features.max_tokens or 1
    if prompt_tokens + answer_tokens <= window:
        return None
    return _rejection(
        pair_state, "context", f"<= {window} tokens", f"{prompt_tokens} + {answer_tokens} tokens"
    )


def capability(rule_context: RuleContext, pair_state: PairState) -> Rejection | None:
    needs, has = rule_context.features.needs, pair_state.pair.capabilities
    if needs <= has:
        return None
    return _rejection(
        pair_state, "capability", ", ".join(sorted(needs)), ", ".join(sorted(has)) or "none"
    )


def golden(rule_context: RuleContext, pair_state: PairState) -> Rejection | None:
    """A failed golden set is final; a set not yet run is not a failure."""
    verdict = pair_state.profile.golden if pair_state.profile is not None else None
    if verdict is None or verdict.passed or not rule_context.policy.golden_gate:
        return None
    return _rejection(pair_state, "golden", "golden set passed", verdict.reason or "failed")


def numeric_guard(rule_context: RuleContext, pair_state: PairState) -> Rejection | None:
    """FP8 activations lose digits that a prompt full of numbers needs."""
    share, limit = (
        rule_context.features.classification.numeric_share,
        rule_context.policy.numeric_guard_share,
    )
    if share <= limit or pair_state.pair.quantization.activations != "fp8":
        return None
    return _rejection(
        pair_state,
        "numeric_guard",
        f"<= {limit:g} numeric tokens for fp8",
        f"{ceil(share * 1e3) / 1e3:g}",
    )


def deadline(rule_context: RuleContext, pair_state: PairState) -> Rejection | None:
    """The first token of a stream, or a whole unary answer, comes in time more often than not."""
    left_ms, prediction = rule_context.time_left_ms, pair_state.prediction
    if left_ms is None or prediction is None or prediction.first_text_p50_ms <= left_ms:
        return None
    until = "the first token" if rule_context.features.stream else "the whole answer"
    return _rejection(
        pair_state,
        "deadline",
        f"<= {max(0, floor(left_ms))} ms to {until}",
        f"{ceil(prediction.first_text_p50_ms)} ms",
    )


def accuracy(rule_context: RuleContext, pair_state: PairState) -> Rejection | None:
    least, prediction = rule_context.constraints.min_accuracy, pair_state.prediction
    if least is None or prediction is None or prediction.accuracy_lower >= least:
        return None
    got = f"{floor(prediction.accuracy_lower * 1e3) / 1e3:g} lower bound"
    if prediction.feedback is not None:
        got = f"{got}, moved {prediction.feedback.lower:+.3f} by feedback"
    return _rejection(pair_state, "accuracy", f">= {least:g}", got)


def latency(rule_context: RuleContext, pair_state: PairState) -> Rejection | None:
    budget_ms, prediction = rule_context.constraints.latency_budget_ms, pair_state.prediction
    if budget_ms is None or (prediction is not None and prediction.total_ms <= budget_ms):
        return None
    got = UNKNOWN if prediction is None else f"{ceil(prediction.total_ms)} ms"
    return _rejection(pair_state, "latency", f"<= {budget_ms:g} ms", got)


def ttft(rule_context: RuleContext, pair_state: PairState) -> Rejection | None:
    budget_ms, prediction = rule_context.constraints.ttft_budget_ms, pair_state.prediction
    if budget_ms is None or (prediction is not None and prediction.ttft_ms <= budget_ms):
        return None
    got = UNKNOWN if prediction is None else f"{ceil(prediction.ttft_ms)} ms"
    return _rejection(pair_state, "ttft", f"<= {budget_ms:g} ms", got)


def cost(rule_context: RuleContext, pair_state: PairState) -> Rejection | None:
    cap_usd, prediction = rule_context.constraints.max_cost_usd, pair_state.prediction
    if cap_usd is None or (prediction is not None and prediction.cost_usd <= cap_usd):
        return None
    got = UNKNOWN if prediction is None else f"{prediction.cost_usd:.4g} USD"
    return _rejection(pair_state, "cost", f"<= {cap_usd:g} USD", got)


RULES: tuple[Callable[[RuleContext, PairState], Rejection | None], ...] = (
    profile,
    replica,
    breaker,
    context,
    capability,
    golden,
    numeric_guard,
    deadline,
    accuracy,
    latency,
    ttft,
    cost,
)


def rejections(rule_context: RuleContext, pair_state: PairState) -> list[Rejection]:
    """Every rule the pair fails, in the order of `RULES`."""
    return [
        rejection for rule in RULES if (rejection := rule(rule_context, pair_state)) is not None
    ]


def violation(
    constraints: Constraints, prediction: Prediction | None, time_left_ms: float | None = None
) -> float:
    """By how much a pair misses what was asked and the deadline, each miss as a share of it.

    An unknown pair may miss by anything.
    """
    if prediction is None:
        return inf
    missed = (
        _excess(prediction.total_ms, constraints.latency_budget_ms)
        + _excess(prediction.ttft_ms, constraints.ttft_budget_ms)
        + _excess(prediction.cost_usd, constraints.max_cost_usd)
    )
    if time_left_ms is not None:
        # A deadline may have passed already.
        missed += _excess(prediction.first_text_p50_ms, max(time_left_ms, 1.0))
    least = constraints.min_accuracy
    if least:
        missed += max(0.0, least - prediction.accuracy_lower) / least
    return missed


def _excess(predicted: float, limit: float | None) -> float:
    return 0.0 if limit is None else max(0.0, predicted - limit) / limit


def _rejection(pair_state: PairState, rule: Rule, need: str, got: str) -> Rejection:
    return Rejection(pair=pair_state.pair.id, rule=rule, need=need, got=got)
