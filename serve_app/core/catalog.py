"""An immutable, versioned snapshot of all profiles and the policy, and who published it when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from serve_app.core.cost import TokenPrice
from serve_app.core.errors import CatalogInvalid, quoted
from serve_app.core.fleet import Pair
from serve_app.core.policy import Policy, PublishedPolicy
from serve_app.core.profile import Correction, Profile
from serve_app.core.request import PromptForm, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All profiles and the policy of one version. A request keeps one; updates swap it.

    `policy` is `None` where none is published, and `policy_version` the publication that brought
    it. `corrections` is what feedback has moved since the profiles were measured, `added_tokens`
    what each pair's template was seen to add to prompts of a form; neither is ever published.
    """

    version: str
    profiles: Mapping[str, Profile]
    policy: PublishedPolicy | None = None
    policy_version: str | None = None
    corrections: Mapping[tuple[str, Task], Correction] = field(default_factory=dict)
    added_tokens: Mapping[tuple[str, PromptForm], float] = field(default_factory=dict)
    prices: Mapping[str, TokenPrice] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        prices = {pair: TokenPrice.of(profile) for pair, profile in self.profiles.items()}
        object.__setattr__(self, "profiles", MappingProxyType(dict(self.profiles)))
        object.__setattr__(self, "prices", MappingProxyType(prices))

    @classmethod
    def of(cls, version: str, profiles: Iterable[Profile]) -> Catalog:
        """Builds a catalog; raises `ValueError` when two profiles share a pair id."""
        by_pair: dict[str, Profile] = {}
        for profile in profiles:
            if profile.pair in by_pair:
                raise ValueError(f"two profiles for pair {profile.pair!r}")
            by_pair[profile.pair] = profile
        return cls(version=version, profiles=by_pair)

    def priced(self) -> Catalog:
        """The catalog with the policy's prices in its profiles."""
        stated = {} if self.policy is None else self.policy.pairs
        moved = {
            pair: replace(profile, hardware=replace(profile.hardware, usd_per_hour=price))
            for pair, profile in self.profiles.items()
            if pair in stated and (price := stated[pair].usd_per_hour) is not None
        }
        return replace(self, profiles={**self.profiles, **moved}) if moved else self

    def __iter__(self) -> Iterator[Profile]:
        return iter(self.profiles.values())

    def __len__(self) -> int:
        return len(self.profiles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One publication: its number, date, author and pairs.

    `published_at` is in ISO 8601, with its zone. `policy_version` is the publication that its
    policy comes from, `None` where it has none. `restores` is the version that a rollback
    published again.
    """

    version: str
    published_at: str
    by: str
    pairs: tuple[str, ...]
    note: str = ""
    restores: str | None = None
    policy_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one request is decided, served and billed by, from its first byte to its last.

    `catalog` is `None` before the first one. `policy` is the fleet file's with what is published
    over it. `pairs` are the deployed ones, each with the limit on answers that it gives them.
    `pinned_policy` is for requests that name a pair: they want it, whatever speaks against
    choosing it.
    """

    catalog: Catalog | None
    policy: Policy
    pairs: tuple[Pair, ...]
    pinned_policy: Policy = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pinned = replace(self.policy, numeric_guard_share=1.0, golden_gate=False)
        object.__setattr__(self, "pinned_policy", pinned)

    @classmethod
    def of(cls, catalog: Catalog | None, policy: Policy, pairs: Sequence[Pair]) -> Snapshot:
        """`policy` with the catalog's own over it, for the deployed `pairs`.

        Names of other pairs have no effect: another fleet may have them. Raises `CatalogInvalid`
        for a policy that leaves none of `pairs` to serve, or none to fall back to.
        """
        if catalog is not None and catalog.policy is not None:
            policy = policy.amended(catalog.policy, catalog.policy_version)
            fleet = [pair.id for pair in pairs]
            if problems := policy_leaves_none(catalog, fleet, policy.static_fallback):
                raise CatalogInvalid(f"version {catalog.version}", problems)
            on = tuple(p for p in policy.static_fallback if p not in policy.switched_off)
            policy = replace(policy, static_fallback=on)
            catalog = catalog.priced()
        return cls(
            catalog=catalog,
            policy=policy,
            pairs=tuple(policy.applied_to(pair) for pair in pairs),
        )


def policy_leaves_none(
    catalog: Catalog, fleet: Sequence[str], fallbacks: Sequence[str]
) -> tuple[str, ...]:
    """Why the catalog's policy leaves no pair of `fleet` to serve, or none of its `fallbacks`.

    Each line opens with the field's path.
    """
    if catalog.policy is None:
        return ()
    off, profiled = catalog.policy.switched_off, catalog.profiles.keys()
    on = [pair for pair in fleet if pair not in off]
    if fleet and not on:
        return (
            f"policy.pairs: it switches off all pairs of this fleet, {quoted(fleet)}; leave at "
            f"least one of them on",
        )
    if profiled & set(fleet) and not profiled & set(on):
        return (
            f"policy.pairs: the pairs that it leaves on, {quoted(on)}, have no profile in this "
            f"catalog; leave a pair on that has one, or publish profiles of these",
        )
    if fallbacks and not set(fallbacks) & set(on):
        return (
            f"policy.static_fallback: no pair of {quoted(fallbacks)} is on in this fleet; name one "
            f"of {quoted(on)} in static_fallback, or switch one on",
        )
    return ()
