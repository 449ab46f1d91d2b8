"""The deployment of one pair: a vLLM engine behind `ray.serve.llm`.

Importing this module imports vLLM; only the application builder and pair replicas do.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

from pydantic import ValidationError
from ray.serve.deployment import Application
from ray.serve.llm import LLMConfig, build_llm_deployment
from ray.serve.llm.deployment import LLMServer
from ray.serve.llm.openai_api_models import ChatCompletionRequest, CompletionRequest

from serve_app.core.errors import EngineFailed, EngineRejected
from serve_app.core.ports import Operation
from serve_app.serving.llm_config import llm_config_fields
from serve_app.settings import PairSettings

DONE = "[DONE]"


class PairServer(LLMServer):
    """An `LLMServer` that takes a request as plain JSON values and answers in JSON texts.

    The ingress thus needs no vLLM to build a request, and unknown fields reach vLLM's own
    parser untouched. Cancelling a call aborts the request in the engine.
    """

    async def answer(
        self, operation: Operation, body: dict[str, Any], request_id: str
    ) -> AsyncGenerator[str, None]:
        """Yields the response, or its chunks, as JSON texts. Raises `EngineError`s."""
        pair = self._llm_config.model_id
        parts = await self._ask(pair, operation, {**body, "request_id": request_id})
        async for part in parts:
            for text in _texts(pair, part):
                yield text

    async def _ask(
        self, pair: str, operation: Operation, fields: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        try:
            if operation == "chat":
                return await self.chat(ChatCompletionRequest(**fields))
            return await self.completions(CompletionRequest(**fields))
        except ValidationError as exc:
            raise _rejected_by_schema(pair, exc) from None


def build_pair(settings: PairSettings, checkpoint: str) -> Application:
    """The Serve application node of one pair."""
    config = LLMConfig(**llm_config_fields(settings, checkpoint))
    return build_llm_deployment(
        config, deployment_cls=PairServer, override_serve_options={"name": settings.id}
    )


def _texts(pair: str, part: Any) -> list[str]:
    if (error := getattr(part, "error", None)) is not None:
        raise _rejected(pair, error.model_dump())
    if isinstance(part, list):
        return [text for item in part for text in _texts(pair, item)]
    if isinstance(part, str):
        return [text for line in part.split("\n\n") if (text := _payload(pair, line))]
    return [part.model_dump_json()]


def _payload(pair: str, line: str) -> str:
    """The JSON text of one server-sent event; empty for the end mark."""
    text = line.strip().removeprefix("data:").strip()
    if text == DONE:
        return ""
    if text.startswith('{"error"'):
        raise _rejected(pair, json.loads(text)["error"])
    return text


def _rejected(pair: str, error: dict[str, Any]) -> EngineRejected | EngineFailed:
    status = int(error.get("code") or 500)
    kind = str(error.get("type") or "engine_error")
    if status >= 500:
        return EngineFailed(pair, kind)
    return EngineRejected(pair, status, str(error.get("message")), kind, error.get("param"))


def _rejected_by_schema(pair: str, exc: ValidationError) -> EngineRejected:
    first = exc.errors(include_url=False, include_context=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    message = f"{path}: {first['msg']}" if path else str(first["msg"])
    return EngineRejected(pair, 400, message, "invalid_request_error", path or None)
