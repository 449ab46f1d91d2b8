"""The published catalog with every pair's tokens as the engines' counts have corrected them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from serve_app.core.catalog import Catalog
from serve_app.core.cost import Usage
from serve_app.core.events import TokenRatiosChanged
from serve_app.core.inference_request import Inbound
from serve_app.core.ports import Clock, CurrentCatalog, Events
from serve_app.core.request import Features, PromptForm
from serve_app.tokens.ratio import TokenRatio, TokenTally, is_telling, token_ratio

AddedTokens = Mapping[tuple[str, PromptForm], float]

SWAP_EVERY_S = 1.0
# A smaller change is within what an estimate is off anyway.
NOTICEABLE_SHARE = 0.005
NOTICEABLE_TOKENS = 1.0


class TokenRatios:
    """A `CurrentCatalog`: a snapshot is made when counts have moved it, not per request.

    Its readers see the calibrated ratio as the profile's own, and what each pair's template
    adds. A new publication resets it. Each ingress replica learns from the
    requests it answered itself.
    """

    def __init__(self, published: CurrentCatalog, clock: Clock, events: Events) -> None:
        self._published = published
        self._clock = clock
        self._events = events
        self._tallies: dict[str, TokenTally] = {}
        self._base: Catalog | None = None
        self._corrected: Catalog | None = None
        self._swapped_s = clock.now()

    @property
    def current(self) -> Catalog | None:
        published = self._published.current
        if published is not self._base:
            self._tallies.clear()
            self._base = self._corrected = published
            self._tell()
        return self._corrected

    def counted(self, inbound: Inbound, features: Features | None, pair: str, usage: Usage) -> None:
        """Learns from what the engine of `pair` counted for one request.

        Requests whose text does not tell what fills the context teach nothing.
        """
        if features is None or not inbound.wholly_counted or not usage.prompt_tokens:
            return
        catalog = self.current
        if catalog is None or self._base is None or pair not in self._base.profiles:
            return
        ratio, estimated = self._base.profiles[pair].tokens_ratio, features.prompt_tokens
        if not is_telling(ratio, estimated=estimated, actual=usage.prompt_tokens):
            return
        tally = self._tallies.get(pair, TokenTally())
        self._tallies[pair] = tally.plus(
            inbound.form, estimated=estimated, actual=usage.prompt_tokens
        )
        self._swap(catalog)

    def ratios(self) -> Mapping[str, TokenRatio]:
        """What is held of every pair that has a profile."""
        if self.current is None or self._base is None:
            return {}
        return {
            profile.pair: token_ratio(
                profile.tokens_ratio, self._tallies.get(profile.pair, TokenTally())
            )
            for profile in self._base
        }

    def _swap(self, catalog: Catalog) -> None:
        now_s = self._clock.now()
        if now_s - self._swapped_s < SWAP_EVERY_S:
            return
        self._swapped_s = now_s
        held = self.ratios()
        moved = {
            pair: replace(profile, tokens_ratio=held[pair].ratio)
            for pair, profile in catalog.profiles.items()
            if _is_noticeable(profile.tokens_ratio, held[pair].ratio)
        }
        added_tokens = {
            (pair, form): tokens
            for pair, ratio in held.items()
            for form, tokens in ratio.added_tokens.items()
        }
        if moved or _differ(added_tokens, catalog.added_tokens):
            self._corrected = replace(
                catalog, profiles={**catalog.profiles, **moved}, added_tokens=added_tokens
            )
            self._tell()

    def _tell(self) -> None:
        if self._corrected is not None:
            ratios = {profile.pair: profile.tokens_ratio for profile in self._corrected}
            self._events.emit(TokenRatiosChanged(ratios=ratios))


def _is_noticeable(old: float, new: float) -> bool:
    return abs(new - old) >= NOTICEABLE_SHARE * old


def _differ(new: AddedTokens, old: AddedTokens) -> bool:
    return any(
        abs(tokens - old.get(known, 0.0)) >= NOTICEABLE_TOKENS for known, tokens in new.items()
    )
