"""A decision in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from serve_app.core.decision import Candidate, Prediction, Rejection


def reason_for(
    ranked: Sequence[Candidate],
    best_effort: Sequence[Candidate],
    rejected: Sequence[Rejection],
    *,
    refused: bool,
) -> str:
    """Names the pair that was chosen, why, and who comes next or what ruled the others out.

    Says so when what is known of the chosen pair was published by others, not measured here, and
    when feedback has moved what it is believed to get right.
    """
    sentence = _sentence(ranked, best_effort, rejected, refused=refused)
    first = next(iter(ranked or best_effort), None)
    if refused or first is None or first.prediction is None:
        return sentence
    if first.prediction.feedback is not None:
        moved = first.prediction.feedback
        sentence = (
            f"{sentence}; feedback moved the accuracy of {first.pair} by {moved.mean:+.3f}, its "
            f"lower bound by {moved.lower:+.3f}"
        )
    if first.prediction.origin == "published":
        return f"{sentence}; {first.pair} is judged on published figures"
    return sentence


def _sentence(
    ranked: Sequence[Candidate],
    best_effort: Sequence[Candidate],
    rejected: Sequence[Rejection],
    *,
    refused: bool,
) -> str:
    if ranked:
        return _ranked_reason(ranked, rejected)
    if not best_effort:
        return f"no pair can serve this request{_because(rejected)}"
    nearest = best_effort[0]
    misses = ", ".join(_failed(r) for r in rejected if r.pair == nearest.pair)
    if refused:
        return f"no pair meets the constraints; nearest is {nearest.pair}, which fails {misses}"
    return f"no pair meets the constraints; {nearest.pair} misses them least: it fails {misses}"


def _ranked_reason(ranked: Sequence[Candidate], rejected: Sequence[Rejection]) -> str:
    best = ranked[0]
    if best.prediction is None:
        return f"{best.pair} has no profile, but no measured pair can serve{_because(rejected)}"
    if len(ranked) == 1:
        return f"{best.pair} is the only pair that meets the constraints{_because(rejected)}"
    second = ranked[1]
    if second.prediction is None:
        return f"{best.pair} is preferred to {second.pair}, which has no profile"
    return (
        f"{best.pair} has the highest utility of {len(ranked)} pairs that meet the constraints, "
        f"{best.utility:.3f} ({_merits(best.prediction)}); "
        f"next is {second.pair}, {second.utility:.3f} ({_merits(second.prediction)})"
    )


def _merits(prediction: Prediction) -> str:
    return f"{ceil(prediction.total_ms)} ms, {prediction.cost_usd:.3g} USD"


def _because(rejected: Sequence[Rejection]) -> str:
    """Each pair's first failed rule; the decision itself has them all."""
    first: dict[str, Rejection] = {}
    for rejection in rejected:
        first.setdefault(rejection.pair, rejection)
    if not first:
        return ""
    return ": " + ", ".join(f"{pair} fails {_failed(first[pair])}" for pair in first)


def _failed(rejection: Rejection) -> str:
    return f"{rejection.rule} (needs {rejection.need}, has {rejection.got})"
