"""The official `openai` SDK against the application: what its users would do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from serve_app.core.errors import EngineBusy, EngineFailed
from serve_app.testing import Script
from tests.api.apps import a_client, an_app
from tests.gateways import GatewayUnderTest, gateway_under_test

BASE_URL = "http://testserver/v1"
MESSAGES: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "Hi"}]
WEATHER: openai.types.chat.ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}


class Capital(BaseModel):
    city: str


@pytest.fixture
def under_test() -> GatewayUnderTest:
    return gateway_under_test()


@pytest.fixture
def client(under_test: GatewayUnderTest) -> Iterator[OpenAI]:
    with OpenAI(
        api_key="none", base_url=BASE_URL, http_client=a_client(under_test), max_retries=0
    ) as client:
        yield client


@pytest.fixture
async def async_client(under_test: GatewayUnderTest) -> AsyncIterator[AsyncOpenAI]:
    transport = httpx2.ASGITransport(an_app(under_test))
    async with AsyncOpenAI(
        api_key="none",
        base_url=BASE_URL,
        http_client=httpx2.AsyncClient(transport=transport),
        max_retries=0,
    ) as client:
        yield client


def test_one_answer(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="auto", messages=MESSAGES)

    assert answer.model == "cheap"
    assert answer.choices[0].message.content == "Hello world"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 2
    assert answer.usage.model_extra is not None
    assert answer.usage.model_extra["cost_usd"] > 0


def test_one_streamed_answer_with_its_cost(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="auto", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
    )

    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "Hello world"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.model_extra is not None
    assert chunks[-1].usage.model_extra["cost_usd"] > 0


def test_wishes_travel_as_headers_or_in_the_body(client: OpenAI) -> None:
    by_header = client.chat.completions.with_raw_response.create(
        model="auto", messages=MESSAGES, extra_headers={"x-min-accuracy": "0.99"}
    )
    by_body = client.chat.completions.with_raw_response.create(
        model="auto", messages=MESSAGES, extra_body={"routing": {"min_accuracy": 0.99}}
    )

    assert by_header.headers["x-quantroute-infeasible"] == "accuracy"
    assert by_body.headers["x-quantroute-infeasible"] == "accuracy"


def test_a_pair_by_its_id(client: OpenAI) -> None:
    assert client.chat.completions.create(model="dear", messages=MESSAGES).model == "dear"


def test_text_completions(client: OpenAI) -> None:
    whole = client.completions.create(model="auto", prompt="Hi")
    streamed = list(client.completions.create(model="auto", prompt="Hi", stream=True))

    assert whole.choices[0].text == "Hello world"
    assert "".join(chunk.choices[0].text for chunk in streamed) == "Hello world"
    assert streamed[-1].usage is not None


def test_a_tool_call(client: OpenAI, under_test: GatewayUnderTest) -> None:
    under_test.engine.scripts["cheap"] = Script(
        tokens=('{"place":', '"Oslo"}'), calls_tool="weather"
    )

    answer = client.chat.completions.create(model="auto", messages=MESSAGES, tools=[WEATHER])

    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.tool_calls is not None
    (call,) = answer.choices[0].message.tool_calls
    assert call.type == "function"
    assert call.function.name == "weather"
    assert json.loads(call.function.arguments) == {"place": "Oslo"}


def test_a_streamed_tool_call(client: OpenAI, under_test: GatewayUnderTest) -> None:
    under_test.engine.scripts["cheap"] = Script(
        tokens=('{"place":', '"Oslo"}'), calls_tool="weather"
    )

    with client.chat.completions.stream(model="auto", messages=MESSAGES, tools=[WEATHER]) as stream:
        final = stream.get_final_completion()

    assert final.choices[0].message.tool_calls is not None
    assert final.choices[0].message.tool_calls[0].function.arguments == '{"place":"Oslo"}'


def test_structured_output(client: OpenAI, under_test: GatewayUnderTest) -> None:
    under_test.engine.scripts["cheap"] = Script(tokens=('{"city":', '"Oslo"}'))

    answer = client.chat.completions.parse(model="auto", messages=MESSAGES, response_format=Capital)

    assert answer.choices[0].message.parsed == Capital(city="Oslo")


def test_the_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["auto", "model-a", "cheap", "dear"]
    assert client.models.retrieve("dear").id == "dear"


def test_errors_arrive_as_the_sdks_own(client: OpenAI, under_test: GatewayUnderTest) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        client.chat.completions.create(model="auto", messages=[])
    assert bad.value.param == "messages"

    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-4", messages=MESSAGES)
    assert unknown.value.code == "model_not_found"

    under_test.load.set_replicas({})
    for pair in ("cheap", "dear"):
        under_test.engine.scripts[pair] = Script(error=EngineBusy(pair))
    with pytest.raises(openai.InternalServerError) as overloaded:
        client.chat.completions.create(model="auto", messages=MESSAGES)
    assert overloaded.value.code == "overloaded"


def test_a_stream_that_breaks_raises_after_its_tokens(
    client: OpenAI, under_test: GatewayUnderTest
) -> None:
    under_test.engine.scripts["cheap"] = Script(error=EngineFailed("cheap", "oom"), error_at=1)
    stream = client.chat.completions.create(model="auto", messages=MESSAGES, stream=True)

    assert [next(stream).choices[0].delta.content for _ in range(2)] == ["", "Hello"]
    with pytest.raises(openai.APIError, match="'cheap' failed: oom"):
        next(stream)


async def test_one_answer_asynchronously(async_client: AsyncOpenAI) -> None:
    answer = await async_client.chat.completions.create(model="auto", messages=MESSAGES)

    assert answer.choices[0].message.content == "Hello world"


async def test_one_streamed_answer_asynchronously(async_client: AsyncOpenAI) -> None:
    stream = await async_client.chat.completions.create(
        model="auto", messages=MESSAGES, stream=True
    )
    chunks = [chunk async for chunk in stream]

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello world"
    assert {chunk.model for chunk in chunks} == {"cheap"}
    assert chunks[-1].usage is not None
