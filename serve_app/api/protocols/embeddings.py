"""The body of `/v1/embeddings`. An engine checks all that routing does not read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from serve_app.api.openai_schema import Batches, Texts, TokenIds, Wire, validated
from serve_app.api.protocols.conversation import refuse_extra_body, refuse_too_many
from serve_app.classifier.request_text import segment
from serve_app.core.inference_request import InferenceRequest
from serve_app.core.request import Constraints
from serve_app.settings import IngressSettings


class EmbeddingsBody(Wire):
    """The fields that routing reads. vLLM also embeds a conversation."""

    model: Annotated[str, Field(min_length=1)]
    input: str | TokenIds | Texts | Batches | None = None
    messages: Annotated[list[Any], Field(min_length=1)] | None = None
    # vLLM has formats of bytes too, which are no JSON.
    encoding_format: Literal["float", "base64"] | None = None

    @model_validator(mode="after")
    def _input_is_given(self) -> EmbeddingsBody:
        if self.messages is None and (self.input is None or self.input == []):
            raise ValueError("'input' is required: a string, a list of strings or token ids")
        return self


def read_embeddings(
    body: Mapping[str, Any], constraints: Constraints, request_id: str, settings: IngressSettings
) -> InferenceRequest:
    """Validates one body, which has no empty fields. Raises `BadRequest`.

    An embedding is one step of the engine, so it counts as an answer of one token.
    """
    refuse_extra_body(body)
    read = validated(EmbeddingsBody, body)
    refuse_too_many(read.messages or (), settings.max_messages, "messages", "messages")
    texts, token_ids, inputs = _inputs(read)
    longest = max(texts, key=len, default="")
    return InferenceRequest(
        request_id=request_id,
        operation="embeddings",
        model=read.model,
        body=body,
        prompt=segment(longest),
        form="text",
        countable=longest,
        counted_tokens=token_ids,
        max_tokens=1,
        prompts=inputs,
        sequences=inputs,
        needs={},
        constraints=constraints,
        usage_asked=True,
        # Models that embed have tokenizers of their own.
        wholly_counted=False,
    )


def _inputs(read: EmbeddingsBody) -> tuple[list[str], int, int]:
    """The texts, the most token ids of one input, and how many inputs there are."""
    match read.input:
        case str() as text:
            return [text], 0, 1
        case [int(), *_] as ids:
            return [], len(ids), 1
        case [str(), *_] as texts:
            return [str(text) for text in texts], 0, len(texts)
        case [list(), *_] as batches:
            longest = max(len(ids) for ids in batches if isinstance(ids, list))
            return [], longest, len(batches)
        case _:
            return [json.dumps(read.messages)], 0, 1
