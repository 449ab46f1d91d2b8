"""Turns a request into a decision, whatever happens: if routing breaks, the fallback serves."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from serve_app.core.catalog import Snapshot
from serve_app.core.constraints import switched_off
from serve_app.core.decide import decide
from serve_app.core.decision import Candidate, Decision, RoutingResult, reason_for
from serve_app.core.fleet import Load, LoadView
from serve_app.core.inference_request import InferenceRequest, Target, target_of
from serve_app.core.ports import Clock, CurrentSnapshot
from serve_app.gateway.features import FeatureReader

logger = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Router:
    """Decides, and falls back to the first live configured pair when deciding itself fails."""

    features: FeatureReader
    snapshots: CurrentSnapshot
    load: Callable[[], LoadView]
    first_token_deadline_ms: float
    clock: Clock
    ids: Callable[[], str]

    async def route(self, request: InferenceRequest) -> RoutingResult:
        """Raises `UnknownModel` and `NotServed`, and nothing else."""
        began_s = self.clock.now()
        snapshot = request.snapshot or self.snapshots.snapshot
        target = target_of(request.model, snapshot.pairs, request.service)
        try:
            decision = await self._decide(request, target, snapshot, began_s)
        # A bug in classifying or deciding must not cost the caller its answer.
        except Exception as exc:
            logger.error("routing failed; the fallback serves", exc_info=exc)
            decision = self._fallback(request, target, snapshot, type(exc).__name__)
        overhead_ms = (self.clock.now() - began_s) * 1e3
        return RoutingResult(decision=decision, snapshot=snapshot, overhead_ms=overhead_ms)

    async def _decide(
        self, request: InferenceRequest, target: Target, snapshot: Snapshot, began_s: float
    ) -> Decision:
        catalog, policy = snapshot.catalog, snapshot.policy
        if catalog is None:
            return self._fallback(request, target, snapshot, "there is no catalog yet")
        on = [pair for pair in target.pairs if pair.id not in policy.switched_off]
        features = await self.features.read(request, on or target.pairs, catalog)
        constraints = request.constraints
        if target.pinned:
            policy = snapshot.pinned_policy
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
        self, request: InferenceRequest, target: Target, snapshot: Snapshot, cause: str
    ) -> Decision:
        """The configured pairs that the model name allows, else all that it allows.

        Those known to be dead are left out, unless all are. A pair that is off never serves.
        """
        catalog, policy, load = snapshot.catalog, snapshot.policy, self.load()
        allowed = [pair.id for pair in target.pairs if pair.id not in policy.switched_off]
        if not allowed:
            return self._all_off(request, target, snapshot)
        configured = [pair for pair in policy.static_fallback if pair in allowed]
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
            policy_version=policy.version,
        )

    def _all_off(self, request: InferenceRequest, target: Target, snapshot: Snapshot) -> Decision:
        rejected = tuple(switched_off(snapshot.policy, pair.id) for pair in target.pairs)
        return Decision(
            id=self.ids(),
            chosen=None,
            ranked=(),
            best_effort=(),
            rejected=rejected,
            infeasible=(),
            reason=reason_for((), (), rejected, refused=True),
            catalog_version=snapshot.catalog.version if snapshot.catalog is not None else "",
            features=None,
            constraints=request.constraints,
            refusal="unavailable",
            policy_version=snapshot.policy.version,
        )


def _may_answer(load: Load | None) -> bool:
    """Whether a pair is not known to be dead."""
    return load is None or (load.ready_replicas > 0 and not load.breaker_open)
