"""What can be configured of one pair: what is deployed, or where it runs already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from annotated_types import Len
from pydantic import AfterValidator, JsonValue, StringConstraints

from serve_app.core.fleet import ACCELERATORS, CPU, HOSTED, Pair, Service
from serve_app.core.profile import Hardware, Quantization
from serve_app.core.request import Capability
from serve_app.core.units import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from serve_app.settings.secrets import REFERENCE

# The longest answer of a fleet that sets nothing else, and what draining needs beyond it.
LONGEST_ANSWER_S = 600.0
DRAIN_MARGIN_S = 30.0


def _not_auto(pair: str) -> str:
    if pair == "auto":
        raise ValueError("'auto' is the name that asks for routing; give the pair another")
    return pair


def _deployable(hardware: Hardware) -> Hardware:
    if hardware.accelerator not in (*ACCELERATORS, HOSTED):
        raise ValueError(
            f"accelerator {hardware.accelerator!r} is unknown; allowed: "
            f"{', '.join(ACCELERATORS)}, and {HOSTED} for a pair with a url"
        )
    whole = float(hardware.count).is_integer()
    if hardware.accelerator not in (CPU, HOSTED) and hardware.count > 1 and not whole:
        raise ValueError(
            f"count {hardware.count:g}: a replica takes a fraction of one accelerator or a whole "
            f"number of them"
        )
    return hardware


def _no_file(value: str) -> str:
    if any(found["file"] for found in REFERENCE.finditer(value)):
        raise ValueError(
            "a file cannot be named here, because Ray sets this variable and reads no files; "
            "write ${NAME} with a variable of Ray's processes"
        )
    return value


def _endpoint_url(url: str) -> str:
    allowed = "allowed: http:// or https://, a host, and a path, as https://host/v1"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as exc:
        raise ValueError(f"it is no address ({exc}); {allowed}") from exc
    if parts.username is not None or parts.password is not None:
        raise ValueError("it contains a user name or a password; put the key into api_key")
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise ValueError(f"it is no address of an endpoint; {allowed}")
    if any(not 32 < ord(char) < 127 for char in url):
        raise ValueError(f"it contains spaces or characters beyond ASCII; {allowed}")
    return url.rstrip("/")


PairId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=120, pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$"),
    AfterValidator(_not_auto),
]
Text = Annotated[str, Len(1)]


class Settings:
    """What every settings class shares: an unknown field is an error."""

    __slots__ = ()
    __pydantic_config__: ClassVar = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSettings(Settings):
    """How many replicas a deployment may have, and when Ray Serve starts another.

    A replica that is stopped gets `drain_timeout_s` to finish its answers. `None` is 30 s more than
    the longest answer.
    """

    min: NonNegativeInt = 1
    max: PositiveInt = 1
    target_ongoing_requests: PositiveFloat = 8
    upscale_delay_s: NonNegativeFloat = 10
    downscale_delay_s: NonNegativeFloat = 300
    drain_timeout_s: PositiveFloat | None = None

    def __post_init__(self) -> None:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) may not exceed max ({self.max})")

    def drain_s(self, longest_answer_s: float = LONGEST_ANSWER_S) -> float:
        """Seconds that a replica gets to finish its answers."""
        return self.drain_timeout_s or longest_answer_s + DRAIN_MARGIN_S


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSettings(Settings):
    """One pair: what is deployed, on what, at what price.

    A pair is a deployment of the router's application, the Serve application `app`, or the
    OpenAI-compatible endpoint at `url`.

    `checkpoint` is a local path, the name of a checkpoint that `quantroute weights` makes, or a
    model hub's id. A pair with a `url` needs it only to be profiled, for its tokenizer. `engine`
    goes to vLLM as it is; `env` is set for the engine's processes, and Ray replaces `${NAME}` in
    it. `cpus` are the logical CPUs one replica reserves in Ray. `default_max_tokens` limits the
    answers of requests that set no limit. Without it the fleet's holds, which is in
    `RoutingSettings`.

    `api_key` is the endpoint's, as a reference that `secrets` describes. `served_model` is the
    endpoint's name for the model, `None` where that is the pair's id. The endpoint has
    `connect_timeout_s` to accept a connection, and `chunk_timeout_s` for each part of an answer.
    """

    id: PairId
    model: Annotated[str, Len(1, 120)]
    checkpoint: Text = ""
    parent: str | None = None
    quantization: Quantization
    hardware: Annotated[Hardware, AfterValidator(_deployable)]
    context_window: PositiveInt
    max_concurrency: PositiveInt
    max_queued_requests: PositiveInt = 64
    default_max_tokens: PositiveInt | None = None
    serves: Service = "generate"
    capabilities: frozenset[Capability] = frozenset({"tools", "json_schema", "logprobs"})
    replicas: ReplicaSettings = ReplicaSettings()
    cpus: PositiveFloat = 1.0
    engine: Mapping[str, JsonValue] = field(default_factory=dict)
    env: Mapping[str, Annotated[str, AfterValidator(_no_file)]] = field(default_factory=dict)
    app: Text | None = None
    url: Annotated[str, AfterValidator(_endpoint_url)] | None = None
    api_key: Text | None = None
    served_model: Text | None = None
    connect_timeout_s: PositiveFloat = 5.0
    chunk_timeout_s: PositiveFloat = 120.0

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
            default_max_tokens=self.default_max_tokens,
            serves=self.serves,
        )


ONLY_WITH_URL = ("api_key", "served_model")
DEPLOYED = ("engine", "env")


def pair_problems(pair: PairSettings) -> Iterator[tuple[str, str]]:
    """(field, sentence) for each field that does not go with where the pair runs."""
    if pair.url is None:
        if not pair.checkpoint:
            yield "checkpoint", "is missing"
        if pair.hardware.accelerator == HOSTED:
            yield (
                "hardware",
                f"the accelerator {HOSTED} is for a pair with a url; name the real one",
            )
        if pair.hardware.usd_per_mtok is not None:
            yield "hardware", "usd_per_mtok is for a pair with a url; set usd_per_hour"
        for name in ONLY_WITH_URL:
            if getattr(pair, name) is not None:
                yield name, "is for a pair with a url; remove it, or set url"
        return
    if pair.app is not None:
        yield "app", "a pair with a url has no application; remove app or url"
    for name in DEPLOYED:
        if getattr(pair, name):
            yield name, "a pair with a url deploys no engine; remove it"
