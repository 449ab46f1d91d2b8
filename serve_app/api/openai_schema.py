"""The OpenAI fields that the router knows, strict on their types.

Only for validation and for reading: the engine gets the caller's own body, so fields that are
not named here pass as they came.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from serve_app.core.errors import BadRequest

# Engines count in 32 bits; a larger limit could only overflow what is computed from it.
TokenLimit = Annotated[int, Field(ge=1, lt=2**31)]
TokenIds = Annotated[list[Annotated[int, Field(ge=0)]], Field(fail_fast=True)]
Texts = Annotated[list[str], Field(fail_fast=True, min_length=1)]
Penalty = Annotated[float, Field(ge=-2, le=2)]
OpenObject = dict[str, Any]


def _biases(tokens: OpenObject) -> OpenObject:
    # Pydantic goes on after the first wrong value of an object, for seconds if there are many.
    for token, bias in tokens.items():
        if isinstance(bias, bool) or not isinstance(bias, int | float) or abs(bias) == inf:
            raise ValueError(f"the bias of token {token!r:.20} should be a finite number")
    return tokens


class Wire(BaseModel):
    """Strict about the types of what it names, silent about everything else."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


class ContentPart(Wire):
    type: str
    text: str | None = None

    @model_validator(mode="after")
    def _text_has_text(self) -> ContentPart:
        if self.type == "text" and self.text is None:
            raise ValueError("a part of type 'text' needs the field 'text'")
        return self


Parts = Annotated[list[ContentPart], Field(fail_fast=True)]


class Message(Wire):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Parts | None = None
    tool_calls: Annotated[list[OpenObject], Field(fail_fast=True)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Message:
        if self.content is None and self.role != "assistant":
            raise ValueError(f"a message of role {self.role!r} needs 'content'")
        return self

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.text)
        return self.content or ""

    @property
    def is_text(self) -> bool:
        parts = self.content if isinstance(self.content, list) else []
        return all(part.type == "text" for part in parts)


class Function(Wire):
    name: Annotated[str, Field(min_length=1)]
    description: str | None = None
    parameters: OpenObject | None = None


class Tool(Wire):
    type: str
    function: Function | None = None

    @model_validator(mode="after")
    def _function_is_described(self) -> Tool:
        if self.type == "function" and self.function is None:
            raise ValueError("a tool of type 'function' needs the field 'function'")
        return self


class JsonSchema(Wire):
    name: Annotated[str, Field(min_length=1)]
    schema_: Annotated[OpenObject | None, Field(alias="schema")] = None


class ResponseFormat(Wire):
    type: Literal["text", "json_object", "json_schema", "structural_tag"]
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _schema_is_given(self) -> ResponseFormat:
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError("type 'json_schema' needs the field 'json_schema'")
        return self


class StreamOptions(Wire):
    include_usage: bool | None = None
    continuous_usage_stats: bool | None = None


class Generation(Wire):
    """What chat and text completions share."""

    model: Annotated[str, Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: TokenLimit | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    temperature: Annotated[float, Field(ge=0)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    stop: str | Annotated[list[str], Field(fail_fast=True)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    logit_bias: Annotated[OpenObject, AfterValidator(_biases)] | None = None
    response_format: ResponseFormat | None = None
    structured_outputs: OpenObject | None = None
    prompt_logprobs: int | None = None
    user: str | None = None

    @model_validator(mode="after")
    def _options_are_of_a_stream(self) -> Generation:
        if self.stream_options is not None and not self.stream:
            raise ValueError("'stream_options' is only allowed when 'stream' is true")
        return self


class ChatBody(Generation):
    """A body of `/v1/chat/completions`."""

    messages: Annotated[list[Message], Field(fail_fast=True, min_length=1)]
    max_completion_tokens: TokenLimit | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tools: Annotated[list[Tool], Field(fail_fast=True)] | None = None
    tool_choice: Literal["none", "auto", "required"] | OpenObject | None = None
    parallel_tool_calls: bool | None = None


class CompletionsBody(Generation):
    """A body of `/v1/completions`. An engine that gets no `max_tokens` writes 16."""

    max_tokens: TokenLimit | None = 16
    prompt: str | TokenIds | Texts | Annotated[list[TokenIds], Field(fail_fast=True)] | None = None
    prompt_embeds: str | Texts | None = None
    logprobs: Annotated[int, Field(ge=0)] | None = None
    echo: bool | None = None
    suffix: str | None = None

    @model_validator(mode="after")
    def _prompt_is_given(self) -> CompletionsBody:
        if self.prompt_embeds is None and (self.prompt is None or self.prompt == []):
            raise ValueError("'prompt' is required: a string, a list of strings or token ids")
        return self


BodyT = TypeVar("BodyT", bound=Wire)


def validated(model: type[BodyT], body: Mapping[str, Any]) -> BodyT:
    """Reads `body`. Raises `BadRequest` naming the first wrong field."""
    try:
        return model.model_validate(body)
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False)
        first = errors[0]["loc"][:1]
        found = [
            (_path(body, error["loc"], missing=error["type"] == "missing"), error)
            for error in errors
            if error["loc"][:1] == first
        ]
        # One wrong value gives an error for every member of a union; the one that got furthest
        # into the value is the nearest miss.
        param, _ = max(found, key=lambda item: [p for p in item[1]["loc"] if isinstance(p, int)])
        wanted = dict.fromkeys(
            error["msg"].removeprefix("Value error, ") for path, error in found if path == param
        )
        message = " or ".join(wanted)
        raise BadRequest(f"{param}: {message}" if param else message, param or None) from exc


def _path(body: Any, loc: tuple[int | str, ...], *, missing: bool) -> str:
    """`messages[0].role`, without the union members that pydantic puts between fields."""
    path, here = "", body
    for position, part in enumerate(loc):
        absent = missing and position == len(loc) - 1
        if isinstance(here, dict) and (part in here or absent):
            path += f".{part}"
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int):
            path += f"[{part}]"
            here = here[part]
    return path.removeprefix(".")
