"""Turns a request into a decision, whatever happens: if routing breaks, the fallback serves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from serve_app.core.catalog import Catalog
from serve_app.core.decide import decide
from serve_app.core.decision import Candidate, Decision, RoutingResult
from serve_app.core.fleet import LoadView, Pair
from serve_app.core.inference_request import InferenceRequest, Target, target_of
from serve_app.core.ports import Clock, CurrentCatalog
from serve_app.core.request import Constraints
from serve_app.core.scoring import Policy
from serve_app.gateway.features import FeatureReader

logger = logging.getLogger(__name__)


class Router:
    """Decides, and falls back to one configured pair when deciding itself fails."""

    def __init__(
        self,
        *,
        pairs: Sequence[Pair],
        static_fallback: str,
        features: FeatureReader,
        catalogs: CurrentCatalog,
        load: Callable[[], LoadView],
        policy: Policy,
        clock: Clock,
        ids: Callable[[], str],
    ) -> None:
        self._pairs = tuple(pairs)
        self._static_fallback = static_fallback
        self._features = features
        self._catalogs = catalogs
        self._load = load
        self._policy = policy
        # Who names a pair wants that pair, whatever speaks against choosing it.
        self._pinned_policy = replace(policy, numeric_guard_share=1.0, golden_gate=False)
        self._clock = clock
        self._ids = ids

    async def route(self, request: InferenceRequest) -> RoutingResult:
        """Raises `UnknownModel`, and nothing else."""
        began_s = self._clock.now()
        target = target_of(request.model, self._pairs)
        catalog = None
        try:
            catalog = self._catalogs.current
            decision = await self._decide(request, target, catalog)
        # A bug in classifying or deciding must not cost the caller its answer.
        except Exception as exc:
            logger.error("routing failed; the fallback serves", exc_info=exc)
            decision = self._fallback(request, target, catalog, type(exc).__name__)
        overhead_ms = (self._clock.now() - began_s) * 1e3
        return RoutingResult(decision=decision, catalog=catalog, overhead_ms=overhead_ms)

    async def _decide(
        self, request: InferenceRequest, target: Target, catalog: Catalog | None
    ) -> Decision:
        if catalog is None:
            return self._fallback(request, target, catalog, "there is no catalog yet")
        features = await self._features.read(request, target.pairs, catalog)
        constraints, policy = request.constraints, self._policy
        if target.pinned:
            constraints, policy = _unbound(constraints), self._pinned_policy
        decision = decide(
            decision_id=self._ids(),
            features=features,
            constraints=constraints,
            pairs=target.pairs,
            catalog=catalog,
            load=self._load(),
            policy=policy,
        )
        if target.pinned and decision.chosen is not None:
            return replace(decision, reason=f"the request names pair {decision.chosen!r}")
        return decision

    def _fallback(
        self, request: InferenceRequest, target: Target, catalog: Catalog | None, cause: str
    ) -> Decision:
        """The configured pair where the model name allows it, else the first it allows."""
        allowed = [pair.id for pair in target.pairs]
        pair = self._static_fallback if self._static_fallback in allowed else allowed[0]
        candidate = Candidate(pair=pair, utility=0.0, prediction=None, terms=None)
        return Decision(
            id=self._ids(),
            chosen=pair,
            ranked=(candidate,),
            best_effort=(),
            rejected=(),
            infeasible=(),
            reason=f"routing failed ({cause}); {pair!r} is the static fallback",
            catalog_version=catalog.version if catalog is not None else "",
            features=None,
            constraints=request.constraints,
            fallback=cause,
        )


def _unbound(constraints: Constraints) -> Constraints:
    """The same wishes without bounds: who names a pair wants that pair."""
    return replace(
        constraints,
        latency_budget_ms=None,
        ttft_budget_ms=None,
        min_accuracy=None,
        max_cost_usd=None,
        on_infeasible="best_effort",
    )
