"""The body of `/v1/responses`. An engine checks all that routing does not read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from serve_app.api.context_fields import HARMLESS
from serve_app.api.engine_body import without_empty
from serve_app.api.openai_schema import (
    OpenObject,
    OpenObjects,
    ResponseFormat,
    TokenLimit,
    Wire,
    finite_biases,
    validated,
)
from serve_app.api.protocols.conversation import (
    Turn,
    conversation_request,
    refuse_extra_body,
    refuse_too_many,
    refuse_too_many_parts,
)
from serve_app.core.errors import BadRequest
from serve_app.core.inference_request import InferenceRequest
from serve_app.core.request import Capability, Constraints
from serve_app.settings import IngressSettings

NOTHING_KEPT = "the router keeps no responses"
REFUSED: Mapping[str, str] = {
    "background": f"{NOTHING_KEPT}, and an answer is not generated without its caller: leave the "
    f"field out, and use 'stream' for a long answer",
    "previous_response_id": f"{NOTHING_KEPT}: send the earlier turns in 'input'",
    "conversation": f"{NOTHING_KEPT} and no conversations: send the earlier turns in 'input'",
    "prompt": "the router keeps no prompts: send the text in 'instructions' and 'input'",
}
LOGPROBS = "message.output_text.logprobs"
COUNTED = HARMLESS | {
    *("input", "instructions", "max_output_tokens", "text", "include", "truncation"),
    *("tool_choice", "background", "max_tool_calls"),
}


class TextOptions(Wire):
    format: ResponseFormat | None = None


class ResponsesBody(Wire):
    """The fields that routing reads."""

    model: Annotated[str, Field(min_length=1)]
    input: str | Annotated[list[Any], Field(min_length=1)]
    instructions: str | None = None
    max_output_tokens: TokenLimit | None = None
    stream: bool | None = None
    tools: OpenObjects | None = None
    text: TextOptions | None = None
    include: list[str] | None = None
    top_logprobs: int | None = None
    structured_outputs: OpenObject | None = None
    logit_bias: Annotated[OpenObject, AfterValidator(finite_biases)] | None = None


class InputPart(Wire):
    type: str | None = None
    text: str | None = None

    @property
    def is_text(self) -> bool:
        return self.type in ("input_text", "output_text", "text")


class InputItem(Wire):
    """A message, a call of a tool, what the tool gave, or another item."""

    type: str | None = None
    role: str | None = None
    content: str | Annotated[list[InputPart], Field(fail_fast=True)] | None = None
    arguments: str | None = None
    output: str | Annotated[list[InputPart], Field(fail_fast=True)] | None = None

    @property
    def turn(self) -> Turn:
        said = self.output if self.content is None else self.content
        parts = said if isinstance(said, list) else []
        texts = [part.text for part in parts if part.text]
        if isinstance(said, str):
            texts = [said]
        if self.arguments:
            texts.append(self.arguments)
        role = "system" if self.role == "developer" else self.role or "tool"
        plain = self.role is not None and all(part.is_text for part in parts)
        return Turn(role, "\n".join(texts), plain)


def read_responses(
    body: Mapping[str, Any], constraints: Constraints, request_id: str, settings: IngressSettings
) -> InferenceRequest:
    """Validates one body, which has no empty fields. Raises `BadRequest`."""
    refuse_extra_body(body)
    for name, why in REFUSED.items():
        # A client may send `background: false`.
        if body.get(name):
            raise BadRequest(f"{name}: {why}", name)
    read = validated(ResponsesBody, body)
    turns = _turns(read, settings)
    sent: dict[str, Any] = {**body, "stream": bool(read.stream), "store": False}
    if read.max_output_tokens is not None:
        sent["max_output_tokens"] = read.max_output_tokens
    if isinstance(read.input, list):
        sent["input"] = [without_empty(item) for item in read.input]
    extras: list[Any] = list(read.tools or ())
    if read.text is not None and read.text.format is not None:
        extras.append(body["text"]["format"])
    return conversation_request(
        turns,
        operation="responses",
        model=read.model,
        body=sent,
        extras=extras,
        max_tokens=read.max_output_tokens,
        needs=_needs(read, body.get("tool_choice")),
        constraints=constraints,
        request_id=request_id,
        stream=bool(read.stream),
        counted=body.keys() <= COUNTED,
    )


def _turns(read: ResponsesBody, settings: IngressSettings) -> list[Turn]:
    turns = [Turn("system", read.instructions)] if read.instructions else []
    if isinstance(read.input, str):
        return [*turns, Turn("user", read.input)]
    refuse_too_many(read.input, settings.max_messages, "input", "items")
    for index, given in enumerate(read.input):
        place = f"input[{index}]"
        if isinstance(given, dict):
            refuse_too_many_parts(given.get("content"), settings, place)
            if given.get("type") == "item_reference":
                raise BadRequest(f"{place}: {NOTHING_KEPT}: send the item itself", place)
        turns.append(validated(InputItem, given, place).turn)
    return turns


def _needs(read: ResponsesBody, tool_choice: Any) -> dict[Capability, str]:
    needs: dict[Capability, str] = {}
    if read.tools and tool_choice != "none":
        needs["tools"] = "tools"
    form = read.text.format if read.text is not None else None
    if form is not None and form.type not in (None, "text"):
        needs["json_schema"] = "text"
    elif read.structured_outputs:
        needs["json_schema"] = "structured_outputs"
    if LOGPROBS in (read.include or ()):
        needs["logprobs"] = "include"
    elif read.top_logprobs:
        needs["logprobs"] = "top_logprobs"
    return needs
