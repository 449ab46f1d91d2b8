"""What the router changes in an engine's JSON: the model's name, and where usage is told.

Tokens must leave one by one, so a chunk is parsed only when a search finds that it ends a
choice or tells usage; every other chunk passes as it came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from serve_app.core.cost import NO_USAGE, TokenPrice, Usage
from serve_app.core.errors import EngineFailed

# Inside a JSON string every quote is escaped, so these match keys only, never generated text.
_NOTABLE = re.compile(r'"finish_reason"\s*:\s*"|"usage"\s*:\s*\{')
# How vLLM opens a chat's stream: with the role alone.
NOTHING_SAID = '"content":""'


class AnswerEditor:
    """Edits one answer of one pair, and remembers the `usage` that bills it.

    `said_parts` counts chunks with text in them, which engines send token by token.

    The engine is always asked for usage. A caller who asked too gets the engine's own usage
    chunk, with `cost_usd` in it. One who did not gets no chunk it does not expect: the last
    chunk of the last choice is held until usage is known and carries it.
    """

    def __init__(self, pair: str, price: TokenPrice | None, *, usage_asked: bool) -> None:
        self.usage = NO_USAGE
        self.said_parts = 0
        self._pair = pair
        self._named = f'"model":{json.dumps(pair)}'
        self._price = price
        self._usage_asked = usage_asked
        self._held: str | None = None

    def whole(self, text: str) -> str:
        """Edits a whole answer."""
        answer = {**self._parsed(text), "model": self._pair}
        self._bill(answer)
        return _dumped(answer)

    def chunk(self, text: str) -> tuple[str, ...]:
        """Takes the engine's next chunk; returns those that can be sent now."""
        if NOTHING_SAID not in text:
            self.said_parts += 1
        text = self._with_name(text)
        if _NOTABLE.search(text) is None:
            return (*self.rest(), text)
        chunk = self._parsed(text)
        self._bill(chunk)
        if self._usage_asked:
            return (_dumped(chunk) if chunk.get("usage") else text,)
        if chunk.get("choices"):
            ready = self.rest()
            self._held = text
            return ready
        return self._usage_joined_to_held(chunk)

    def rest(self) -> tuple[str, ...]:
        """What is still held back."""
        held, self._held = self._held, None
        return () if held is None else (held,)

    def _usage_joined_to_held(self, usage_chunk: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(
            _dumped({**self._parsed(last), "usage": usage_chunk["usage"]}) for last in self.rest()
        )

    def _with_name(self, text: str) -> str:
        if self._named in text:
            return text
        return _dumped({**self._parsed(text), "model": self._pair})

    def _parsed(self, text: str) -> dict[str, Any]:
        try:
            parsed = json.loads(text)
        except ValueError as exc:
            raise EngineFailed(self._pair, "it answered with something that is not JSON") from exc
        if not isinstance(parsed, dict):
            raise EngineFailed(self._pair, "it answered with JSON that is no object")
        return parsed

    def _bill(self, answer: Mapping[str, Any]) -> None:
        usage = answer.get("usage")
        if not isinstance(usage, dict):
            return
        self.usage = Usage(
            prompt_tokens=usage.get("prompt_tokens") or 0,
            completion_tokens=usage.get("completion_tokens") or 0,
        )
        if self._price is not None and self._usage_asked:
            usage["cost_usd"] = self._price.cost_usd(self.usage)


def _dumped(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
