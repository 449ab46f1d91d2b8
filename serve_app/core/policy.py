"""The operator's policy: what requests get by default, and what decides between pairs.

The fleet file's values are the start. A published policy replaces those that it states.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, get_args

from annotated_types import Ge, Len

from serve_app.core.errors import quoted
from serve_app.core.fleet import Pair
from serve_app.core.request import Constraints, Preset
from serve_app.core.units import Name, PositiveFloat, PositiveInt, Ratio, Strict

NUMERIC_GUARD_SHARE = 0.30
PUBLISHED_MARGIN = 1.25
NO_CONSTRAINTS = Constraints()
Margin = Annotated[float, Ge(1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights(Strict):
    """What one term of the utility is worth against the others."""

    accuracy: Ratio
    latency: Ratio
    cost: Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPolicy(Strict):
    """What a published policy states of one pair. `None` keeps the value that it has without.

    No request is sent to a pair that is not `enabled`. `usd_per_hour` is the price of one replica's
    hardware, in place of its profile's. `default_max_tokens` limits answers whose request sets no
    limit.
    """

    enabled: bool = True
    usd_per_hour: PositiveFloat | None = None
    default_max_tokens: PositiveInt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPolicy(Strict):
    """What a published policy states. Fields are those of `Policy`. `None` keeps the fleet file's.

    `weights` replaces presets one by one, `pairs` fields of pairs one by one. `defaults` replaces
    the constraints of requests that set none, all of them together.
    """

    weights: Mapping[Preset, Weights] = field(default_factory=dict)
    defaults: Constraints | None = None
    static_fallback: Annotated[tuple[Name, ...], Len(1)] | None = None
    numeric_guard_share: Ratio | None = None
    published_margin: Margin | None = None
    default_max_tokens: PositiveInt | None = None
    pairs: Mapping[Name, PairPolicy] = field(default_factory=dict)

    @property
    def switched_off(self) -> frozenset[str]:
        return _switched_off(self.pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What decides between pairs that all meet a request's constraints, and who may serve at all.

    `reference_pair` is what a request would cost without routing; candidates' costs are
    shares of its cost. Prompts with more than `numeric_guard_share` numeric tokens never go
    to FP8 activations. `published_margin` multiplies the latencies of profiles that were not
    measured on this hardware. A pair whose golden set failed is not chosen, unless `golden_gate`
    is off. `defaults` are the constraints of requests that set none. `static_fallback` are the
    pairs that serve when routing itself fails. `default_max_tokens` limits the answers of pairs
    without a limit of their own. `switched_off` pairs get no request. `version` is the publication
    that the policy comes from, `None` for the fleet file's. Raises `ValueError` when a preset has
    no weights, or the margin would make a published profile faster than its figures.
    """

    weights: Mapping[Preset, Weights]
    reference_pair: str
    numeric_guard_share: Ratio = NUMERIC_GUARD_SHARE
    published_margin: Margin = PUBLISHED_MARGIN
    golden_gate: bool = True
    defaults: Constraints = NO_CONSTRAINTS
    static_fallback: tuple[str, ...] = ()
    default_max_tokens: PositiveInt | None = None
    pairs: Mapping[str, PairPolicy] = field(default_factory=dict)
    version: str | None = None
    switched_off: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        missing = [preset for preset in get_args(Preset) if preset not in self.weights]
        if missing:
            raise ValueError(
                f"weights has {sorted(self.weights)} but no {missing}: "
                f"give accuracy, latency and cost weights for every preset"
            )
        # Written so that NaN is refused too.
        if not self.published_margin >= 1.0:
            raise ValueError(
                f"published_margin is {self.published_margin!r}; it should be 1 or more, as what "
                f"others measured is not to be bettered here"
            )
        object.__setattr__(self, "switched_off", _switched_off(self.pairs))

    def amended(self, published: PublishedPolicy, version: str | None) -> Policy:
        """This policy with the values that `published` states."""
        stated = {
            name: value
            for name in (
                "defaults",
                "static_fallback",
                "numeric_guard_share",
                "published_margin",
                "default_max_tokens",
            )
            if (value := getattr(published, name)) is not None
        }
        return replace(
            self,
            **stated,
            weights={**self.weights, **published.weights},
            pairs=published.pairs,
            version=version,
        )

    def applied_to(self, pair: Pair) -> Pair:
        """The pair with the limit on answers that this policy gives it."""
        stated = self.pairs.get(pair.id)
        own = stated.default_max_tokens if stated is not None else None
        limit = own or pair.default_max_tokens or self.default_max_tokens
        return pair if limit == pair.default_max_tokens else replace(pair, default_max_tokens=limit)


def policy_problems(policy: PublishedPolicy) -> Iterator[str]:
    """One line for each thing wrong in itself, opening with the field's path."""
    for preset, weights in policy.weights.items():
        if not (weights.accuracy or weights.latency or weights.cost):
            yield (
                f"weights.{preset}: accuracy, latency and cost are all 0, which ranks no pair; "
                f"give at least one of them a weight above 0"
            )
    fallbacks = policy.static_fallback or ()
    if off := [pair for pair in fallbacks if pair in policy.switched_off]:
        yield (
            f"static_fallback: {quoted(off)} is switched off in pairs; name pairs that are on, or "
            f"switch it on"
        )


def _switched_off(pairs: Mapping[str, PairPolicy]) -> frozenset[str]:
    return frozenset(pair for pair, stated in pairs.items() if not stated.enabled)
