"""The content of an answer, read from an engine's JSON texts after it was given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serve_app.core.cost import NO_USAGE, Usage

# About 4,000 tokens of a stream, whose every chunk repeats its frame.
LONGEST_CHARS = 1_000_000
ENDED = frozenset({"stop", "tool_calls", "function_call"})


class Transcript:
    """Keeps an answer's texts as they pass, unread; of one that grows too long it keeps nothing."""

    def __init__(self, longest_chars: int = LONGEST_CHARS) -> None:
        self._room = longest_chars
        self._texts: list[str] = []

    def add(self, text: str) -> None:
        self._room -= len(text)
        if self._room < 0:
            self._texts.clear()
        else:
            self._texts.append(text)

    @property
    def is_whole(self) -> bool:
        return self._room >= 0

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(self._texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The text of an answer's first choice, or its tool calls as JSON.

    `finish` is the engine's reason for its end.
    """

    text: str
    finish: str | None = None
    usage: Usage = NO_USAGE

    @property
    def is_whole(self) -> bool:
        """Whether the model itself came to an end, and no limit cut it off."""
        return self.finish in ENDED


def said(texts: tuple[str, ...]) -> Said:
    """Reads a whole answer or the chunks of a stream. Raises `ValueError` for what is neither."""
    try:
        return _said(texts)
    except (AttributeError, TypeError, OverflowError) as exc:
        raise ValueError("the answer is not of OpenAI's form") from exc


def _said(texts: tuple[str, ...]) -> Said:
    words: list[str] = []
    calls: dict[int, dict[str, str]] = {}
    usage, finish = NO_USAGE, None
    for text in texts:
        answer = _object(text)
        for choice in answer.get("choices") or ():
            if choice.get("index", 0) == 0:
                turn = choice.get("message") or choice.get("delta") or choice
                words.append(turn.get("content") or turn.get("text") or "")
                _add_calls(calls, turn.get("tool_calls") or ())
                finish = choice.get("finish_reason") or finish
        if isinstance(answer.get("usage"), dict):
            usage = _usage(answer["usage"])
    text = _as_json(calls) if calls else "".join(words)
    return Said(text=text, finish=finish, usage=usage)


def _object(text: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
    except RecursionError as exc:
        raise ValueError("the answer's JSON is nested too deep") from exc
    if not isinstance(parsed, dict):
        raise ValueError("the answer's JSON is no object")
    return parsed


def _add_calls(calls: dict[int, dict[str, str]], parts: Any) -> None:
    """Adds the next parts of tool calls, whose arguments come in pieces in a stream."""
    for at, part in enumerate(parts):
        call = calls.setdefault(part.get("index", at), {"name": "", "arguments": ""})
        function = part.get("function") or {}
        call["name"] += function.get("name") or ""
        call["arguments"] += function.get("arguments") or ""


def _as_json(calls: Mapping[int, Mapping[str, str]]) -> str:
    return json.dumps([{**call, "arguments": _value(call["arguments"])} for call in calls.values()])


def _value(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


def _usage(told: Mapping[str, Any]) -> Usage:
    return Usage(
        prompt_tokens=int(told.get("prompt_tokens") or 0),
        completion_tokens=int(told.get("completion_tokens") or 0),
    )
