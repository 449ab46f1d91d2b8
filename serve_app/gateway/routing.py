"""Turns a request into a decision, whatever happens: if routing breaks, the fallback serves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from serve_app.core.catalog import Catalog
from serve_app.core.decide import decide
from serve_app.core.decision import Candidate, Decision, RoutingResult
from serve_app.core.fleet import Load, LoadView, Pair
from serve_app.core.inference_request import InferenceRequest, Target, target_of
from serve_app.core.ports import Clock, CurrentCatalog
from serve_app.core.scoring import Policy
from serve_app.gateway.features import FeatureReader

logger = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Router:
    """Decides, and falls back to the first live configured pair when deciding itself fails."""

    pairs: Sequence[Pair]
    static_fallback: Sequence[str]
    features: FeatureReader
    catalogs: CurrentCatalog
    load: Callable[[], LoadView]
    policy: Policy
    first_token_deadline_ms: float
    clock: Clock
    ids: Callable[[], str]

    def __post_init__(self) -> None:
        # Who names a pair wants that pair, whatever speaks against choosing it.
        self._pinned_policy = replace(self.policy, numeric_guard_share=1.0, golden_gate=False)

    async def route(self, request: InferenceRequest) -> RoutingResult:
        """Raises `UnknownModel`, and nothing else."""
        began_s = self.clock.now()
        target = target_of(request.model, self.pairs)
        catalog: Catalog | None = None
        try:
            catalog = self.catalogs.current
            decision = await self._decide(request, target, catalog, began_s)
        # A bug in classifying or deciding must not cost the caller its answer.
        except Exception as exc:
            logger.error("routing failed; the fallback serves", exc_info=exc)
            decision = self._fallback(request, target, catalog, type(exc).__name__)
        overhead_ms = (self.clock.now() - began_s) * 1e3
        return RoutingResult(decision=decision, catalog=catalog, overhead_ms=overhead_ms)

    async def _decide(
        self, request: InferenceRequest, target: Target, catalog: Catalog | None, began_s: float
    ) -> Decision:
        if catalog is None:
            return self._fallback(request, target, catalog, "there is no catalog yet")
        features = await self.features.read(request, target.pairs, catalog)
        constraints, policy = request.constraints, self.policy
        if target.pinned:
            policy = self._pinned_policy
            constraints = replace(
                constraints,
                latency_budget_ms=None,
                ttft_budget_ms=None,
                min_accuracy=None,
                max_cost_usd=None,
                on_infeasible="best_effort",
            )
        spent_ms = request.reading_ms + (self.clock.now() - began_s) * 1e3
        decision = decide(
            decision_id=self.ids(),
            features=features,
            constraints=constraints,
            pairs=target.pairs,
            catalog=catalog,
            load=self.load(),
            policy=policy,
            time_left_ms=self.first_token_deadline_ms - spent_ms,
        )
        if target.pinned and decision.chosen is not None:
            return replace(decision, reason=f"the request names pair {decision.chosen!r}")
        return decision

    def _fallback(
        self, request: InferenceRequest, target: Target, catalog: Catalog | None, cause: str
    ) -> Decision:
        """The configured pairs that the model name allows, else all that it allows.

        Those known to be dead are left out, unless all are.
        """
        allowed, load = [pair.id for pair in target.pairs], self.load()
        configured = [pair for pair in self.static_fallback if pair in allowed]
        groups = (
            [pair for pair in configured if _may_answer(load.get(pair))],
            [pair for pair in allowed if _may_answer(load.get(pair))],
            configured,
            allowed,
        )
        pairs = next(group for group in groups if group)
        pair = pairs[0]
        return Decision(
            id=self.ids(),
            chosen=pair,
            ranked=tuple(
                Candidate(pair=each, utility=0.0, prediction=None, terms=None) for each in pairs
            ),
            best_effort=(),
            rejected=(),
            infeasible=(),
            reason=f"routing failed ({cause}); {pair!r} is the static fallback",
            catalog_version=catalog.version if catalog is not None else "",
            features=None,
            constraints=request.constraints,
            fallback=cause,
        )


def _may_answer(load: Load | None) -> bool:
    """Whether a pair is not known to be dead."""
    return load is None or (load.ready_replicas > 0 and not load.breaker_open)
