"""Which pair serves a request: filter by hard rules, score what is left, rank, explain."""

from __future__ import annotations

from collections.abc import Sequence

from serve_app.core.catalog import Catalog
from serve_app.core.constraints import RELAXABLE, Ask, Offer, rejections, shortfall
from serve_app.core.decision import (
    Candidate,
    Constraint,
    Decision,
    Refusal,
    Rejection,
    Rule,
    reason_for,
)
from serve_app.core.fleet import Load, LoadView, Pair
from serve_app.core.predict import predict
from serve_app.core.request import Constraints, Features
from serve_app.core.scoring import Policy, Scale, reference_cost_usd, terms, utility

NO_REPLICA = Load(ready_replicas=0, max_replicas=0)
Servable = list[tuple[Offer, tuple[Constraint, ...]]]


def decide(
    *,
    decision_id: str,
    features: Features,
    constraints: Constraints,
    pairs: Sequence[Pair],
    catalog: Catalog,
    load: LoadView,
    policy: Policy,
) -> Decision:
    """Ranks `pairs` for one request under the present load.

    The order of `pairs` does not matter, and the same input gives the same decision. A pair
    that `load` does not know counts as having no replica. Pairs without a profile come after
    all others. Raises nothing for input that its types allow.
    """
    ask = Ask(features=features, constraints=constraints, policy=policy)
    offers = _offers(ask, pairs, catalog, load)
    servable, rejected = _filter(ask, offers)
    candidates = _score(ask, servable, reference_cost_usd(policy, catalog, features))
    ranked = sorted([c for c in candidates if not c.violates], key=_best_first)
    best_effort = sorted(
        [c for c in candidates if c.violates],
        key=lambda c: (shortfall(constraints, c.prediction), _best_first(c)),
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
    )


def _offers(ask: Ask, pairs: Sequence[Pair], catalog: Catalog, load: LoadView) -> list[Offer]:
    offers, margin = [], ask.policy.published_margin
    corrections, task = catalog.corrections, ask.features.judgement.task
    added_tokens, form = catalog.added_tokens, ask.features.form
    for pair in sorted(pairs, key=_pair_id):
        state = load.get(pair.id, NO_REPLICA)
        profile = catalog.profiles.get(pair.id)
        prediction = None
        if profile is not None:
            price = catalog.prices[pair.id]
            prediction = predict(
                profile,
                price,
                ask.features,
                state,
                ask.constraints,
                published_margin=margin,
                correction=corrections.get((pair.id, task)) if corrections else None,
                added_tokens=added_tokens.get((pair.id, form), 0.0) if added_tokens else 0.0,
            )
        offers.append(Offer(pair, state, profile, prediction))
    return offers


def _filter(ask: Ask, offers: list[Offer]) -> tuple[Servable, list[Rejection]]:
    """The offers that may serve, each with the constraints it misses, and all failed rules."""
    servable: Servable = []
    rejected: list[Rejection] = []
    for offer in offers:
        failed = rejections(ask, offer)
        if not failed:
            servable.append((offer, ()))
            continue
        violates = tuple([RELAXABLE[r.rule] for r in failed if r.rule in RELAXABLE])
        if len(violates) == len(failed):
            servable.append((offer, violates))
        rejected += failed
    return servable, rejected


def _score(ask: Ask, servable: Servable, reference_usd: float | None) -> list[Candidate]:
    predictions = [o.prediction for o, _ in servable if o.prediction is not None]
    scale = Scale.of(ask.constraints, predictions, reference_usd)
    weights = ask.policy.weights[ask.constraints.preset]
    candidates = []
    for offer, violates in servable:
        parts = None if offer.prediction is None else terms(offer.prediction, scale)
        candidates.append(
            Candidate(
                pair=offer.pair.id,
                utility=0.0 if parts is None else utility(weights, parts),
                prediction=offer.prediction,
                terms=parts,
                violates=violates,
            )
        )
    return candidates


def _pair_id(pair: Pair) -> str:
    return pair.id


def _best_first(candidate: Candidate) -> tuple[bool, float, float, float, str]:
    prediction = candidate.prediction
    if prediction is None:
        return True, 0.0, 0.0, 0.0, candidate.pair
    return (
        False,
        -candidate.utility,
        prediction.cost_usd,
        prediction.total_ms,
        candidate.pair,
    )


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
        return "infeasible" if constraints.on_infeasible == "refuse" else None
    failed: dict[str, set[Rule]] = {}
    for rejection in rejected:
        failed.setdefault(rejection.pair, set()).add(rejection.rule)
    roomy = [rules for rules in failed.values() if "context" not in rules]
    if failed and not roomy:
        return "context_length"
    if failed and all("capability" in rules for rules in roomy):
        return "capability"
    return "unavailable"
