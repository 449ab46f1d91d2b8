"""The deployment of one pair: a vLLM engine behind `ray.serve.llm`.

Importing this module imports vLLM; only the application builder and pair replicas do.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast, get_args

from ray.serve.deployment import Application
from ray.serve.llm import LLMConfig, build_llm_deployment
from ray.serve.llm.deployment import LLMServer
from ray.serve.llm.openai_api_models import (
    ChatCompletionRequest,
    CompletionRequest,
    EmbeddingRequest,
)
from vllm.entrypoints.anthropic.protocol import AnthropicMessagesRequest
from vllm.entrypoints.openai.responses.protocol import ResponsesRequest
from vllm.exceptions import GracefulHTTPError, VLLMError, VLLMServerError, VLLMValidationError

from serve_app.core.errors import EngineError
from serve_app.core.inference_request import TYPED_STREAMS
from serve_app.core.ports import Operation, Placement
from serve_app.serving.building import INTAKE, Intake, build, refuse_while_adding
from serve_app.serving.engine_texts import error_of_exception, texts_of
from serve_app.serving.llm_config import llm_config_fields
from serve_app.serving.typed_serving import TypedServing
from serve_app.settings import PairSettings

OF_TEXTS, OF_A_CHAT = get_args(EmbeddingRequest)
# What is never the request's fault, wherever it arises.
OWN_FAULTS = (VLLMServerError, GracefulHTTPError, MemoryError)


class PairServer(LLMServer):
    """An `LLMServer` that takes a request as plain JSON values and answers in JSON texts.

    The ingress thus needs no vLLM to build a request, and unknown fields reach vLLM's own
    parser untouched. Cancelling a call aborts the request in the engine.
    """

    async def start(self) -> None:
        await super().start()  # type: ignore[no-untyped-call]
        client = cast(Any, self.engine)._engine_client
        refuse_while_adding(client, VLLMValidationError, (VLLMError, MemoryError))
        self._typed = TypedServing(self.engine)

    async def answer(
        self,
        operation: Operation,
        body: dict[str, Any],
        request_id: str,
        _placement: Placement | None = None,
    ) -> AsyncGenerator[str, None]:
        """Yields the response, or its chunks, as JSON texts. Raises `EngineError`s only.

        The placement has done its work before a call is here.
        """
        pair, fields = self._llm_config.model_id, body
        intake = Intake()
        INTAKE.set(intake)
        try:
            async for part in await self._parts(operation, pair, fields, request_id):
                if operation in TYPED_STREAMS and isinstance(part, str):
                    yield part
                    continue
                for text in texts_of(pair, part, fields, intake):
                    yield text
        except EngineError:
            raise
        # Without its cause, which may not survive the way over a handle.
        except Exception as exc:  # noqa: BLE001
            own = isinstance(exc, OWN_FAULTS)
            raise error_of_exception(pair, exc, fields, intake, own=own) from None

    async def _parts(
        self, operation: Operation, pair: str, body: Mapping[str, Any], request_id: str
    ) -> AsyncGenerator[Any, None]:
        """What vLLM answers, in its own objects or in JSON texts."""
        named = {**body, "request_id": request_id}
        match operation:
            case "chat":
                return await self.chat(build(pair, ChatCompletionRequest, named))
            case "completions":
                return await self.completions(build(pair, CompletionRequest, named))
            case "responses":
                # A response has the id of its request.
                named["request_id"] = f"resp_{request_id}"
                return self._typed.responses(build(pair, ResponsesRequest, named))
            case "messages":
                request = build(pair, AnthropicMessagesRequest, body)
                return self._typed.messages(request, request_id)
            case "embeddings":
                form = OF_A_CHAT if "messages" in body else OF_TEXTS
                return await self.embeddings(build(pair, form, named))


def build_pair(settings: PairSettings, checkpoint: str) -> Application:
    """The Serve application node of one pair."""
    config = LLMConfig(**llm_config_fields(settings, checkpoint))
    return build_llm_deployment(
        config, deployment_cls=PairServer, override_serve_options={"name": settings.id}
    )
