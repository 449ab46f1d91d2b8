"""Bytes and headers in, an `InferenceRequest` out; errors are raised before an engine is asked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import replace
from math import isinf
from typing import Any

from pydantic_core import from_json
from starlette.requests import Request

from serve_app.api.middleware import request_id_of
from serve_app.api.openai_schema import ChatBody, CompletionsBody, Generation, validated
from serve_app.api.routing_options import constraints_of
from serve_app.classifier.request_text import resolve_follow_up, segment
from serve_app.core.errors import BadRequest, BodyTooLarge
from serve_app.core.inference_request import InferenceRequest
from serve_app.core.ports import Clock, Operation
from serve_app.core.request import Capability, Constraints

# What a chat template puts around every message, and before the answer.
TOKENS_PER_MESSAGE = 4
TOKENS_BEFORE_ANSWER = 3

# What a number of more than 64 bits, or beyond all floats, has in it when all digits are 0.
DIGITS_ALIKE = bytes.maketrans(b"123456789E", b"000000000e")
LONG_NUMBERS = (b"0" * 19, b"e000", b"e+000")

RawHeaders = Iterable[tuple[bytes, bytes]]


async def read_body(request: Request, limit_bytes: int) -> bytearray:
    """The whole body. Raises `BodyTooLarge` without reading further than the limit."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    body = bytearray()
    async with aclosing(request.stream()) as parts:
        async for part in parts:
            body += part
            if len(body) > limit_bytes:
                raise BodyTooLarge(limit_bytes)
    return body


def parse_object(raw: bytes | bytearray) -> dict[str, Any]:
    """A JSON object. Raises `BadRequest` for anything else."""
    try:
        parsed = from_json(raw, allow_inf_nan=False)
    except ValueError as exc:
        raise BadRequest(f"the body is not valid JSON: {exc}") from exc
    if not isinstance(parsed, dict):
        raise BadRequest(f"the body must be a JSON object; got {type(parsed).__name__}")
    # Looking at every value takes too long for most bodies, which have no such number.
    shape = raw.translate(DIGITS_ALIKE)
    if any(number in shape for number in LONG_NUMBERS):
        _refuse_numbers_too_long(parsed)
    return parsed


def _refuse_numbers_too_long(body: Mapping[str, Any]) -> None:
    """Engines hold 64 bits; a longer number fails deep inside one, whatever field it is in."""
    for name, field in body.items():
        values = [field]
        while values:
            value = values.pop()
            if isinstance(value, dict):
                values += value.values()
            elif isinstance(value, list):
                values += value
            elif isinstance(value, int) and not -(2**63) <= value < 2**64:
                raise BadRequest(f"{name:.80}: has an integer of more than 64 bits", name[:80])
            elif isinstance(value, float) and isinf(value):
                raise BadRequest(f"{name:.80}: has a number that is not finite", name[:80])


async def receive_inference_request(
    request: Request,
    limit_bytes: int,
    defaults: Constraints,
    clock: Clock,
    operation: Operation | None = None,
) -> InferenceRequest:
    """Reads one request of a caller. Without `operation` its body shows for what it is meant.

    Raises `BadRequest` and `BodyTooLarge`.
    """
    arrived_s = clock.now()
    body = parse_object(await read_body(request, limit_bytes))
    if operation is None:
        operation = "completions" if "prompt" in body and "messages" not in body else "chat"
    read = read_inference_request(
        body,
        request.scope["headers"],
        operation=operation,
        defaults=defaults,
        request_id=request_id_of(request.scope),
    )
    return replace(read, reading_ms=(clock.now() - arrived_s) * 1e3)


def read_inference_request(
    body: Mapping[str, Any],
    headers: RawHeaders,
    *,
    operation: Operation,
    defaults: Constraints,
    request_id: str,
) -> InferenceRequest:
    """Validates one request. Raises `BadRequest`."""
    constraints = constraints_of(headers, body.get("routing"), defaults)
    if operation == "chat":
        return _chat(validated(ChatBody, body), body, constraints, request_id)
    return _completions(validated(CompletionsBody, body), body, constraints, request_id)


def _chat(
    chat: ChatBody, body: Mapping[str, Any], constraints: Constraints, request_id: str
) -> InferenceRequest:
    texts = [message.text for message in chat.messages]
    turns = [index for index, message in enumerate(chat.messages) if message.role == "user"]
    # The last message asks where no user speaks.
    turns = turns or [len(texts) - 1]
    context = "\n".join(text for index, text in enumerate(texts) if index != turns[-1])
    extras = [json.dumps(body[name]) for name in ("tools", "response_format") if body.get(name)]
    calls = [json.dumps(message.tool_calls) for message in chat.messages if message.tool_calls]
    needs = _needs(chat)
    if chat.tools and chat.tool_choice != "none":
        needs = {"tools": "tools", **needs}
    if chat.logprobs or chat.prompt_logprobs is not None:
        needs["logprobs"] = "logprobs" if chat.logprobs else "prompt_logprobs"
    return InferenceRequest(
        request_id=request_id,
        operation="chat",
        model=chat.model,
        body=body,
        prompt=segment(resolve_follow_up([texts[turn] for turn in turns]), context=context),
        form="chat_with_system" if chat.messages[0].role == "system" else "chat",
        countable="\n".join([*texts, *calls, *extras]),
        counted_tokens=TOKENS_PER_MESSAGE * len(texts) + TOKENS_BEFORE_ANSWER,
        max_tokens=chat.max_completion_tokens or chat.max_tokens,
        needs=needs,
        constraints=constraints,
        stream=bool(chat.stream),
        usage_asked=_usage_asked(chat),
        wholly_counted=not (calls or extras) and all(m.is_text for m in chat.messages),
    )


def _completions(
    text: CompletionsBody, body: Mapping[str, Any], constraints: Constraints, request_id: str
) -> InferenceRequest:
    prompt, known_tokens = _longest_prompt(text)
    needs = _needs(text)
    if text.logprobs is not None or text.prompt_logprobs is not None:
        needs["logprobs"] = "logprobs" if text.logprobs is not None else "prompt_logprobs"
    return InferenceRequest(
        request_id=request_id,
        operation="completions",
        model=text.model,
        body=body,
        prompt=segment(prompt),
        form="text",
        countable=prompt,
        counted_tokens=known_tokens,
        max_tokens=text.max_tokens,
        needs=needs,
        constraints=constraints,
        stream=bool(text.stream),
        usage_asked=_usage_asked(text),
        wholly_counted=isinstance(text.prompt, str),
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
