"""Whose fault it is that an attempt gave no answer, and what follows.

Everything that can come back from an attempt is one of five kinds. A sixth, poison, is of a whole
request: it broke two pairs. `docs/understand/faults.md` has the table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from serve_app.core.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineLate,
    EngineRejected,
)

FaultKind = Literal["request", "pair", "capacity", "late", "broken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequence:
    """Whether the next pair is tried, and whether the pair's breaker counts a failure."""

    next_pair: bool
    counts: bool


CONSEQUENCES: Mapping[FaultKind, Consequence] = {
    "request": Consequence(next_pair=False, counts=False),
    "pair": Consequence(next_pair=True, counts=False),
    "capacity": Consequence(next_pair=True, counts=False),
    "late": Consequence(next_pair=True, counts=False),
    "broken": Consequence(next_pair=True, counts=True),
}

# Engines refuse all of these with 400, like a wrong request. Only their words differ.
_TOO_LONG = re.compile(
    r"maximum context length|maximum model length|context length|context window"
    # vLLM, for a Response.
    r"|exceeds the max_model_len"
    # vLLM, for a limit of output tokens above the window.
    r"|cannot be greater than max_(?:model_len|total_tokens)",
    re.IGNORECASE,
)
_LACKS = re.compile(
    r"tool-call-parser|enable-auto-tool-choice|reasoning_config is not configured"
    r"|provide a chat template|trust-request-chat-template"
    r"|multimodal model|may be provided in one prompt|does not support \w+ inputs?"
    r"|does not support the '\w+' task|does not support generation"
    r"|enable-(?:mm|prompt)-embeds|LoRA is not enabled|greater than max allowed",
    re.IGNORECASE,
)
# What vLLM answers in place of a result when its own side cancels a request: a draining replica.
_LEAVING = "Client disconnected"
# The request's model, the router's credentials and the size that a proxy takes are the operator's
# affair, not the caller's.
_NOT_OF_THE_REQUEST = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)
_NO_ROOM = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


def kind_of(error: EngineError) -> FaultKind:
    """The kind of one attempt's error."""
    match error:
        case EngineRejected(status=status) if status in _NO_ROOM:
            return "capacity"
        case EngineRejected(status=status, message=message):
            own = status in _NOT_OF_THE_REQUEST or is_too_long(message) or _LACKS.search(message)
            return "pair" if own else "request"
        case EngineBusy():
            return "capacity"
        case EngineLate():
            return "late"
        case _:
            return "broken"


def is_too_long(message: str) -> bool:
    """Whether an engine's refusal is about its context window."""
    return _TOO_LONG.search(message) is not None


def error_of_reply(
    pair: str, status: int, message: str, type_: str, param: str | None
) -> EngineError:
    """What an engine's error in OpenAI's shape means."""
    if status in _NO_ROOM or message == _LEAVING:
        return EngineBusy(pair)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status not in _NOT_OF_THE_REQUEST:
        return EngineFailed(pair, type_)
    return EngineRejected(pair, status, message, type_, param)
