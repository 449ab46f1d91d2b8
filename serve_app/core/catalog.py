"""An immutable, versioned snapshot of all profiles, and who published it when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from serve_app.core.cost import TokenPrice
from serve_app.core.profile import Correction, Profile
from serve_app.core.request import PromptForm, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All profiles of one version. Readers hold one for a whole request; updates swap it.

    `corrections` is what feedback has moved since the profiles were measured, `added_tokens` what
    each pair's template was seen to add to prompts of a form; neither is ever published.
    """

    version: str
    profiles: Mapping[str, Profile]
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

    def __iter__(self) -> Iterator[Profile]:
        return iter(self.profiles.values())

    def __len__(self) -> int:
        return len(self.profiles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One publication: its number, date, author and pairs.

    `published_at` is in ISO 8601, with its zone. `restores` is the version whose profiles a
    rollback published again.
    """

    version: str
    published_at: str
    by: str
    pairs: tuple[str, ...]
    note: str = ""
    restores: str | None = None
