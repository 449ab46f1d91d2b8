"""What an engine gets of a caller's body: the same, in the one form of several that vLLM takes.

OpenAI's clients send `null` and empty values for what they leave out, and numbers as floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serve_app.api.openai_schema import ChatBody, Generation, Message
from serve_app.core.errors import BadRequest

# A field with this value is a field left out.
EMPTY: Mapping[str, Any] = {"tools": [], "stream_options": {}, "extra_body": {}, "tool_calls": []}
# An engine gets these as they were read: numbers whole, and `stream` true or false.
AS_READ = ("max_tokens", "max_completion_tokens", "min_tokens", "n", "stream")
EXTRA_BODY = (
    "extra_body: this is an argument of the OpenAI SDK and no field of a request; put what is in "
    "it next to 'model'"
)


def without_empty(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that have a value."""
    return {
        name: value
        for name, value in fields.items()
        if value is not None and (name not in EMPTY or value != EMPTY[name])
    }


def engine_body(body: Mapping[str, Any], read: Generation) -> dict[str, Any]:
    """`body`, which has no empty fields, with the values that were read from it.

    Raises `BadRequest` where a field asks for what no other field gives.
    """
    if "extra_body" in body:
        raise BadRequest(EXTRA_BODY, "extra_body")
    as_read = {name: getattr(read, name, body[name]) for name in AS_READ if name in body}
    sent = {**body, **as_read}
    if read.stream_options is not None and read.stream_options.include_usage is not None:
        usage = read.stream_options.include_usage
        sent["stream_options"] = {**body["stream_options"], "include_usage": usage}
    if isinstance(read, ChatBody) and not read.tools and "tool_choice" in sent:
        choice = sent.pop("tool_choice")
        if choice not in ("none", "auto"):
            raise BadRequest(
                f"tool_choice: {choice!r:.80} needs 'tools' with at least one tool; got none",
                "tool_choice",
            )
    return sent


def engine_message(message: dict[str, Any], read: Message) -> dict[str, Any]:
    """One message as vLLM takes it: nothing empty in it, and text in parts that have a type."""
    sent = without_empty(message)
    if isinstance(read.content, list) and any(isinstance(part, str) for part in read.content):
        parts = [
            {"type": "text", "text": part} if isinstance(part, str) else part
            for part in message["content"]
        ]
        sent["content"] = parts
    return sent
