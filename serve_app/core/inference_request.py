"""A request as the services see it: already parsed and validated, no HTTP in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from serve_app.core.catalog import Snapshot
from serve_app.core.errors import UnknownModel
from serve_app.core.fleet import Pair
from serve_app.core.ports import Operation
from serve_app.core.request import Capability, Constraints, Prompt, PromptForm

AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceRequest:
    """One request.

    The engine answers its `prompts` with `sequences` in all, as many for each.

    `body` is the caller's own, with `routing` in it. `countable` is the text whose tokens
    fill the context (prompt, tools, schemas); `counted_tokens` those known without a tokenizer,
    such as token ids and what any chat template adds; `wholly_counted` is false when more than
    these fills the context, or a template writes it otherwise (images, tools). `needs` maps a
    capability to the field that asks for it. `reading_ms` is the time from its first byte until it
    was parsed, which counts against its deadline. `time_limit_ms` bounds its whole answer, where
    it sets a limit. `snapshot` is what its defaults come from, and decides, serves and bills it.
    Without one it takes that of the moment when it is routed.
    """

    request_id: str
    operation: Operation
    model: str
    body: Mapping[str, Any]
    prompt: Prompt
    form: PromptForm
    countable: str
    counted_tokens: int
    max_tokens: int | None
    prompts: int = 1
    sequences: int = 1
    needs: Mapping[Capability, str]
    constraints: Constraints
    stream: bool = False
    usage_asked: bool = False
    wholly_counted: bool = True
    reading_ms: float = 0.0
    snapshot: Snapshot | None = field(default=None, repr=False, compare=False)
    time_limit_ms: float | None = None

    def max_tokens_with(self, default: int | None) -> int | None:
        """The limit that an engine gets: the caller's, or `default` with room for `min_tokens`."""
        if self.max_tokens is not None or default is None:
            return self.max_tokens
        least = self.body.get("min_tokens")
        return max(default, least) if isinstance(least, int) else default


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The pairs that a model name allows; `pinned` when it names one pair and bypasses routing."""

    pairs: tuple[Pair, ...]
    pinned: bool = False


def target_of(model: str, pairs: Sequence[Pair]) -> Target:
    """Reads `auto`, a pair's id or a model's name. Raises `UnknownModel`."""
    if model == AUTO:
        return Target(pairs=tuple(pairs))
    if named := tuple(pair for pair in pairs if pair.id == model):
        return Target(pairs=named, pinned=True)
    if quantizations := tuple(pair for pair in pairs if pair.model == model):
        return Target(pairs=quantizations)
    models = dict.fromkeys(pair.model for pair in pairs)
    raise UnknownModel(model, (AUTO, *(pair.id for pair in pairs), *models))


def is_one_answer(body: Mapping[str, Any]) -> bool:
    """Whether one prompt gets one answer."""
    return (body.get("n") or 1) == 1 and isinstance(body.get("prompt", ""), str)
