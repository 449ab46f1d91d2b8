"""Which pair serves a request: filter by hard rules, score what is left, rank, explain."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from serve_app.core.catalog import Catalog
from serve_app.core.constraints import (
    RELAXABLE,
    PairState,
    RuleContext,
    rejections,
    switched_off,
    violation,
)
from serve_app.core.decision import (
    Candidate,
    Constraint,
    Decision,
    Prediction,
    Refusal,
    Rejection,
    Rule,
    reason_for,
)
from serve_app.core.fleet import Load, LoadView, Pair
from serve_app.core.policy import Policy
from serve_app.core.predict import predict
from serve_app.core.request import Constraints, Features
from serve_app.core.scoring import Scale, reference_cost_usd, terms, utility

NO_REPLICA = Load(ready_replicas=0, max_replicas=0)
Servable = list[tuple[PairState, tuple[Constraint, ...]]]


def decide(
    *,
    decision_id: str,
    features: Features,
    constraints: Constraints,
    pairs: Sequence[Pair],
    catalog: Catalog,
    load: LoadView,
    policy: Policy,
    time_left_ms: float | None = None,
) -> Decision:
    """Ranks `pairs` for one request under the present load.

    The order of `pairs` does not matter, and the same input gives the same decision. A pair
    that `load` does not know counts as having no replica. Pairs without a profile come after
    all others. `time_left_ms` is what is left of the request's deadline. A pair that would miss it
    may serve only where no other pair can. Raises nothing for input that its types allow.
    """
    rule_context = RuleContext(
        features=features, constraints=constraints, policy=policy, time_left_ms=time_left_ms
    )
    servable, rejected = _servable(rule_context, pairs, catalog, load)
    candidates = _score(rule_context, servable, reference_cost_usd(policy, catalog, features))
    ranked = sorted([c for c in candidates if not c.violates], key=_best_first)
    best_effort = sorted(
        [c for c in candidates if c.violates],
        key=lambda c: (
            constraints.on_infeasible == "refuse" and not c.misses_deadline_only,
            violation(constraints, c.prediction, time_left_ms),
            _best_first(c),
        ),
    )
    first = next(iter(ranked or best_effort), None)
    refusal = _refusal(constraints, ranked, best_effort, rejected)
    return Decision(
        id=decision_id,
        chosen=first.pair if first and not refusal else None,
        ranked=tuple(ranked),
        best_effort=tuple(best_effort),
        rejected=tuple(rejected),
        infeasible=first.violates if first else (),
        reason=reason_for(ranked, best_effort, rejected, refused=refusal is not None),
        catalog_version=catalog.version,
        features=features,
        constraints=constraints,
        refusal=refusal,
        time_left_ms=time_left_ms,
        policy_version=policy.version,
    )


def _servable(
    rule_context: RuleContext, pairs: Sequence[Pair], catalog: Catalog, load: LoadView
) -> tuple[Servable, list[Rejection]]:
    """The pairs that may serve, each with the constraints it misses, and all failed rules.

    Pairs that would miss the deadline may serve where no other pair can.
    """
    servable: Servable = []
    late: Servable = []
    rejected: list[Rejection] = []
    features, policy = rule_context.features, rule_context.policy
    margin, off = policy.published_margin, policy.switched_off
    corrections, task = catalog.corrections, features.classification.task
    added_tokens, form = catalog.added_tokens, features.form
    for pair in sorted(pairs, key=attrgetter("id")):
        if pair.id in off:
            rejected.append(switched_off(policy, pair.id))
            continue
        state = load.get(pair.id, NO_REPLICA)
        profile = catalog.profiles.get(pair.id)
        prediction = None
        if profile is not None:
            prediction = predict(
                profile,
                catalog.prices[pair.id],
                features,
                state,
                rule_context.constraints,
                published_margin=margin,
                correction=corrections.get((pair.id, task)) if corrections else None,
                added_tokens=added_tokens.get((pair.id, form), 0.0) if added_tokens else 0.0,
                pair=pair,
            )
        pair_state = PairState(pair, state, profile, prediction)
        failed = rejections(rule_context, pair_state)
        if not failed:
            servable.append((pair_state, ()))
            continue
        violates = tuple([RELAXABLE[r.rule] for r in failed if r.rule in RELAXABLE])
        if len(violates) == len(failed):
            (late if "deadline" in violates else servable).append((pair_state, violates))
        rejected += failed
    return servable or late, rejected


def _score(
    rule_context: RuleContext, servable: Servable, reference_usd: float | None
) -> list[Candidate]:
    constraints = rule_context.constraints
    has_bounds = constraints.latency_budget_ms is not None and reference_usd is not None
    scale = Scale.of(constraints, () if has_bounds else _compared(servable), reference_usd)
    weights = rule_context.policy.weights[constraints.preset]
    candidates = []
    for pair_state, violates in servable:
        parts = None if pair_state.prediction is None else terms(pair_state.prediction, scale)
        candidates.append(
            Candidate(
                pair=pair_state.pair.id,
                utility=0.0 if parts is None else utility(weights, parts),
                prediction=pair_state.prediction,
                terms=parts,
                violates=violates,
            )
        )
    return candidates


def _compared(servable: Servable) -> list[Prediction]:
    """The pairs whose worst is a full share of a term that has no bound of its own.

    A pair that cannot be chosen, or has to start first, must not change the order of the others.
    So these are the ready ones of the pairs that meet all constraints. Where none is ready, all
    that meet the constraints count. Where none meets them, the same holds of those that miss some.
    """
    known = [one for one in servable if one[0].prediction is not None]
    known = [one for one in known if not one[1]] or known
    known = [one for one in known if one[0].load.ready_replicas] or known
    return [state.prediction for state, _ in known if state.prediction is not None]


def _best_first(candidate: Candidate) -> tuple[bool, float, float, float, str]:
    prediction = candidate.prediction
    if prediction is None:
        return True, 0.0, 0.0, 0.0, candidate.pair
    return False, -candidate.utility, prediction.cost_usd, prediction.total_ms, candidate.pair


def _refusal(
    constraints: Constraints,
    ranked: list[Candidate],
    best_effort: list[Candidate],
    rejected: list[Rejection],
) -> Refusal | None:
    """Refusal reason the caller can act on, or None."""
    if ranked:
        return None
    if best_effort:
        refuses = constraints.on_infeasible == "refuse"
        return "infeasible" if refuses and not best_effort[0].misses_deadline_only else None
    failed: dict[str, set[Rule]] = {}
    for rejection in rejected:
        # A pair that is off shows nothing about the request.
        if rejection.rule != "switched_off":
            failed.setdefault(rejection.pair, set()).add(rejection.rule)
    roomy = [rules for rules in failed.values() if "context" not in rules]
    if failed and not roomy:
        return "context_length"
    if failed and all("capability" in rules for rules in roomy):
        return "capability"
    return "unavailable"
