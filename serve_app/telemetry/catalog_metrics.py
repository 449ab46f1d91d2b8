"""The catalog in use as metrics."""

from __future__ import annotations

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge

from serve_app.core.events import CatalogRefused, CatalogSwapped, StoreLost, TokenRatiosChanged


class CatalogMetrics:
    """Which catalog is in use, and what became of the others."""

    def __init__(self, registry: CollectorRegistry) -> None:
        gauge, counter = partial(Gauge, registry=registry), partial(Counter, registry=registry)
        self._info = gauge(
            "quantroute_catalog_info", "1 for the version of the catalog in use", ["version"]
        )
        self._pairs = gauge("quantroute_catalog_pairs", "Pairs in the catalog in use")
        self._profiles = gauge(
            "quantroute_catalog_profiles",
            "Profiles in the catalog in use, by where their figures are from",
            ["origin"],
        )
        self._policy = gauge(
            "quantroute_policy_info",
            "1 for the publication that the policy in use comes from, 'file' without one",
            ["version"],
        )
        self._off = gauge("quantroute_pairs_switched_off", "Pairs that the policy switches off")
        self._refused = counter(
            "quantroute_catalog_refused",
            "Catalogs and policies that were invalid or of another fleet; the last good one stayed",
        )
        self._store_lost = counter(
            "quantroute_store_lost",
            "Times the profile store could not be reached; the last good catalog stayed",
        )
        self._tokens_ratio = gauge(
            "quantroute_tokens_ratio",
            "Tokens of the pair per token of the reference tokenizer, corrected by usage",
            ["pair"],
        )

    def emit(self, event: CatalogSwapped | CatalogRefused | StoreLost | TokenRatiosChanged) -> None:
        match event:
            case CatalogSwapped(version=version, pairs=pairs, published=published):
                self._policy.clear()
                self._policy.labels(event.policy or "file").set(1)
                self._off.set(len(event.switched_off))
                # One version at a time: old ones would stay as series forever.
                self._info.clear()
                self._info.labels(version).set(1)
                self._pairs.set(pairs)
                self._profiles.labels("published").set(len(published))
                self._profiles.labels("measured").set(pairs - len(published))
            case CatalogRefused():
                self._refused.inc()
            case StoreLost():
                self._store_lost.inc()
            case TokenRatiosChanged(ratios=ratios):
                # Pairs that left the catalog have none.
                self._tokens_ratio.clear()
                for pair, ratio in ratios.items():
                    self._tokens_ratio.labels(pair).set(ratio)
