"""instructor: tools, JSON and Responses over OpenAI's SDK, and tools over Anthropic's."""

import anthropic
import instructor
import openai
from asked import Asked, run
from instructor.core import InstructorError
from pydantic import BaseModel

HI = [{"role": "user", "content": "A capital"}]
FIELDS = {"messages": HI, "max_retries": 1}


class Capital(BaseModel):
    city: str


def _openai(asked: Asked) -> openai.OpenAI:
    return openai.OpenAI(base_url=asked.v1, api_key="none", max_retries=0)


def _answered(asked: Asked, ask: object) -> None:
    """A real model of this size may miss the schema. It may not break the client."""
    try:
        answer = ask()
    except InstructorError:
        if asked.exact:
            raise
    else:
        assert not asked.exact or answer.model_dump() == {"city": "Paris"}, repr(answer)


def chat(asked: Asked) -> None:
    for mode, model in (
        (instructor.Mode.TOOLS, asked.capital),
        (instructor.Mode.JSON_SCHEMA, asked.json),
    ):
        client = instructor.from_openai(_openai(asked), mode=mode)
        _answered(
            asked,
            lambda client=client, model=model: client.chat.completions.create(
                model=model, response_model=Capital, max_tokens=64, **FIELDS
            ),
        )


def responses(asked: Asked) -> None:
    client = instructor.from_openai(_openai(asked), mode=instructor.Mode.RESPONSES_TOOLS)
    _answered(
        asked,
        lambda: client.chat.completions.create(
            model=asked.capital, response_model=Capital, max_output_tokens=64, **FIELDS
        ),
    )


def messages(asked: Asked) -> None:
    sdk = anthropic.Anthropic(base_url=asked.url, api_key="none", max_retries=0)
    client = instructor.from_anthropic(sdk)
    _answered(
        asked,
        lambda: client.messages.create(
            model=asked.capital, response_model=Capital, max_tokens=64, **FIELDS
        ),
    )


run(chat, responses, messages)
