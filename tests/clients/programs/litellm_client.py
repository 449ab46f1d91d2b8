"""LiteLLM: its OpenAI provider, its Anthropic provider, and its adapter of Messages."""

import asyncio

import litellm
from asked import OVERLONG, WEATHER_SCHEMA, Asked, refused, run

HI = [{"role": "user", "content": "Hi"}]
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER_SCHEMA}}


def _places(asked: Asked) -> list[dict[str, str]]:
    return [
        {"model": "openai/{}", "api_base": asked.v1, "api_key": "none"},
        {"model": "anthropic/{}", "api_base": asked.url, "api_key": "none"},
    ]


def completion(asked: Asked) -> None:
    for place in _places(asked):
        fields = {**place, "model": place["model"].format("auto"), "max_tokens": 8}
        whole = litellm.completion(messages=HI, **fields)
        assert whole.choices[0].message.content
        assert whole.usage.completion_tokens > 0
        stream = litellm.completion(messages=HI, stream=True, **fields)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream)


def tools(asked: Asked) -> None:
    for place in _places(asked):
        fields = {**place, "model": place["model"].format(asked.weather), "max_tokens": 64}
        answer = litellm.completion(messages=HI, tools=[TOOL], tool_choice="required", **fields)
        if asked.exact:
            assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"


def responses(asked: Asked) -> None:
    fields = {"model": "openai/auto", "api_base": asked.v1, "api_key": "none"}
    whole = litellm.responses(input="Hi", max_output_tokens=8, **fields)
    assert whole.output[0].content[0].text
    events = list(litellm.responses(input="Hi", max_output_tokens=8, stream=True, **fields))
    assert events[-1].type == "response.completed"


def messages(asked: Asked) -> None:
    for place in _places(asked):
        fields = {**place, "model": place["model"].format("auto"), "max_tokens": 16}
        answer = asyncio.run(litellm.anthropic.messages.acreate(messages=HI, **fields))
        assert answer["content"][0]["text"]


def refusals(asked: Asked) -> None:
    long = [{"role": "user", "content": OVERLONG}]
    for place in _places(asked):
        fields = {**place, "model": place["model"].format("auto"), "max_tokens": 8}
        refused(
            litellm.ContextWindowExceededError,
            lambda fields=fields: litellm.completion(messages=long, num_retries=0, **fields),
        )


run(completion, tools, responses, messages, refusals)
