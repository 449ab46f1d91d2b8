"""The catalog in use as metrics."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from serve_app.core.events import CatalogRefused, CatalogSwapped, StoreLost, TokenRatiosChanged


class CatalogMetrics:
    """Which catalog is in use, and what became of the others."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._info = Gauge(
            "quantroute_catalog_info",
            "1 for the version of the catalog in use",
            ["version"],
            registry=registry,
        )
        self._pairs = Gauge(
            "quantroute_catalog_pairs", "Pairs in the catalog in use", registry=registry
        )
        self._profiles = Gauge(
            "quantroute_catalog_profiles",
            "Profiles in the catalog in use, by where their figures are from",
            ["origin"],
            registry=registry,
        )
        self._refused = Counter(
            "quantroute_catalog_refused",
            "Catalogs that failed validation; the last good one stayed",
            registry=registry,
        )
        self._store_lost = Counter(
            "quantroute_store_lost",
            "Times the profile store could not be reached; the last good catalog stayed",
            registry=registry,
        )

        self._tokens_ratio = Gauge(
            "quantroute_tokens_ratio",
            "Tokens of the pair per token of the reference tokenizer, corrected by usage",
            ["pair"],
            registry=registry,
        )

    def emit(self, event: CatalogSwapped | CatalogRefused | StoreLost | TokenRatiosChanged) -> None:
        match event:
            case CatalogSwapped():
                self._swapped(event)
            case CatalogRefused():
                self._refused.inc()
            case StoreLost():
                self._store_lost.inc()
            case TokenRatiosChanged(ratios=ratios):
                self._ratios_changed(ratios)

    def _ratios_changed(self, ratios: Mapping[str, float]) -> None:
        # Pairs that left the catalog have none.
        self._tokens_ratio.clear()
        for pair, ratio in ratios.items():
            self._tokens_ratio.labels(pair).set(ratio)

    def _swapped(self, catalog: CatalogSwapped) -> None:
        # One version at a time: old ones would stay as series forever.
        self._info.clear()
        self._info.labels(catalog.version).set(1)
        self._pairs.set(catalog.pairs)
        self._profiles.labels("published").set(len(catalog.published))
        self._profiles.labels("measured").set(catalog.pairs - len(catalog.published))
