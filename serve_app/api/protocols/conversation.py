"""A conversation in any protocol: its turns, and the request that they make."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from serve_app.api.engine_body import EXTRA_BODY
from serve_app.classifier.request_text import resolve_follow_up, segment
from serve_app.core.errors import BadRequest
from serve_app.core.inference_request import InferenceRequest
from serve_app.core.ports import Operation
from serve_app.core.request import Capability, Constraints
from serve_app.settings import IngressSettings

# What a chat template puts around every message, and before the answer.
TOKENS_PER_MESSAGE = 4
TOKENS_BEFORE_ANSWER = 3


class Turn(NamedTuple):
    """What one side wrote. `is_text` is false where more than its text fills the context."""

    role: str
    text: str
    is_text: bool = True


def refuse_too_many(items: Sequence[Any], limit: int, place: str, of: str) -> None:
    """Raises `BadRequest` for more than `limit` items at `place`."""
    if len(items) > limit:
        raise BadRequest(f"{place}: {len(items)} {of} came; at most {limit} are allowed", place)


def refuse_too_many_parts(content: Any, settings: IngressSettings, place: str) -> None:
    """Raises `BadRequest` for a message with too many parts."""
    if isinstance(content, list):
        refuse_too_many(content, settings.max_message_parts, f"{place}.content", "parts")


def refuse_extra_body(body: Mapping[str, Any]) -> None:
    """Raises `BadRequest` for the argument of an SDK that came as a field."""
    if "extra_body" in body:
        raise BadRequest(EXTRA_BODY, "extra_body")


def conversation_request(
    turns: Sequence[Turn],
    *,
    operation: Operation,
    model: str,
    body: Mapping[str, Any],
    extras: Iterable[Any],
    max_tokens: int | None,
    needs: Mapping[Capability, str],
    constraints: Constraints,
    request_id: str,
    stream: bool,
    counted: bool,
) -> InferenceRequest:
    """The request of `turns`. `extras` are values besides them that a template writes as JSON.

    Without a user's turn the last one asks.
    """
    users = [index for index, turn in enumerate(turns) if turn.role == "user" and turn.text]
    users = users or [len(turns) - 1]
    context = "\n".join(turn.text for index, turn in enumerate(turns) if index != users[-1])
    asked = resolve_follow_up([turns[index].text for index in users])
    told = [json.dumps(extra) for extra in extras]
    return InferenceRequest(
        request_id=request_id,
        operation=operation,
        model=model,
        body=body,
        prompt=segment(asked, context=context),
        form="chat_with_system" if turns[0].role == "system" else "chat",
        countable="\n".join([*(turn.text for turn in turns), *told]),
        counted_tokens=TOKENS_PER_MESSAGE * len(turns) + TOKENS_BEFORE_ANSWER,
        max_tokens=max_tokens,
        needs=needs,
        constraints=constraints,
        stream=stream,
        # Every answer carries usage, streamed or not.
        usage_asked=True,
        wholly_counted=counted and not told and all(turn.is_text for turn in turns),
    )
