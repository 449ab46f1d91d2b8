"""What can be configured, typed and frozen. Unknown fields are refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from serve_app.core.fleet import ACCELERATORS, CPU, Pair
from serve_app.core.profile import Hardware, Quantization
from serve_app.core.request import Capability, Constraints, Preset
from serve_app.core.scoring import Policy, Weights
from serve_app.package_files import PREFIX, locate

STORE_SCHEMES = ("file", "redis", "rediss")
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


class Settings(BaseModel):
    """What every settings class shares: frozen, strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ReplicaSettings(Settings):
    """How many replicas a deployment may have, and when Ray Serve starts another."""

    min: NonNegativeInt = 1
    max: PositiveInt = 1
    target_ongoing_requests: PositiveFloat = 8
    upscale_delay_s: NonNegativeFloat = 10
    downscale_delay_s: NonNegativeFloat = 300

    @model_validator(mode="after")
    def _ordered(self) -> ReplicaSettings:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) may not exceed max ({self.max})")
        return self


class PairSettings(Settings):
    """One pair: what is deployed, on what, at what price.

    `checkpoint` is a local path, the name of a checkpoint that `quantroute weights` makes, or a
    model hub's id. `engine` goes to vLLM as it is; `env` is set for the engine's processes.
    `cpus` are the logical CPUs one replica reserves in Ray.
    """

    id: str = Field(min_length=1, max_length=120, pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$")
    model: str = Field(min_length=1, max_length=120)
    checkpoint: str = Field(min_length=1)
    parent: str | None = None
    quantization: Quantization
    hardware: Hardware
    context_window: PositiveInt
    max_concurrency: PositiveInt
    max_queued_requests: PositiveInt = 64
    capabilities: frozenset[Capability] = frozenset({"tools", "json_schema", "logprobs"})
    replicas: ReplicaSettings = ReplicaSettings()
    cpus: PositiveFloat = 1.0
    engine: Mapping[str, JsonValue] = {}
    env: Mapping[str, str] = {}

    @field_validator("id")
    @classmethod
    def _not_auto(cls, value: str) -> str:
        if value == "auto":
            raise ValueError("'auto' is the name that asks for routing; give the pair another")
        return value

    @field_validator("hardware")
    @classmethod
    def _known_accelerator(cls, value: Hardware) -> Hardware:
        if value.accelerator not in ACCELERATORS:
            raise ValueError(
                f"accelerator {value.accelerator!r} is unknown; allowed: {', '.join(ACCELERATORS)}"
            )
        whole = float(value.count).is_integer()
        if value.accelerator != CPU and value.count > 1 and not whole:
            raise ValueError(
                f"count {value.count:g}: a replica takes a fraction of one accelerator or a whole "
                f"number of them"
            )
        return value

    @property
    def pair(self) -> Pair:
        return Pair(
            id=self.id,
            model=self.model,
            quantization=self.quantization,
            hardware=self.hardware,
            context_window=self.context_window,
            max_concurrency=self.max_concurrency,
            capabilities=self.capabilities,
        )


class RoutingSettings(Settings):
    """How pairs are chosen. Weights left out keep their shipped values."""

    reference_pair: str
    static_fallback: str
    defaults: Constraints = Constraints(latency_budget_ms=400, min_accuracy=0.90)
    weights: Mapping[Preset, Weights] = Field(default_factory=lambda: dict(PRESETS))
    numeric_guard_share: float = Field(default=0.30, ge=0, le=1)
    published_margin: float = Field(default=1.25, ge=1, allow_inf_nan=False)
    chain_deadline_ms: PositiveFloat = 60_000
    max_attempts: PositiveInt = 3
    attempt_patience: PositiveFloat = 4.0
    attempt_floor_ms: PositiveFloat = 5_000
    retry_after_s: PositiveFloat = 1.0

    @property
    def policy(self) -> Policy:
        return Policy(
            weights={**PRESETS, **self.weights},
            reference_pair=self.reference_pair,
            numeric_guard_share=self.numeric_guard_share,
            published_margin=self.published_margin,
        )


class IngressSettings(Settings):
    """The router's HTTP front. `send_timeout_s` drops a client that has stopped reading."""

    replicas: ReplicaSettings = ReplicaSettings(target_ongoing_requests=64)
    cpus: PositiveFloat = 0.1
    max_ongoing_requests: PositiveInt = 1024
    body_limit_bytes: PositiveInt = 8 * 1024 * 1024
    send_timeout_s: PositiveFloat = 30


class ClassifierSettings(Settings):
    """The classifier deployment and how long the ingress waits for it.

    `success_model` is the file of a trained success model; without one the heuristics judge.
    It may be `package:NAME/...`. A relative path starts where those of `StoreSettings` do.
    """

    success_model: InstalledPath | None = Field(default=None, min_length=1)
    replicas: ReplicaSettings = ReplicaSettings(target_ongoing_requests=64)
    cpus: PositiveFloat = 0.1
    deadline_ms: PositiveFloat = 25


class ShadowSettings(Settings):
    """Which answers are asked of the reference pair too, in the background, to be graded.

    `share` of the answers of other pairs; 0 asks none. `reference_pair` is that of `routing`
    unless set.
    """

    share: float = Field(default=0.0, ge=0, le=1)
    reference_pair: str | None = None
    usd_per_hour: PositiveFloat = 1.0
    max_in_flight: PositiveInt = 1
    max_reference_load: float = Field(default=0.5, gt=0, le=1)
    timeout_s: PositiveFloat = 120


class FeedbackSettings(Settings):
    """How feedback on answers is used.

    `weight` and `shadow_weight` are what one score weighs against one item of a profile. `log` is
    a folder; without one graded requests are not kept.
    """

    weight: float = Field(default=0.5, ge=0, le=1)
    shadow_weight: float = Field(default=1.0, ge=0, le=1)
    half_life_s: PositiveFloat = 7 * 24 * 3600.0
    max_weight: PositiveFloat = 200.0
    retention_count: PositiveInt = 20_000
    retention_s: PositiveFloat = 24 * 3600.0
    log: str | None = None
    log_prompts: bool = False
    log_max_bytes: PositiveInt = 64 * 1024 * 1024
    log_files: int = Field(default=4, ge=2)
    shadow: ShadowSettings = ShadowSettings()

    @model_validator(mode="after")
    def _prompts_have_a_place(self) -> FeedbackSettings:
        if self.log_prompts and self.log is None:
            raise ValueError("log_prompts is true and there is no log: name a folder in log")
        return self


class StoreSettings(Settings):
    """Where profiles come from: a folder or `redis://`; `shipped` serves a cold start without it.

    Relative folders are relative to the working directory of the Serve application, which
    `quantroute serve` makes the folder of the configuration file. `shipped` may be
    `package:NAME/...`. `url` may not, because `quantroute publish` writes there.
    """

    url: str = "profiles/data"
    shipped: InstalledPath = "package:profiles/data"

    @field_validator("url")
    @classmethod
    def _not_installed(cls, value: str) -> str:
        if value.startswith(PREFIX):
            raise ValueError(
                "catalogs are published here, so it cannot be inside an installed package; name "
                "a folder or redis://, and the package's folder in shipped"
            )
        return value

    @field_validator("url", "shipped")
    @classmethod
    def _known_scheme(cls, value: str) -> str:
        scheme, separator, _ = value.partition("://")
        if separator and scheme not in STORE_SCHEMES:
            raise ValueError(
                f"no profile store is at {scheme}://; allowed: the path of a folder, or "
                f"{', '.join(f'{known}://' for known in STORE_SCHEMES)}"
            )
        return value


class AppArgs(Settings):
    """The arguments of `serve_app.app:build_app`."""

    pairs: tuple[PairSettings, ...]
    routing: RoutingSettings
    ingress: IngressSettings = IngressSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    store: StoreSettings = StoreSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    reference_tokenizer: str | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
