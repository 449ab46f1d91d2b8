"""A server that speaks vLLM's dialect of the OpenAI API over a model of a few lines."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import log
from typing import Any
from zlib import crc32

VOCABULARY = 5_000
LIKELY = 0.6
SECOND = 0.3
METRICS = """\
# TYPE vllm:cache_config_info gauge
vllm:cache_config_info{kv_cache_memory_bytes="4096"} 1.0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeModel:
    """How a fake model answers.

    `likely` is the probability of every text's own next token. On prompts and texts that contain
    `breaks_on` it computes NaN, which vLLM cannot put into JSON; with `writes_nan` it is put there
    all the same. Answers are `answer`, or the prompt's own words.
    """

    name: str = "tiny-bf16"
    likely: float = LIKELY
    template: str = "user: "
    answer: str | None = None
    breaks_on: str | None = None
    writes_nan: bool = False
    fails_on: str | None = None

    def completion(self, body: dict[str, Any]) -> tuple[int, Any]:
        prompt = body["prompt"]
        if (refused := self._refused(prompt)) is not None:
            return refused
        ids = prompt if isinstance(prompt, list) else tokens(prompt)
        places = [None, *({str(token): self._told(1), "1": told(SECOND, 2)} for token in ids[1:])]
        if self._is_broken(prompt):
            places[-1] = {str(ids[-1]): {"logprob": float("nan"), "rank": 1}}
        choice = {
            "text": "x",
            "token_ids": [7],
            "prompt_token_ids": ids,
            "prompt_logprobs": places,
            "logprobs": {"token_logprobs": [-0.1]},
            "finish_reason": "length",
        }
        return 200, {"choices": [choice]}

    def chat(self, body: dict[str, Any]) -> tuple[int, Any]:
        content = body["messages"][0]["content"]
        if (refused := self._refused(content)) is not None:
            return refused
        text = content if self.answer is None else self.answer
        ids = tokens(text)
        value = float("nan") if self._is_broken(content) else log(self.likely)
        choice = {
            "message": {"role": "assistant", "content": text},
            "token_ids": ids,
            "logprobs": {"content": [{"logprob": value} for _ in ids]},
            "finish_reason": "stop",
        }
        return 200, {"choices": [choice], "prompt_token_ids": tokens(self.template + content)}

    def _told(self, rank: int) -> dict[str, Any]:
        return told(self.likely, rank)

    def _is_broken(self, prompt: str | list[int]) -> bool:
        return self.breaks_on is not None and self.breaks_on in str(prompt)

    def _refused(self, prompt: str | list[int]) -> tuple[int, Any] | None:
        if self.fails_on is not None and self.fails_on in str(prompt):
            return 500, {"error": {"message": "EngineCore died"}}
        if self._is_broken(prompt) and not self.writes_nan:
            message = "Out of range float values are not JSON compliant: nan"
            return 400, {"error": {"message": message, "type": "BadRequestError"}}
        return None


def told(probability: float, rank: int) -> dict[str, Any]:
    return {"logprob": log(probability), "rank": rank}


def tokens(text: str) -> list[int]:
    """A token per word; 0 to 99 are kept for the tests."""
    return [100 + crc32(word.encode()) % VOCABULARY for word in text.split()]


@contextmanager
def serving(model: FakeModel) -> Iterator[str]:
    """The model at an address of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pages = {
                "/v1/models": json.dumps({"data": [{"id": model.name}]}),
                "/version": json.dumps({"version": "0.32.0"}),
                "/metrics": METRICS,
            }
            self._send(200 if self.path in pages else 404, pages.get(self.path, ""))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = model.chat if self.path.endswith("chat/completions") else model.completion
            status, replied = answer(body)
            self._send(status, json.dumps(replied))

        def _send(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            """A test's output is not an access log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
