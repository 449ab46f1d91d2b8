"""One shape in which a request comes, and short ways to write it down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"

# `served` gets an answer. `refused` is a mistake that the router finds. `engine` is one that only
# an engine can find: the router passes it on, and the fleet answers with a 4xx.
Outcome = Literal["served", "refused", "engine"]
Fields = Mapping[str, Any]

USER = {"role": "user", "content": "Hi"}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}
SCHEMA = {"name": "city", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One request.

    `fields` are the whole body. `raw` are its bytes where they are no plain JSON of these. An
    engine gets the fields without `left_out`, with `changed`. `param` is what a refusal names,
    `status` how it is refused. `needs` is what a pair must be able to do to serve it.
    """

    name: str
    outcome: Outcome
    fields: Fields
    path: str = CHAT
    left_out: tuple[str, ...] = ()
    changed: Fields = field(default_factory=dict)
    param: str | None = None
    status: int = 400
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    needs: str | None = None

    @property
    def content(self) -> bytes:
        return json.dumps(self.fields).encode() if self.raw is None else self.raw

    @property
    def engine_fields(self) -> dict[str, Any]:
        """What an engine gets, but for the model's name."""
        kept = {name: value for name, value in self.fields.items() if name not in self.left_out}
        return {**kept, **self.changed}


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": "auto", "max_tokens": 4, "messages": [USER], **fields}


def text(**fields: Any) -> dict[str, Any]:
    return {"model": "auto", "max_tokens": 4, "prompt": "Once", **fields}


def talk(*messages: Fields) -> dict[str, Any]:
    return chat(messages=list(messages))


def said(*parts: object) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def part(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def served(name: str, fields: Fields, *left_out: str, **more: Any) -> Shape:
    return Shape(name=name, outcome="served", fields=fields, left_out=left_out, **more)


def refused(name: str, fields: Fields, param: str | None, **more: Any) -> Shape:
    return Shape(name=name, outcome="refused", fields=fields, param=param, **more)


def engine(name: str, fields: Fields, **more: Any) -> Shape:
    return Shape(name=name, outcome="engine", fields=fields, **more)
