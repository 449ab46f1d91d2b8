"""Server-sent events as OpenAI clients read them."""

from __future__ import annotations

import json

from serve_app.api.errors import ErrorReply

DONE = b"data: [DONE]\n\n"
HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)


def event(text: str) -> bytes:
    """One JSON text as one event. JSON has line breaks only between tokens, never in them."""
    line = text.replace("\r", " ").replace("\n", " ")
    return b"data: " + line.encode(errors="replace") + b"\n\n"


def error_event(reply: ErrorReply) -> bytes:
    """An error after the first token, in the shape that makes OpenAI clients raise."""
    return event(json.dumps(reply.body))
