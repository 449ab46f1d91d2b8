"""The request by which a report compares pairs: one size for all, judged over all tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from serve_app.core.catalog import Catalog
from serve_app.core.decision import Prediction
from serve_app.core.fleet import Load, Pair
from serve_app.core.policy import Policy, Weights
from serve_app.core.predict import predict
from serve_app.core.profile import Profile
from serve_app.core.request import Constraints, Features, Preset, PromptClassification, Success

# Where no profile states how long the answers were that it was measured with.
OUTPUT_TOKENS = 64
CHEAPEST = Policy(
    weights=dict.fromkeys(get_args(Preset), Weights(accuracy=0, latency=0, cost=1)),
    reference_pair="none",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypicalRequest:
    """A request in the middle of what was measured, asking `constraints` of a fleet's `policy`."""

    features: Features
    constraints: Constraints
    policy: Policy

    @property
    def prompt_tokens(self) -> int:
        return self.features.prompt_tokens

    @property
    def output_tokens(self) -> int:
        return self.features.classification.output_tokens_p50


def typical_request(catalog: Catalog, constraints: Constraints, policy: Policy) -> TypicalRequest:
    """Accuracy is that over all items: a typical request is of no task in particular."""
    lengths = {length for p in catalog for length in p.latency.prompt_tokens}
    answers = {p.latency.output_tokens or OUTPUT_TOKENS for p in catalog}
    output_tokens = _middle(answers)
    classification = PromptClassification(
        task="conversation",
        task_confidence=1,
        difficulty=0.5,
        output_tokens_p50=output_tokens,
        output_tokens_p95=output_tokens,
        numeric_share=0,
        origin="report",
        success={
            p.pair: Success(mean=p.accuracy["overall"].mean, lower=p.accuracy["overall"].lower)
            for p in catalog
        },
    )
    features = Features(
        prompt_tokens=_middle(lengths),
        max_tokens=None,
        needs=frozenset(),
        classification=classification,
    )
    return TypicalRequest(features=features, constraints=constraints, policy=policy)


def loads_of(catalog: Catalog) -> tuple[int, ...]:
    """The least, the middle and the highest concurrency that was measured of any pair."""
    steps = {step for profile in catalog for step in profile.latency.concurrency}
    return tuple(sorted({min(steps), _middle(steps), max(steps)}))


def at_load(concurrency: int) -> Load:
    """One replica, on which the request is number `concurrency`."""
    return Load(ready_replicas=1, in_flight=concurrency - 1)


def predicted(
    catalog: Catalog, profile: Profile, request: TypicalRequest, *, concurrency: int
) -> Prediction:
    """The router's own prediction, latency at the quantile asked."""
    return predict(
        profile,
        catalog.prices[profile.pair],
        request.features,
        at_load(concurrency),
        request.constraints,
        published_margin=request.policy.published_margin,
    )


def as_deployed(profile: Profile) -> Pair:
    return Pair(
        id=profile.pair,
        model=profile.model,
        quantization=profile.quantization,
        hardware=profile.hardware,
        context_window=profile.context_window,
        max_concurrency=profile.max_concurrency,
        capabilities=profile.capabilities,
    )


def _middle(values: set[int]) -> int:
    return sorted(values)[len(values) // 2]
