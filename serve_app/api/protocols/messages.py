"""The body of `/v1/messages`, Anthropic's. An engine checks all that routing does not read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from serve_app.api.context_fields import OF_THE_CALLER
from serve_app.api.openai_schema import OpenObject, OpenObjects, TokenLimit, Wire, validated
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

COUNTED = OF_THE_CALLER | {
    *("model", "messages", "system", "max_tokens", "stream", "routing", "stop_sequences"),
    *("temperature", "top_k", "top_p"),
}


class Block(Wire):
    """A text, an image, a call of a tool, what the tool gave, or a thought."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    input: OpenObject | None = None
    content: str | list[Any] | None = None

    @property
    def texts(self) -> Iterator[str]:
        if self.input:
            yield json.dumps(self.input)
        inner = self.content if isinstance(self.content, list) else []
        nested = (part.get("text") for part in inner if isinstance(part, dict))
        of_result = self.content if isinstance(self.content, str) else None
        for text in (self.text, self.thinking, of_result, *nested):
            if isinstance(text, str) and text:
                yield text


Content = str | Annotated[list[Block], Field(fail_fast=True)]


class AnthropicMessage(Wire):
    role: str
    content: Content


class MessagesBody(Wire):
    """The fields that routing reads."""

    model: Annotated[str, Field(min_length=1)]
    max_tokens: TokenLimit
    messages: Annotated[list[Any], Field(min_length=1)]
    system: Content | None = None
    stream: bool | None = None
    tools: OpenObjects | None = None
    tool_choice: OpenObject | None = None
    output_config: OpenObject | None = None


def read_messages(
    body: Mapping[str, Any], constraints: Constraints, request_id: str, settings: IngressSettings
) -> InferenceRequest:
    """Validates one body, which has no empty fields. Raises `BadRequest`."""
    refuse_extra_body(body)
    read = validated(MessagesBody, body)
    sent = {**body, "max_tokens": read.max_tokens, "stream": bool(read.stream)}
    if not read.tools and "tool_choice" in sent:
        kind = sent.pop("tool_choice").get("type")
        if kind not in ("auto", "none"):
            raise BadRequest(
                f"tool_choice: {kind!r:.80} needs 'tools' with at least one tool; got none",
                "tool_choice",
            )
    needs: dict[Capability, str] = {}
    if read.tools and (read.tool_choice or {}).get("type") != "none":
        needs["tools"] = "tools"
    schema = (read.output_config or {}).get("format")
    if schema:
        needs["json_schema"] = "output_config"
    return conversation_request(
        _turns(read, settings),
        operation="messages",
        model=read.model,
        body=sent,
        extras=[*(read.tools or ()), *([schema] if schema else [])],
        max_tokens=read.max_tokens,
        needs=needs,
        constraints=constraints,
        request_id=request_id,
        stream=bool(read.stream),
        counted=body.keys() <= COUNTED,
    )


def _turns(read: MessagesBody, settings: IngressSettings) -> list[Turn]:
    refuse_too_many(read.messages, settings.max_messages, "messages", "messages")
    turns = [] if read.system is None else list(_turns_of("system", read.system))
    for index, given in enumerate(read.messages):
        place = f"messages[{index}]"
        if isinstance(given, dict):
            refuse_too_many_parts(given.get("content"), settings, place)
        message = validated(AnthropicMessage, given, place)
        turns += _turns_of(message.role, message.content)
    return turns


def _turns_of(role: str, content: Content) -> Iterator[Turn]:
    """The texts of one message. What a tool gave comes from a user, who asks nothing with it."""
    if isinstance(content, str):
        yield Turn(role, content)
        return
    said = [block for block in content if block.type == "text"]
    for block in content:
        if block.type != "text":
            yield Turn("tool", "\n".join(block.texts), is_text=False)
    if said or not content:
        yield Turn(role, "\n".join(text for block in said for text in block.texts))
