"""What can be configured: frozen values that the code reads as they are.

Pydantic validates them once, in `parse`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Len
from pydantic import AfterValidator, AllowInfNan, BeforeValidator

from serve_app.core.breaker import BreakerSettings
from serve_app.core.fleet import Pair
from serve_app.core.policy import (
    NUMERIC_GUARD_SHARE,
    PUBLISHED_MARGIN,
    Policy,
    PublishedPolicy,
    Weights,
)
from serve_app.core.request import Constraints, Preset
from serve_app.core.units import NonNegativeInt, PositiveFloat, PositiveInt, Ratio
from serve_app.package_files import PREFIX, locate
from serve_app.settings.pairs import LONGEST_ANSWER_S, PairSettings, ReplicaSettings, Settings
from serve_app.settings.secrets import REFERENCE
from serve_app.store_address import REDIS_SCHEMES, SCHEMES, redis_address

DEFAULT_BREAKER = BreakerSettings()
DEFAULT_CONSTRAINTS = Constraints(latency_budget_ms=400, min_accuracy=0.90)
PRESETS: Mapping[Preset, Weights] = {
    "balanced": Weights(accuracy=0.15, latency=0.15, cost=0.70),
    "chat": Weights(accuracy=0.15, latency=0.70, cost=0.15),
    "batch": Weights(accuracy=0.05, latency=0.00, cost=0.95),
    "quality": Weights(accuracy=0.90, latency=0.05, cost=0.05),
}


def _is_installed(path: str) -> str:
    """Refuses a `package:` path that the installed packages do not have."""
    try:
        found = locate(path)
    except ModuleNotFoundError as exc:
        raise ValueError(f"package {exc.name!r} is not installed") from exc
    if path.startswith(PREFIX) and not Path(found).exists():
        raise ValueError(f"the installed package has no {found}")
    return path


# A path that may be inside an installed package, as `package:profiles/data`.
InstalledPath = Annotated[str, AfterValidator(_is_installed)]


def _not_installed(path: str) -> str:
    if path.startswith(PREFIX):
        raise ValueError(
            "catalogs are published here, so it cannot be inside an installed package; name "
            "a folder or redis://, and the package's folder in fallback_url"
        )
    return path


def _one_or_several(given: object) -> object:
    return (given,) if isinstance(given, str) else given


def _store_address(address: str) -> str:
    # What a reference stands for is not known here. It may be all of the address.
    readable = REFERENCE.sub("secret", address)
    scheme, separator, _ = readable.partition("://")
    if separator and scheme not in SCHEMES:
        raise ValueError(
            f"no profile store is at {scheme}://; allowed: the path of a folder, or "
            f"{', '.join(f'{known}://' for known in SCHEMES)}"
        )
    if scheme in REDIS_SCHEMES:
        redis_address(readable)
    return address


def _origin(origin: str) -> str:
    if origin != "*" and re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", origin) is None:
        raise ValueError(
            f"{origin!r} is not the origin of a page; allowed: * for all, or a scheme, a host and "
            f"a port without a path, as https://chat.example.org"
        )
    return origin


StoreAddress = Annotated[str, AfterValidator(_store_address)]
# Ingress and classifier: one replica takes many requests at once.
SMALL_REPLICAS = ReplicaSettings(target_ongoing_requests=64)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBudgetSettings(Settings):
    """Within `window_s`, `share` of the requests may be retried, and `min_retries` beyond that."""

    share: Ratio = 0.2
    min_retries: NonNegativeInt = 10
    window_s: PositiveFloat = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings(Settings):
    """How pairs are chosen and tried. Weights left out keep their shipped values.

    `static_fallback` may be one id or several. `defaults` are the constraints of requests that set
    none. `first_token_deadline_ms` bounds a request from its first byte, over all attempts, to the
    first token of a stream or the whole of a unary answer. It also bounds every silence of a
    stream. A stream leaves a pair for the next one when its first token takes
    `attempt_timeout_factor` times as long as predicted, and at least
    `attempt_timeout_min_ms`. A unary answer of bounded length leaves when it takes that many times
    what its greatest length would. Both leave after `attempt_share` of the time that is left,
    unless the pair was predicted to need more. `breaker` and `retry_budget` limit what is tried.
    """

    reference_pair: str
    static_fallback: Annotated[tuple[str, ...], BeforeValidator(_one_or_several), Len(1)]
    defaults: Constraints = DEFAULT_CONSTRAINTS
    weights: Mapping[Preset, Weights] = field(default_factory=lambda: dict(PRESETS))
    numeric_guard_share: Ratio = NUMERIC_GUARD_SHARE
    published_margin: Annotated[float, Ge(1), AllowInfNan(False)] = PUBLISHED_MARGIN
    first_token_deadline_ms: PositiveFloat = 60_000
    max_attempts: PositiveInt = 3
    attempt_timeout_factor: PositiveFloat = 4.0
    attempt_timeout_min_ms: PositiveFloat = 5_000
    attempt_share: Annotated[float, Gt(0), Le(1)] = 0.5
    breaker: BreakerSettings = DEFAULT_BREAKER
    retry_budget: RetryBudgetSettings = RetryBudgetSettings()
    default_max_tokens: PositiveInt | None = None
    retry_after_s: PositiveFloat = 1.0

    def amended(self, stated: PublishedPolicy) -> RoutingSettings:
        """The same with what `stated` replaces."""
        policy = self.policy.amended(stated, None)
        return replace(
            self,
            weights=policy.weights,
            defaults=policy.defaults,
            static_fallback=policy.static_fallback,
            numeric_guard_share=policy.numeric_guard_share,
            published_margin=policy.published_margin,
            default_max_tokens=policy.default_max_tokens,
        )

    @property
    def policy(self) -> Policy:
        """What holds until a published policy states otherwise."""
        return Policy(
            weights={**PRESETS, **self.weights},
            reference_pair=self.reference_pair,
            numeric_guard_share=self.numeric_guard_share,
            published_margin=self.published_margin,
            defaults=self.defaults,
            static_fallback=self.static_fallback,
            default_max_tokens=self.default_max_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressSettings(Settings):
    """The router's HTTP front. `send_timeout_s` drops a client that has stopped reading.

    A body over `body_limit_bytes`, after decompression, or with over `body_limit_values` JSON
    values is refused. One over `body_thread_bytes` is read in a thread. Pages of `cors_origins`
    may call the router from a browser.
    """

    replicas: ReplicaSettings = SMALL_REPLICAS
    cpus: PositiveFloat = 0.1
    max_ongoing_requests: PositiveInt = 1024
    body_limit_bytes: PositiveInt = 8 * 1024 * 1024
    body_limit_values: PositiveInt = 250_000
    body_thread_bytes: NonNegativeInt = 64 * 1024
    max_messages: PositiveInt = 10_000
    max_message_parts: PositiveInt = 1_000
    cors_origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = ()
    send_timeout_s: PositiveFloat = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierSettings(Settings):
    """The classifier deployment and how long the ingress waits for it.

    `success_model` is the file of a trained success model; without one the heuristics classify.
    It may be `package:NAME/...`. A relative path starts where those of `StoreSettings` do.
    """

    success_model: Annotated[InstalledPath, Len(1)] | None = None
    replicas: ReplicaSettings = SMALL_REPLICAS
    cpus: PositiveFloat = 0.1
    deadline_ms: PositiveFloat = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowSettings(Settings):
    """Which answers are asked of the reference pair too, in the background, to be graded.

    `share` of the answers of other pairs; 0 asks none. `reference_pair` is that of `routing`
    unless set.
    """

    share: Ratio = 0.0
    reference_pair: str | None = None
    usd_per_hour: PositiveFloat = 1.0
    max_in_flight: PositiveInt = 1
    max_reference_load: Annotated[float, Gt(0), Le(1)] = 0.5
    timeout_s: PositiveFloat = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackSettings(Settings):
    """How feedback on answers is used.

    `weight` and `shadow_weight` are what one score weighs against one item of a profile. `log` is
    a folder; without one graded requests are not kept.
    """

    weight: Ratio = 0.5
    shadow_weight: Ratio = 1.0
    half_life_s: PositiveFloat = 7 * 24 * 3600.0
    max_weight: PositiveFloat = 200.0
    retention_count: PositiveInt = 20_000
    retention_s: PositiveFloat = 24 * 3600.0
    log: str | None = None
    log_prompts: bool = False
    log_max_bytes: PositiveInt = 64 * 1024 * 1024
    log_files: Annotated[int, Ge(2)] = 4
    shadow: ShadowSettings = ShadowSettings()

    def __post_init__(self) -> None:
        if self.log_prompts and self.log is None:
            raise ValueError("log_prompts is true and there is no log: name a folder in log")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings(Settings):
    """Where profiles come from: a folder or `redis://`; `fallback_url` serves a cold start without
    it.

    Relative folders are relative to the working directory of the Serve application, which
    `quantroute serve` makes the folder of the configuration file. Both may contain references to
    secrets, as `secrets` describes. `fallback_url` may be
    `package:NAME/...`. `url` may not, because `quantroute publish` writes there.
    """

    url: Annotated[StoreAddress, AfterValidator(_not_installed)] = "profiles/data"
    fallback_url: Annotated[StoreAddress, AfterValidator(_is_installed)] = "package:profiles/data"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppArgs(Settings):
    """The arguments of `serve_app.app:build_app`.

    `start_without_missing_weights` lets `quantroute serve` leave out pairs whose weights no source
    has. The application itself does not read it. `longest_answer_s` bounds an answer from its
    request's first byte to its last text. Replicas get that long and 30 s to finish their answers
    before they stop, unless their own `drain_timeout_s` is set.
    """

    pairs: tuple[PairSettings, ...]
    routing: RoutingSettings
    ingress: IngressSettings = IngressSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    store: StoreSettings = StoreSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    reference_tokenizer: str | None = None
    start_without_missing_weights: bool = False
    longest_answer_s: PositiveFloat = LONGEST_ANSWER_S
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def deployed(self) -> tuple[Pair, ...]:
        """The pairs, each with its own limit on answers. The fleet's limit is in the policy."""
        return tuple(pair.pair for pair in self.pairs)

    @property
    def composed(self) -> tuple[PairSettings, ...]:
        """The pairs that are deployments of this application, with the time they get to drain."""
        return tuple(
            replace(pair, replicas=replace(pair.replicas, drain_timeout_s=self.drain_s(pair)))
            for pair in self.pairs
            if pair.url is None and pair.app is None
        )

    def drain_s(self, of: PairSettings | IngressSettings | ClassifierSettings) -> float:
        """Seconds that a replica gets to finish its answers."""
        return of.replicas.drain_s(self.longest_answer_s)

    @property
    def endpoints(self) -> tuple[PairSettings, ...]:
        """The pairs that run at a URL."""
        return tuple(pair for pair in self.pairs if pair.url is not None)

    @property
    def applications(self) -> dict[str, str]:
        """The Serve application of each pair that has one of its own."""
        return {pair.id: pair.app for pair in self.pairs if pair.app is not None}

    @property
    def max_replicas(self) -> dict[str, int]:
        """How many replicas each pair may have that Ray Serve runs."""
        return {pair.id: pair.replicas.max for pair in self.pairs if pair.url is None}
