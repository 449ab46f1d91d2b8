"""What answers cost: per pair, estimated against billed, next to what the baseline would cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from serve_app.core.catalog import Catalog
from serve_app.core.cost import NO_USAGE, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One answer's marginal cost in USD; `predicted_usd` is `None` when nothing was predicted.

    Only what an engine counted is billed: `uncounted_usd` is what an answer that was broken off
    before is estimated to have cost.
    """

    pair: str
    usage: Usage
    cost_usd: float
    baseline_usd: float
    predicted_usd: float | None = None
    uncounted_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over answers. The two `estimated_` sums cover the same answers, so they compare.

    `uncounted_usd` is the estimated cost of `uncounted_answers`, which no other sum contains.
    """

    answers: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    baseline_usd: float = 0.0
    estimated_predicted_usd: float = 0.0
    estimated_cost_usd: float = 0.0
    uncounted_answers: int = 0
    uncounted_usd: float = 0.0

    @classmethod
    def of(cls, charge: Charge) -> Totals:
        estimated = charge.predicted_usd is not None
        return cls(
            answers=1,
            prompt_tokens=charge.usage.prompt_tokens,
            completion_tokens=charge.usage.completion_tokens,
            cost_usd=charge.cost_usd,
            baseline_usd=charge.baseline_usd,
            estimated_predicted_usd=charge.predicted_usd or 0.0,
            estimated_cost_usd=charge.cost_usd if estimated else 0.0,
            uncounted_answers=int(charge.uncounted_usd > 0.0),
            uncounted_usd=charge.uncounted_usd,
        )

    def __add__(self, other: Totals) -> Totals:
        sums = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        return Totals(**sums)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """All that was spent: the sum, and its parts by pair.

    `shadow` is what grading asked of the reference pair; no caller asked for it, and no other
    sum contains it.
    """

    baseline: str
    total: Totals
    pairs: Mapping[str, Totals]
    shadow: Totals


class Ledger:
    """Adds up charges."""

    def __init__(self, baseline: str) -> None:
        self._baseline = baseline
        self._pairs: dict[str, Totals] = {}
        self._shadow = Totals()

    def charge(
        self,
        pair: str,
        usage: Usage,
        catalog: Catalog | None,
        predicted_usd: float | None,
        *,
        uncounted: Usage = NO_USAGE,
    ) -> Charge:
        """Prices one answer by the catalog its request was routed with, and adds it.

        `uncounted` is what it is estimated to have used where the engine sent no usage.
        """
        charge = Charge(
            pair=pair,
            usage=usage,
            cost_usd=cost_usd(pair, usage, catalog),
            baseline_usd=_baseline_usd(self._baseline, pair, usage, catalog),
            predicted_usd=predicted_usd,
            uncounted_usd=cost_usd(pair, uncounted, catalog),
        )
        self._pairs[pair] = self._pairs.get(pair, Totals()) + Totals.of(charge)
        return charge

    def charge_shadow(self, pair: str, usage: Usage, catalog: Catalog | None) -> float:
        """Adds one answer that grading asked for; returns what it cost in USD."""
        spent_usd = cost_usd(pair, usage, catalog)
        charge = Charge(pair=pair, usage=usage, cost_usd=spent_usd, baseline_usd=0.0)
        self._shadow += Totals.of(charge)
        return spent_usd

    def account(self) -> Account:
        total = sum(self._pairs.values(), Totals())
        return Account(
            baseline=self._baseline, total=total, pairs=dict(self._pairs), shadow=self._shadow
        )


def cost_usd(pair: str, usage: Usage, catalog: Catalog | None) -> float:
    """Marginal cost; a pair without a profile has no price and costs nothing on the books."""
    price = catalog.prices.get(pair) if catalog is not None else None
    return price.cost_usd(usage) if price is not None else 0.0


def _baseline_usd(baseline: str, pair: str, usage: Usage, catalog: Catalog | None) -> float:
    """The cost of the same text at the baseline pair, in the baseline's own tokens."""
    if catalog is None or pair not in catalog.profiles or baseline not in catalog.profiles:
        return cost_usd(baseline, usage, catalog)
    ratio = catalog.profiles[baseline].tokens_ratio / catalog.profiles[pair].tokens_ratio
    return catalog.prices[baseline].cost_usd(usage) * ratio
