"""An engine that answers what a test defines."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Protocol

from serve_app.core.ports import EngineCall, Placement
from serve_app.testing.script import Script
from serve_app.testing.typed_answers import EmbeddingsAnswer, MessagesAnswer, ResponsesAnswer


class FakeEngine:
    """An `Engine` that plays scripts, in vLLM's shape, and remembers what it was asked.

    `open` counts answers that were begun and not yet closed. A pair with `replicas` serves calls
    by turns from each of them, as their placements wish. A script of `pair/replica` is for that
    replica alone.
    """

    def __init__(
        self,
        scripts: Mapping[str, Script] | None = None,
        replicas: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.scripts = dict(scripts or {})
        self.replicas = {pair: list(names) for pair, names in (replicas or {}).items()}
        self.calls: list[tuple[str, EngineCall]] = []
        self.open = 0

    async def answer(self, pair: str, call: EngineCall) -> AsyncGenerator[str, None]:
        self.calls.append((pair, call))
        self.open += 1
        try:
            self._place(pair, call.placement)
            of_pair = self.scripts.get(pair, Script())
            script = self.scripts.get(f"{pair}/{call.placement.replica}", of_pair)
            play = _played(script, call)
            for chunk in play.opening() if call.stream else ():
                yield chunk
            for number, token in enumerate(script.tokens):
                await self._reach(script, number)
                for chunk in play.stream_chunks(number, token) if call.stream else ():
                    yield chunk
            await self._reach(script, len(script.tokens))
            for text in play.ending():
                yield text
        finally:
            self.open -= 1

    def _place(self, pair: str, placement: Placement) -> None:
        replicas = self.replicas.get(pair)
        if not replicas:
            return
        free = [name for name in replicas if name not in placement.avoid] or replicas
        name = placement.prefer if placement.prefer in replicas else free[0]
        placement.live, placement.replica = frozenset(replicas), name
        replicas.sort(key=name.__eq__)

    async def _reach(self, script: Script, number: int) -> None:
        if script.before_token is not None and number < len(script.tokens):
            await script.before_token(number)
        if script.error is not None and number == script.error_at:
            raise script.error


class _Answer(Protocol):
    """One call's answer: what comes before the first token, with each, and at the end."""

    def opening(self) -> list[str]: ...

    def stream_chunks(self, number: int, token: str) -> list[str]: ...

    def ending(self) -> list[str]: ...


def _played(script: Script, call: EngineCall) -> _Answer:
    match call.operation:
        case "responses":
            return ResponsesAnswer(script, call)
        case "messages":
            return MessagesAnswer(script, call)
        case "embeddings":
            return EmbeddingsAnswer(script, call)
        case _:
            return _Play(script, call)


class _Play:
    """One call's answer in OpenAI's JSON."""

    def __init__(self, script: Script, call: EngineCall) -> None:
        self._script = script
        self._call = call
        self._chat = call.operation == "chat"

    def opening(self) -> list[str]:
        return []

    def stream_chunks(self, number: int, token: str) -> list[str]:
        last = number == len(self._script.tokens) - 1
        delta: dict[str, Any] = {"text": token}
        if self._chat:
            delta = {"delta": self._said(token, first=number == 0)}
        chunk = {"index": 0, **delta, "finish_reason": self._finish() if last else None}
        role = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
        opening = [self._object([role])] if self._chat and number == 0 else []
        return [*opening, self._object([chunk])]

    def ending(self) -> list[str]:
        """The usage chunk of a stream, or the whole of an unary answer."""
        options = self._call.body.get("stream_options") or {}
        if not self._script.tokens:
            return []
        if self._call.stream:
            asked = options.get("include_usage") and self._script.tells_usage
            return [self._object([], usage=self._usage())] if asked else []
        text = "".join(self._script.tokens)
        said: dict[str, Any] = {"text": text}
        if self._chat:
            said = {"message": {"role": "assistant", **self._said(text, first=True)}}
        choice = {"index": 0, **said, "finish_reason": self._finish()}
        told = {"usage": self._usage()} if self._script.tells_usage else {}
        return [self._object([choice], **told)]

    def _said(self, text: str, *, first: bool) -> dict[str, Any]:
        if self._script.calls_tool is None:
            return {"content": text}
        opening = {"id": "call-1", "type": "function"} if first else {}
        function = {"name": self._script.calls_tool} if first else {}
        call = {"index": 0, **opening, "function": {**function, "arguments": text}}
        return {"content": None, "tool_calls": [call]}

    def _finish(self) -> str:
        if self._script.finish is not None:
            return self._script.finish
        return "stop" if self._script.calls_tool is None else "tool_calls"

    def _usage(self) -> dict[str, int]:
        prompt, completion = self._script.prompt_tokens, len(self._script.tokens)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }

    def _object(self, choices: list[dict[str, Any]], **more: object) -> str:
        kind = "chat.completion" if self._chat else "text_completion"
        answer = {
            "id": f"fake-{self._call.request_id}",
            "object": f"{kind}.chunk" if self._chat and self._call.stream else kind,
            "created": 0,
            "model": self._script.model or self._call.body.get("model"),
            "choices": choices,
            **more,
        }
        return json.dumps(answer, separators=(",", ":"))
