"""The catalog and the policy that decisions read: what is published over the fleet file's policy.

Usage and feedback correct the catalog.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from serve_app.core.catalog import Catalog, Snapshot
from serve_app.core.cost import Usage
from serve_app.core.events import TokenRatiosChanged
from serve_app.core.fleet import Pair
from serve_app.core.inference_request import InferenceRequest
from serve_app.core.policy import Policy
from serve_app.core.ports import Clock, Events
from serve_app.core.request import Features
from serve_app.tokens.ratio import TokenRatio, TokenTotals, is_informative, token_ratio

Correct = Callable[[Catalog], Catalog]

SWAP_EVERY_S = 1.0
# The estimate of a prompt's tokens is less precise than a smaller change.
NOTICEABLE_SHARE = 0.005
NOTICEABLE_TOKENS = 1.0


class LiveCatalog:
    """Three writers make a new snapshot where something changed. Reading `current` changes nothing.

    `publish` replaces the profiles and forgets all counts. `counted` corrects each pair's ratio
    of tokens and what its template adds. Each ingress replica learns from the requests that it
    answered itself. `correct_by` sets how feedback corrects this publication and the next ones.
    `policy` is the fleet file's, and holds where nothing published states otherwise. `pairs` are
    the deployed ones, with the limits of their own on answers.
    """

    def __init__(
        self, clock: Clock, events: Events, *, policy: Policy, pairs: Sequence[Pair]
    ) -> None:
        self._policy = policy
        self._pairs = tuple(pairs)
        self._snapshot = Snapshot.of(None, policy, self._pairs)
        self._clock = clock
        self._events = events
        self._published: Catalog | None = None
        self._refusal: str | None = None
        self._correct: Correct = lambda catalog: catalog
        self._totals: dict[str, TokenTotals] = {}
        self._swapped_s = clock.now()

    @property
    def snapshot(self) -> Snapshot:
        """What to decide by. It has no catalog before the first publication."""
        return self._snapshot

    @property
    def current(self) -> Catalog | None:
        return self._snapshot.catalog

    @property
    def published(self) -> Catalog | None:
        """The last publication at the policy's prices, without corrections."""
        return self._published

    @property
    def refusal(self) -> str | None:
        """Why the store's active catalog is not in use. `None` while nothing is wrong with it."""
        return self._refusal

    def refuse(self, reason: str | None) -> None:
        """Keeps the catalog in use, and `reason` for those who ask why."""
        self._refusal = reason

    def publish(self, catalog: Catalog) -> None:
        """Replaces everything by a publication, and corrects it by the feedback so far.

        Raises `CatalogInvalid`, with nothing changed, for a policy that this fleet cannot serve by.
        """
        published = Snapshot.of(catalog, self._policy, self._pairs)
        priced = published.catalog or catalog
        current = self._correct(priced)
        self._totals.clear()
        self._published, self._snapshot = priced, replace(published, catalog=current)
        self._tell_ratios(catalog)

    def set_policy(self, policy: Policy) -> None:
        """Replaces the fleet file's policy. What is published still holds over it.

        Raises `CatalogInvalid`, with nothing changed, where the published policy cannot be used
        over it.
        """
        replaced = Snapshot.of(self._published, policy, self._pairs)
        self._policy = policy
        self._snapshot = replace(replaced, catalog=self.current)

    def correct_by(self, correct: Correct) -> None:
        """Applies `correct` from now on. It returns the same catalog where nothing changes."""
        self._correct = correct
        if self.current is not None:
            self._snapshot = replace(self._snapshot, catalog=correct(self.current))

    def counted(
        self, request: InferenceRequest, features: Features | None, pair: str, usage: Usage
    ) -> None:
        """Learns from what the engine of `pair` counted for one request.

        A request teaches nothing if its text does not explain what fills the context.
        """
        if features is None or not request.wholly_counted or not usage.prompt_tokens:
            return
        published = self._published
        if published is None or pair not in published.profiles:
            return
        ratio, estimated = published.profiles[pair].tokens_ratio, features.prompt_tokens
        if not is_informative(ratio, estimated=estimated, actual=usage.prompt_tokens):
            return
        totals = self._totals.get(pair, TokenTotals())
        self._totals[pair] = totals.plus(
            request.form, estimated=estimated, actual=usage.prompt_tokens
        )
        now_s = self._clock.now()
        if now_s - self._swapped_s >= SWAP_EVERY_S:
            self._swapped_s = now_s
            self._calibrate()

    def token_calibration(self) -> Mapping[str, TokenRatio]:
        """The current estimate for every pair that has a profile."""
        return {
            profile.pair: token_ratio(
                profile.tokens_ratio, self._totals.get(profile.pair, TokenTotals())
            )
            for profile in self._published or ()
        }

    def _calibrate(self) -> None:
        catalog = self.current
        if catalog is None:
            return
        held = self.token_calibration()
        moved = {
            pair: replace(profile, tokens_ratio=held[pair].ratio)
            for pair, profile in catalog.profiles.items()
            if abs(held[pair].ratio - profile.tokens_ratio)
            >= NOTICEABLE_SHARE * profile.tokens_ratio
        }
        added_tokens = {
            (pair, form): tokens
            for pair, ratio in held.items()
            for form, tokens in ratio.added_tokens.items()
        }
        known = catalog.added_tokens
        added_differ = any(
            abs(tokens - known.get(key, 0.0)) >= NOTICEABLE_TOKENS
            for key, tokens in added_tokens.items()
        )
        if moved or added_differ:
            calibrated = replace(
                catalog, profiles={**catalog.profiles, **moved}, added_tokens=added_tokens
            )
            self._snapshot = replace(self._snapshot, catalog=calibrated)
            self._tell_ratios(calibrated)

    def _tell_ratios(self, catalog: Catalog) -> None:
        ratios = {profile.pair: profile.tokens_ratio for profile in catalog}
        self._events.emit(TokenRatiosChanged(ratios=ratios))
