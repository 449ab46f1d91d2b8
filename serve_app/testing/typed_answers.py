"""The answers of a `FakeEngine` to Responses, Messages and embeddings, in vLLM's shape."""

from __future__ import annotations

import json
from typing import Any

from serve_app.core.ports import EngineCall
from serve_app.testing.script import Script

EMBEDDING = (0.25, -0.5, 1.0)


class ResponsesAnswer:
    """A response, or the events of its stream."""

    def __init__(self, script: Script, call: EngineCall) -> None:
        self._script = script
        self._call = call
        self._events = 0

    def opening(self) -> list[str]:
        begun = self._response("in_progress", [])
        item = {**self._item(""), "status": "in_progress"}
        if self._script.calls_tool is None:
            item["content"] = []
        events = [
            self._event("response.created", response=begun),
            self._event("response.in_progress", response=begun),
            self._event("response.output_item.added", output_index=0, item=item),
        ]
        if self._script.calls_tool is None:
            events.append(self._part("response.content_part.added", ""))
        return events

    def stream_chunks(self, number: int, token: str) -> list[str]:
        is_call = self._script.calls_tool is not None
        kind = "function_call_arguments" if is_call else "output_text"
        place = {"item_id": self._item("")["id"], "output_index": 0}
        inside = place if is_call else {**place, "content_index": 0, "logprobs": []}
        delta = self._event(f"response.{kind}.delta", delta=token, **inside)
        last = number == len(self._script.tokens) - 1
        return [delta, *(self._close() if last else [])]

    def ending(self) -> list[str]:
        if not self._script.tokens:
            return []
        text = "".join(self._script.tokens)
        status = "incomplete" if self._script.finish == "length" else "completed"
        response = self._response(status, [self._item(text)], usage=self._usage())
        if self._call.stream:
            return [self._event(f"response.{status}", response=response)]
        return [_dumped(response)]

    def _close(self) -> list[str]:
        text = "".join(self._script.tokens)
        item = self._item(text)
        place = {"item_id": item["id"], "output_index": 0}
        done = self._event("response.output_item.done", output_index=0, item=item)
        if self._script.calls_tool is not None:
            told = {"arguments": text, "name": self._script.calls_tool}
            return [self._event("response.function_call_arguments.done", **place, **told), done]
        told_text = {"content_index": 0, "text": text, "logprobs": []}
        return [
            self._event("response.output_text.done", **place, **told_text),
            self._part("response.content_part.done", text),
            done,
        ]

    def _part(self, kind: str, text: str) -> str:
        place = {"item_id": self._item("")["id"], "output_index": 0, "content_index": 0}
        return self._event(kind, **place, part=_output_text(text))

    def _item(self, text: str) -> dict[str, Any]:
        if self._script.calls_tool is not None:
            return {
                "id": "fc_1",
                "type": "function_call",
                "call_id": "call-1",
                "name": self._script.calls_tool,
                "arguments": text,
                "status": "completed",
            }
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [_output_text(text)],
        }

    def _usage(self) -> dict[str, Any] | None:
        if not self._script.tells_usage:
            return None
        prompt, completion = self._script.prompt_tokens, len(self._script.tokens)
        return {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": completion,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": prompt + completion,
        }

    def _response(
        self, status: str, output: list[dict[str, Any]], usage: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return {
            "id": f"resp_{self._call.request_id}",
            "object": "response",
            "created_at": 0,
            "status": status,
            "incomplete_details": {"reason": "max_output_tokens"}
            if status == "incomplete"
            else None,
            "model": self._script.model or self._call.body.get("model"),
            "output": output,
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": usage,
        }

    def _event(self, kind: str, **fields: Any) -> str:
        event = {**fields, "sequence_number": self._events, "type": kind}
        self._events += 1
        return _dumped(event)


class MessagesAnswer:
    """A message, or the events of its stream."""

    def __init__(self, script: Script, call: EngineCall) -> None:
        self._script = script
        self._call = call

    def opening(self) -> list[str]:
        begun = {**self._message([]), "stop_reason": None, "usage": self._usage(0)}
        block = {"type": "content_block_start", "index": 0, "content_block": self._block("")}
        return [_dumped({"type": "message_start", "message": begun}), _dumped(block)]

    def stream_chunks(self, number: int, token: str) -> list[str]:
        delta = {"type": "text_delta", "text": token}
        if self._script.calls_tool is not None:
            delta = {"type": "input_json_delta", "partial_json": token}
        events: list[dict[str, Any]] = [{"type": "content_block_delta", "index": 0, "delta": delta}]
        if number == len(self._script.tokens) - 1:
            events.append({"type": "content_block_stop", "index": 0})
        return [_dumped(event) for event in events]

    def ending(self) -> list[str]:
        if not self._script.tokens:
            return []
        usage = self._usage(len(self._script.tokens))
        told = {"usage": usage} if self._script.tells_usage else {}
        if not self._call.stream:
            block = self._block("".join(self._script.tokens))
            return [_dumped({**self._message([block]), **told})]
        delta = {"stop_reason": self._stop_reason(), "stop_sequence": None}
        return [
            _dumped({"type": "message_delta", "delta": delta, **told}),
            _dumped({"type": "message_stop"}),
        ]

    def _block(self, text: str) -> dict[str, Any]:
        if self._script.calls_tool is None:
            return {"type": "text", "text": text}
        name, arguments = self._script.calls_tool, json.loads(text) if text else {}
        return {"type": "tool_use", "id": "call-1", "name": name, "input": arguments}

    def _stop_reason(self) -> str:
        if self._script.finish == "length":
            return "max_tokens"
        return "end_turn" if self._script.calls_tool is None else "tool_use"

    def _message(self, content: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self._call.request_id}",
            "type": "message",
            "role": "assistant",
            "content": content,
            "model": self._script.model or self._call.body.get("model"),
            "stop_reason": self._stop_reason(),
            "stop_sequence": None,
        }

    def _usage(self, output_tokens: int) -> dict[str, int]:
        return {"input_tokens": self._script.prompt_tokens, "output_tokens": output_tokens}


class EmbeddingsAnswer:
    """The same embedding for every input."""

    def __init__(self, script: Script, call: EngineCall) -> None:
        self._script = script
        self._call = call

    def opening(self) -> list[str]:
        return []

    def stream_chunks(self, number: int, token: str) -> list[str]:
        return []

    def ending(self) -> list[str]:
        given = self._call.body.get("input")
        is_several = isinstance(given, list) and not isinstance(given[0], int)
        count = len(given) if isinstance(given, list) and is_several else 1
        prompt = self._script.prompt_tokens
        return [
            _dumped(
                {
                    "id": f"embd-{self._call.request_id}",
                    "object": "list",
                    "created": 0,
                    "model": self._script.model or self._call.body.get("model"),
                    "data": [
                        {"index": index, "object": "embedding", "embedding": list(EMBEDDING)}
                        for index in range(count)
                    ],
                    "usage": {"prompt_tokens": prompt, "total_tokens": prompt},
                }
            )
        ]


def _output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _dumped(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
