"""What the services need from outside, one narrow protocol per role."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from serve_app.core.catalog import Catalog, Snapshot, Version
from serve_app.core.events import Event
from serve_app.core.request import Prompt, PromptClassification

# Each is one of the addresses that a caller may ask, with a body of its own form.
Operation = Literal["chat", "completions", "responses", "messages", "embeddings"]
# On a request that a router sent to an endpoint. No router sends it on again.
FORWARDED_HEADER = "x-quantroute-forwarded"


@dataclass(slots=True, kw_only=True, eq=False)
class Placement:
    """Which replica of a pair a call should go to, and which one it went to.

    The caller sets `avoid` and `prefer`, both wishes. An engine that knows its replicas sets `live`
    to all of them, and `replica` to the one that has the call. It stays `None` while the call waits
    for one. Pickled, a placement is empty: it concerns no other process.
    """

    avoid: frozenset[str] = frozenset()
    prefer: str | None = None
    replica: str | None = None
    live: frozenset[str] = frozenset()

    def __reduce__(self) -> tuple[type[Placement], tuple[()]]:
        return Placement, ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCall:
    """One request as an engine gets it. `body` and `placement` belong to this call alone."""

    operation: Operation
    body: Mapping[str, Any]
    request_id: str
    placement: Placement = field(default_factory=Placement, compare=False)

    @property
    def stream(self) -> bool:
        return bool(self.body.get("stream"))


class Engine(Protocol):
    """The fleet as one thing that answers for any pair."""

    def answer(self, pair: str, call: EngineCall) -> AsyncGenerator[str, None]:
        """Yields JSON texts: one response object, or one per chunk when `call.stream`.

        Closing the generator frees the engine's slot. Raises `EngineError`s only.
        """
        ...


class ProfileStore(Protocol):
    """Where the active catalog lives."""

    async def load(self) -> Catalog:
        """The active catalog. Raises `CatalogInvalid`, `StoreEmpty` or `StoreUnavailable`."""
        ...

    def changes(self) -> AsyncGenerator[None, None]:
        """Yields once when watching has begun, then whenever the active catalog may have changed.

        Never ends by itself. Raises `StoreUnavailable`; connecting again is the caller's business.
        """
        ...

    async def publish(
        self,
        catalog: Catalog,
        *,
        by: str,
        note: str = "",
        restores: str | None = None,
        replacing: str | None = None,
    ) -> str:
        """Makes `catalog` the active one and returns its new version, one above the last.

        With `replacing`, only while that version is the active one. Raises `CatalogInvalid` or
        `CatalogReplaced`, with nothing changed, or `StoreUnavailable`.
        """
        ...

    async def history(self) -> tuple[Version, ...]:
        """Every publication, newest first. Raises `CatalogInvalid` or `StoreUnavailable`."""
        ...

    async def version(self, version: str) -> Catalog:
        """What was published as `version`.

        Raises `VersionUnknown`, `CatalogInvalid` or `StoreUnavailable`.
        """
        ...

    async def close(self) -> None: ...


class Classifier(Protocol):
    """Judges a prompt by its text."""

    async def classify(self, prompt: Prompt) -> PromptClassification: ...


class TokenCounter(Protocol):
    """Counts tokens of the reference tokenizer."""

    def estimate(self, text: str) -> int:
        """A fast estimate."""
        ...

    def count(self, text: str) -> int:
        """The exact number, slower."""
        ...


class Clock(Protocol):
    """Monotonic seconds."""

    def now(self) -> float: ...


class Events(Protocol):
    """Takes facts; turns them into metrics and log lines."""

    def emit(self, event: Event) -> None: ...


class CurrentSnapshot(Protocol):
    """Holds the catalog and the policy in use."""

    @property
    def snapshot(self) -> Snapshot: ...
