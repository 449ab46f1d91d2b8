"""What is known of a request and what it asks: features and constraints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from serve_app.core.units import NonNegativeInt, PositiveFloat, PositiveInt, Quantile, Ratio

Task = Literal[
    "classification",
    "extraction",
    "question_answering",
    "summarization",
    "translation",
    "code",
    "reasoning",
    "conversation",
]
Capability = Literal["tools", "json_schema", "logprobs"]
Preset = Literal["balanced", "chat", "batch", "quality"]
# How a prompt reaches the model: a chat with or without a system prompt of its own, or bare text.
PromptForm = Literal["chat", "chat_with_system", "text"]
OnInfeasible = Literal["best_effort", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The text of a request, segmented once when the request is read.

    `text` is the last user turn. A turn that only follows up an earlier request ("and in French?")
    stands in `text` after that request. `instruction` is the part of `text` that asks for
    something. It is all of `text` where no material is pasted in. `context` is every other message.
    `text` and `context` may be clipped in the middle. The `_cut_chars` count what is missing there.
    """

    instruction: str
    text: str
    context: str = ""
    text_cut_chars: NonNegativeInt = 0
    context_cut_chars: NonNegativeInt = 0

    @property
    def has_material(self) -> bool:
        """Whether `text` holds more than the instruction."""
        return self.instruction != self.text

    @property
    def instruction_chars(self) -> int:
        return len(self.instruction) if self.has_material else self.text_chars

    @property
    def text_chars(self) -> int:
        return len(self.text) + self.text_cut_chars

    @property
    def context_chars(self) -> int:
        return len(self.context) + self.context_cut_chars


@dataclass(frozen=True, slots=True, kw_only=True)
class Success:
    """Probability that a pair answers this prompt right, and its lower bound."""

    mean: Ratio
    lower: Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptClassification:
    """What a classifier makes of a prompt from its text alone.

    `success` is filled by classifiers that know pairs; where a pair is absent its profile's
    accuracy for the task is used. `origin` names who classified.
    """

    task: Task
    task_confidence: Ratio
    difficulty: Ratio
    output_tokens_p50: PositiveInt
    output_tokens_p95: PositiveInt
    numeric_share: Ratio
    origin: str
    success: Mapping[str, Success] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """All the router knows of a request: `prompts`, answered by `sequences` in all.

    `prompt_tokens` counts in the reference tokenizer, without what a pair's own chat template adds
    to a prompt of this `form`. `max_tokens` is the caller's own limit on the answer, `None` when
    it set none. `stream` is whether the answer comes token by token.
    """

    prompt_tokens: NonNegativeInt
    max_tokens: PositiveInt | None
    prompts: PositiveInt = 1
    sequences: PositiveInt = 1
    needs: frozenset[Capability]
    classification: PromptClassification
    form: PromptForm = "text"
    stream: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """What a request asks of its answer; `None` asks nothing.

    `latency_budget_ms` bounds the whole answer, `ttft_budget_ms` the first token, both at
    `deadline_quantile`. `min_accuracy` is the floor, `max_cost_usd` the cap.
    """

    latency_budget_ms: PositiveFloat | None = None
    ttft_budget_ms: PositiveFloat | None = None
    min_accuracy: Ratio | None = None
    max_cost_usd: PositiveFloat | None = None
    deadline_quantile: Quantile = 0.95
    preset: Preset = "balanced"
    on_infeasible: OnInfeasible = "best_effort"
