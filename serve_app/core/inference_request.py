"""A request as the services see it: already parsed and validated, no HTTP in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from serve_app.core.catalog import Snapshot
from serve_app.core.errors import NotServed, UnknownModel
from serve_app.core.fleet import Pair, Service
from serve_app.core.ports import Operation
from serve_app.core.request import Capability, Constraints, Prompt, PromptForm

AUTO = "auto"
# The field of each body that holds the prompt, and the one that limits the answer.
PROMPT_FIELDS: Mapping[Operation, str] = {
    "chat": "messages",
    "completions": "prompt",
    "responses": "input",
    "messages": "messages",
    "embeddings": "input",
}
LIMIT_FIELDS: Mapping[Operation, str] = {
    "chat": "max_tokens",
    "completions": "max_tokens",
    "responses": "max_output_tokens",
    "messages": "max_tokens",
}
# Their streams are events with a type each. The last ones carry usage without being asked.
TYPED_STREAMS: frozenset[Operation] = frozenset({"responses", "messages"})


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

    @property
    def service(self) -> Service:
        """What a pair has to do to answer."""
        return "embed" if self.operation == "embeddings" else "generate"

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


def target_of(model: str, pairs: Sequence[Pair], service: Service = "generate") -> Target:
    """Reads `auto`, a pair's id or a model's name.

    Raises `UnknownModel`, and `NotServed` where what it names does not do what is asked.
    """
    able = [pair for pair in pairs if pair.serves == service]
    if not able:
        raise NotServed(model, service, ())
    if model == AUTO:
        return Target(pairs=tuple(able))
    if named := tuple(pair for pair in able if pair.id == model):
        return Target(pairs=named, pinned=True)
    if quantizations := tuple(pair for pair in able if pair.model == model):
        return Target(pairs=quantizations)
    models = dict.fromkeys(pair.model for pair in able)
    names = (AUTO, *(pair.id for pair in able), *models)
    if any(model in (pair.id, pair.model) for pair in pairs):
        raise NotServed(model, service, names)
    raise UnknownModel(model, names)


def is_one_answer(body: Mapping[str, Any]) -> bool:
    """Whether one prompt gets one answer."""
    return (body.get("n") or 1) == 1 and isinstance(body.get("prompt", ""), str)
