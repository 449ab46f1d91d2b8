"""Bytes and headers in, an `InferenceRequest` out; errors are raised before an engine is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request

from serve_app.api.body import decoded, parse_object, read_body
from serve_app.api.context_fields import are_counted, is_counted
from serve_app.api.engine_body import engine_body, engine_message, without_empty
from serve_app.api.middleware import request_id_of
from serve_app.api.openai_schema import ChatBody, CompletionsBody, Generation, Message, validated
from serve_app.api.protocols.conversation import TOKENS_BEFORE_ANSWER, TOKENS_PER_MESSAGE
from serve_app.api.protocols.embeddings import read_embeddings
from serve_app.api.protocols.messages import read_messages
from serve_app.api.protocols.responses import read_responses
from serve_app.api.routing_options import constraints_of
from serve_app.api.time_limit import time_limit_s
from serve_app.classifier.request_text import resolve_follow_up, segment
from serve_app.core.catalog import Snapshot
from serve_app.core.errors import BadRequest
from serve_app.core.inference_request import InferenceRequest
from serve_app.core.ports import Clock, Operation
from serve_app.core.request import Capability, Constraints
from serve_app.settings import IngressSettings

DEFAULTS = IngressSettings()
NOTHING: Mapping[str, Any] = {}

RawHeaders = Iterable[tuple[bytes, bytes]]


async def receive_inference_request(
    request: Request,
    settings: IngressSettings,
    snapshot_now: Callable[[], Snapshot],
    clock: Clock,
    operation: Operation | None = None,
    absent: Mapping[str, Any] = NOTHING,
) -> InferenceRequest:
    """Reads one request of a caller. Without `operation` its body shows for what it is meant.

    The request keeps the snapshot of the moment when its body was there. `absent` are the values
    of fields that the body may leave out.

    Raises `BadRequest`, `BodyTooLarge` and `UnsupportedEncoding`.
    """
    arrived_s = clock.now()
    raw = await read_body(request, settings.body_limit_bytes)
    encoding = request.headers.get("content-encoding", "")
    snapshot = snapshot_now()

    def read() -> InferenceRequest:
        text = decoded(raw, encoding, settings.body_limit_bytes)
        body = {**absent, **parse_object(text, settings.body_limit_values)}
        return read_inference_request(
            body,
            request.scope["headers"],
            operation=operation or _operation_of(body),
            defaults=snapshot.policy.defaults,
            request_id=request_id_of(request.scope),
            settings=settings,
        )

    # On the event loop a large body would stall every stream, and a small one can unpack to one.
    if encoding or len(raw) > settings.body_thread_bytes:
        received = await asyncio.to_thread(read)
    else:
        received = read()
    limit_s = time_limit_s(request.scope["headers"])
    return replace(
        received,
        reading_ms=(clock.now() - arrived_s) * 1e3,
        time_limit_ms=None if limit_s is None else limit_s * 1e3,
        snapshot=snapshot,
    )


def _operation_of(body: Mapping[str, Any]) -> Operation:
    """What a body without an address is for. Those of Messages are read like those of a chat."""
    if "messages" in body:
        return "chat"
    if "input" in body:
        return "responses"
    return "completions" if "prompt" in body else "chat"


def read_inference_request(
    body: Mapping[str, Any],
    headers: RawHeaders,
    *,
    operation: Operation,
    defaults: Constraints,
    request_id: str,
    settings: IngressSettings = DEFAULTS,
) -> InferenceRequest:
    """Validates one request. Raises `BadRequest`."""
    if operation == "embeddings":
        # The floor of the fleet is about answers.
        defaults = replace(defaults, min_accuracy=None)
    constraints = constraints_of(headers, body.get("routing"), defaults)
    given = without_empty(body)
    match operation:
        case "chat":
            return _chat(given, constraints, request_id, settings)
        case "completions":
            return _completions(given, constraints, request_id)
        case "responses":
            return read_responses(given, constraints, request_id, settings)
        case "messages":
            return read_messages(given, constraints, request_id, settings)
        case "embeddings":
            return read_embeddings(given, constraints, request_id, settings)


def _chat(
    body: dict[str, Any], constraints: Constraints, request_id: str, settings: IngressSettings
) -> InferenceRequest:
    chat = validated(ChatBody, body)
    messages = _messages(chat.messages, settings)
    texts = [message.text for message in messages]
    turns = [index for index, message in enumerate(messages) if message.role == "user"]
    # The last message asks where no user speaks.
    turns = turns or [len(texts) - 1]
    context = "\n".join(text for index, text in enumerate(texts) if index != turns[-1])
    extras = [json.dumps(tool) for tool in chat.tools or ()]
    if "response_format" in body:
        extras.append(json.dumps(body["response_format"]))
    calls = [json.dumps(message.tool_calls) for message in messages if message.tool_calls]
    needs = _needs(chat)
    if chat.tools and body.get("tool_choice") != "none":
        needs = {"tools": "tools", **needs}
    if chat.logprobs or chat.prompt_logprobs is not None:
        needs["logprobs"] = "logprobs" if chat.logprobs else "prompt_logprobs"
    sent = engine_body(body, chat)
    sent["messages"] = [
        engine_message(message, read) for message, read in zip(chat.messages, messages, strict=True)
    ]
    return InferenceRequest(
        request_id=request_id,
        operation="chat",
        model=chat.model,
        body=sent,
        prompt=segment(resolve_follow_up([texts[turn] for turn in turns]), context=context),
        form="chat_with_system" if messages[0].role == "system" else "chat",
        countable="\n".join([*texts, *calls, *extras]),
        counted_tokens=TOKENS_PER_MESSAGE * len(texts) + TOKENS_BEFORE_ANSWER,
        max_tokens=chat.max_completion_tokens or chat.max_tokens,
        needs=needs,
        constraints=constraints,
        stream=bool(chat.stream),
        usage_asked=_usage_asked(chat),
        wholly_counted=is_counted(sent)
        and are_counted(sent["messages"])
        and all(message.is_text for message in messages),
        sequences=chat.n or 1,
    )


def _messages(messages: list[Any], settings: IngressSettings) -> list[Message]:
    """Each message read on its own, so that other threads have their turn between two.

    Raises `BadRequest` for too many messages, or too many parts in one.
    """
    if len(messages) > settings.max_messages:
        raise BadRequest(
            f"messages: {len(messages)} messages came; at most {settings.max_messages} are "
            f"allowed in one request",
            "messages",
        )
    read = []
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list) and len(content) > settings.max_message_parts:
            raise BadRequest(
                f"{place}.content: {len(content)} parts came; at most "
                f"{settings.max_message_parts} are allowed in one message",
                f"{place}.content",
            )
        read.append(validated(Message, message, place))
    return read


def _completions(
    body: dict[str, Any], constraints: Constraints, request_id: str
) -> InferenceRequest:
    text = validated(CompletionsBody, body)
    prompt, known_tokens = _longest_prompt(text)
    prompts, sent = _prompts(text), engine_body(body, text)
    needs = _needs(text)
    if text.logprobs is not None or text.prompt_logprobs is not None:
        needs["logprobs"] = "logprobs" if text.logprobs is not None else "prompt_logprobs"
    return InferenceRequest(
        request_id=request_id,
        operation="completions",
        model=text.model,
        body=sent,
        prompt=segment(prompt),
        form="text",
        countable=prompt,
        counted_tokens=known_tokens,
        # An engine that may write nothing writes one token and keeps it.
        max_tokens=max(text.max_tokens, 1),
        needs=needs,
        constraints=constraints,
        stream=bool(text.stream),
        usage_asked=_usage_asked(text),
        wholly_counted=isinstance(text.prompt, str) and is_counted(sent),
        prompts=prompts,
        sequences=prompts * (text.n or 1),
    )


def _longest_prompt(text: CompletionsBody) -> tuple[str, int]:
    """Of several prompts the one that fills a context most: its text, or its known tokens."""
    match text.prompt:
        case str() as prompt:
            return prompt, 0
        case [int(), *_] as ids:
            return "", len(ids)
        case [str(), *_] as prompts:
            return max((str(prompt) for prompt in prompts), key=len), 0
        case [list(), *_] as batches:
            return "", max(len(ids) for ids in batches if isinstance(ids, list))
        case _:
            return "", 0


def _prompts(text: CompletionsBody) -> int:
    """How many prompts an engine answers. A list of token ids is one."""
    given = text.prompt if text.prompt is not None else text.prompt_embeds
    is_several = isinstance(given, list) and not (given and isinstance(given[0], int))
    return len(given) if given and is_several else 1


def _needs(generation: Generation) -> dict[Capability, str]:
    if generation.response_format is not None and generation.response_format.type != "text":
        return {"json_schema": "response_format"}
    if generation.structured_outputs:
        return {"json_schema": "structured_outputs"}
    return {}


def _usage_asked(generation: Generation) -> bool:
    """Whether the caller expects usage: a whole answer always tells it."""
    if not generation.stream:
        return True
    return bool(generation.stream_options and generation.stream_options.include_usage)
