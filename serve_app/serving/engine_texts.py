"""What comes out of vLLM's server, as JSON texts or as `EngineError`s.

An error may come as an object, as a chunk of a stream, or as an exception. This module imports no
engine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from serve_app.core.errors import EngineError, EngineFailed, EngineRejected
from serve_app.core.faults import error_of_reply
from serve_app.serving.building import INVALID, Intake, refused

DONE = "[DONE]"
# How vLLM reports a request that its scheduler ended with an error, without a word about it. A
# grammar that compiles only in the engine's core ends like this.
SCHEDULER_ERROR = "Internal server error"
GRAMMARS = ("structured_outputs", "response_format", "text", "output_config")
FIRST_WORD = re.compile(r"\W*(\w+)")


class ErrorChunk(Exception):
    """An error that vLLM sent as a chunk of a stream."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error)
        self.error = error


def texts_of(pair: str, part: Any, fields: Mapping[str, Any], intake: Intake) -> list[str]:
    """The JSON texts of one part of an answer. Raises `EngineError`s."""
    if (error := getattr(part, "error", None)) is not None:
        raise _error_of(pair, error.model_dump(), fields, intake)
    if isinstance(part, list):
        return [text for item in part for text in texts_of(pair, item, fields, intake)]
    if isinstance(part, str):
        lines = part.split("\n\n")
        return [text for line in lines if (text := _payload(pair, line, fields, intake))]
    return [part.model_dump_json()]


def error_of_exception(
    pair: str, exc: Exception, fields: Mapping[str, Any], intake: Intake, *, own: bool
) -> EngineError:
    """What an exception means that vLLM did not turn into an answer.

    `own` is true for a fault that is never the request's, such as a dead engine.
    """
    if isinstance(exc, ErrorChunk):
        return _error_of(pair, exc.error, fields, intake)
    if not own and not intake.accepted:
        refusal = refused(pair, exc)
        refusal.param = refusal.param or _field_named_by(refusal.message, fields)
        return refusal
    status = getattr(exc, "http_status", None) or getattr(exc, "status_code", None) or 500
    error = {"code": status, "type": type(exc).__name__, "message": str(exc)}
    return _error_of(pair, error, fields, intake)


def _payload(pair: str, line: str, fields: Mapping[str, Any], intake: Intake) -> str:
    """The JSON text of one server-sent event; empty for the end mark."""
    text = line.strip().removeprefix("data:").strip()
    if text == DONE:
        return ""
    if text.startswith('{"error"'):
        raise _error_of(pair, json.loads(text)["error"], fields, intake)
    return text


def _error_of(
    pair: str, error: Mapping[str, Any], fields: Mapping[str, Any], intake: Intake
) -> EngineError:
    message, kind = str(error.get("message")), str(error.get("type") or "engine_error")
    at_fault = error.get("param") or _field_named_by(message, fields)
    found = error_of_reply(pair, int(error.get("code") or 500), message, kind, at_fault)
    ended_without_a_word = message == SCHEDULER_ERROR and isinstance(found, EngineFailed)
    param = _grammar_of(fields)
    if ended_without_a_word and intake.accepted and param is not None:
        why = f"the engine could not follow {param}; it may not compile as a grammar"
        return EngineRejected(pair, 400, why, INVALID, param)
    return found


def _grammar_of(fields: Mapping[str, Any]) -> str | None:
    """The field that makes the engine compile a grammar. Tools do so where one has to be called."""
    if fields.get("tools") and fields.get("tool_choice", "auto") not in ("auto", "none"):
        return "tools"
    return next((name for name in GRAMMARS if fields.get(name)), None)


def _field_named_by(message: str, fields: Mapping[str, Any]) -> str | None:
    """The field that a refusal begins with, as vLLM's "min_p must be in [0, 1], got 7.5." does."""
    word = FIRST_WORD.match(message)
    return word[1] if word is not None and word[1] in fields else None
