"""What a fake engine does with a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from serve_app.core.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What one pair of a `FakeEngine` does with every call.

    `error` is raised before token number `error_at`, counted from 0. `before_token` is awaited
    with the number of each token, so that a test can hold an answer. Without tokens the engine
    ends without an answer. With `calls_tool` the tokens are the arguments of a call to that
    tool. `model` is the name the engine gives itself, if not the one it was asked for. `finish` is
    why the answer ends, if not by itself; without `tells_usage` its usage stays unknown.
    """

    tokens: tuple[str, ...] = ("Hello", " world")
    prompt_tokens: int = 7
    error: EngineError | None = None
    error_at: int = 0
    before_token: Callable[[int], Awaitable[None]] | None = None
    calls_tool: str | None = None
    model: str | None = None
    finish: str | None = None
    tells_usage: bool = True
