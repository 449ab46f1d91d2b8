"""The OpenAI fields that routing reads, with the types that vLLM gives them.

The engine checks all others. A number may come as text or as a float where vLLM takes it so.
"""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from serve_app.core.errors import BadRequest

# Engines count in 32 bits; a larger limit could only overflow what is computed from it.
Tokens = Annotated[int, Field(ge=0, lt=2**31)]
TokenLimit = Annotated[int, Field(ge=1, lt=2**31)]
# As many as vLLM starts for one prompt.
Sequences = Annotated[int, Field(ge=1, le=16_384)]
# As many as vLLM takes in one request.
MOST_PROMPTS = 1024
TokenIds = Annotated[list[Annotated[int, Field(ge=0)]], Field(fail_fast=True)]
Texts = Annotated[list[str], Field(fail_fast=True, min_length=1, max_length=MOST_PROMPTS)]
Batches = Annotated[list[TokenIds], Field(fail_fast=True, max_length=MOST_PROMPTS)]
OpenObject = dict[str, Any]
OpenObjects = Annotated[list[OpenObject], Field(fail_fast=True)]


def finite_biases(tokens: OpenObject) -> OpenObject:
    """The same. Raises `ValueError` for a bias that is no number."""
    # Pydantic goes on after the first wrong value of an object, for seconds if there are many,
    # and an engine answers no one meanwhile.
    for token, bias in tokens.items():
        try:
            fits = isfinite(float(bias))
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise ValueError(f"the bias of token {token!r:.20} should be a finite number")
    return tokens


class Wire(BaseModel):
    """Reads what it names, and is silent about everything else."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class ContentPart(Wire):
    type: str | None = None
    text: str | None = None

    @model_validator(mode="after")
    def _text_has_text(self) -> ContentPart:
        if self.type == "text" and self.text is None:
            raise ValueError("a part of type 'text' needs the field 'text'")
        return self


class Message(Wire):
    role: str
    content: str | Annotated[list[str | ContentPart], Field(fail_fast=True)] | None = None
    tool_calls: OpenObjects | None = None

    @model_validator(mode="after")
    def _content_is_not_null(self) -> Message:
        is_null = self.content is None and "content" in self.model_fields_set
        if is_null and self.role not in ("assistant", "tool", "function"):
            raise ValueError(
                f"a message of role {self.role!r:.40} needs 'content' that is not null"
            )
        return self

    @property
    def text(self) -> str:
        if not isinstance(self.content, list):
            return self.content or ""
        texts = (part if isinstance(part, str) else part.text for part in self.content)
        return "\n".join(text for text in texts if text)

    @property
    def is_text(self) -> bool:
        parts = self.content if isinstance(self.content, list) else []
        return all(isinstance(part, str) or part.type == "text" for part in parts)


class ResponseFormat(Wire):
    type: str | None = None


class StreamOptions(Wire):
    include_usage: bool | None = None


class Generation(Wire):
    """What chat and text completions share."""

    model: Annotated[str, Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: TokenLimit | None = None
    min_tokens: Tokens | None = None
    n: Sequences | None = None
    logit_bias: Annotated[OpenObject, AfterValidator(finite_biases)] | None = None
    response_format: ResponseFormat | None = None
    structured_outputs: OpenObject | None = None
    prompt_logprobs: int | None = None

    @model_validator(mode="after")
    def _options_are_of_a_stream(self) -> Generation:
        if self.stream_options is not None and not self.stream:
            raise ValueError("'stream_options' is only allowed when 'stream' is true")
        return self


class ChatBody(Generation):
    """A body of `/v1/chat/completions`. Each of `messages` is a `Message`, read on its own."""

    messages: Annotated[list[Any], Field(min_length=1)]
    max_completion_tokens: TokenLimit | None = None
    logprobs: bool | None = None
    tools: OpenObjects | None = None


class CompletionsBody(Generation):
    """A body of `/v1/completions`. An engine that gets no `max_tokens` writes 16.

    With 0 it writes nothing, which `echo` gives a meaning.
    """

    max_tokens: Tokens = 16
    prompt: str | TokenIds | Texts | Batches | None = None
    prompt_embeds: Any = None
    logprobs: int | None = None
    echo: bool | None = None

    @model_validator(mode="after")
    def _prompt_is_given(self) -> CompletionsBody:
        if self.prompt_embeds is None and (self.prompt is None or self.prompt == []):
            raise ValueError("'prompt' is required: a string, a list of strings or token ids")
        if self.max_tokens == 0 and not self.echo:
            raise ValueError("'max_tokens' should be at least 1; 0 is only allowed with 'echo'")
        return self


BodyT = TypeVar("BodyT", bound=Wire)


def validated(model: type[BodyT], body: Any, place: str = "") -> BodyT:
    """Reads `body`, which stands at `place`. Raises `BadRequest` naming the first wrong field."""
    try:
        return model.model_validate(body)
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False)
        first = errors[0]["loc"][:1]
        found = [
            (_path(body, error["loc"], place, missing=error["type"] == "missing"), error)
            for error in errors
            if error["loc"][:1] == first
        ]
        # One wrong value gives an error for every member of a union; the one that got furthest
        # into the value is the nearest miss.
        param, _ = max(found, key=_depth)
        wanted = dict.fromkeys(
            error["msg"].removeprefix("Value error, ") for path, error in found if path == param
        )
        message = " or ".join(wanted)
        raise BadRequest(f"{param}: {message}" if param else message, param or None) from exc


def _depth(found: tuple[str, Any]) -> tuple[list[int], int]:
    path, error = found
    return [part for part in error["loc"] if isinstance(part, int)], len(path)


def _path(body: Any, loc: tuple[int | str, ...], place: str, *, missing: bool) -> str:
    """`messages[0].role`, without the union members that pydantic puts between fields."""
    path, here = place, body
    for position, part in enumerate(loc):
        absent = missing and position == len(loc) - 1
        if isinstance(here, dict) and (part in here or absent):
            path += f".{part}"
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int):
            path += f"[{part}]"
            here = here[part]
    return path.removeprefix(".")
