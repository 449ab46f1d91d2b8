"""openai-python: chat and Responses."""

import json

import openai
from asked import OVERLONG, WEATHER_SCHEMA, Asked, refused, run
from pydantic import BaseModel

HI = [{"role": "user", "content": "Hi"}]
CHAT_TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": WEATHER_SCHEMA, "strict": True},
}
TOOL = {"type": "function", "name": "get_weather", "parameters": WEATHER_SCHEMA, "strict": True}


class Capital(BaseModel):
    city: str


def sdk(asked: Asked) -> openai.OpenAI:
    return openai.OpenAI(base_url=asked.v1, api_key="none", max_retries=0, timeout=120)


def chat(asked: Asked) -> None:
    client = sdk(asked)
    whole = client.chat.completions.create(model="auto", messages=HI, max_tokens=8)
    assert whole.choices[0].message.content
    stream = client.chat.completions.create(model="auto", messages=HI, max_tokens=8, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in stream if c.choices)


def chat_calls_a_tool_and_follows_a_schema(asked: Asked) -> None:
    client = sdk(asked)
    answer = client.chat.completions.create(
        model=asked.weather, messages=HI, tools=[CHAT_TOOL], tool_choice="required", max_tokens=64
    )
    if asked.exact:
        call = answer.choices[0].message.tool_calls[0]
        assert json.loads(call.function.arguments) == {"city": "Paris"}
        parsed = client.chat.completions.parse(
            model=asked.json, messages=HI, response_format=Capital
        )
        assert parsed.choices[0].message.parsed == Capital(city="Paris")


def responses(asked: Asked) -> None:
    client = sdk(asked)
    raw = client.responses.with_raw_response.create(
        model="auto", input="Hi", instructions="Be brief", max_output_tokens=8
    )
    whole = raw.parse()
    assert whole.output_text
    assert whole.model == raw.headers["x-quantroute-pair"]
    assert whole.usage.input_tokens > 0
    assert whole.usage.output_tokens > 0
    assert whole.usage.model_extra["cost_usd"] > 0
    again = client.responses.create(
        model="auto",
        input=[{"role": "user", "content": "Hi"}, *whole.output, {"role": "user", "content": "?"}],
        max_output_tokens=8,
    )
    assert again.output_text


def responses_stream(asked: Asked) -> None:
    with sdk(asked).responses.stream(model="auto", input="Hi", max_output_tokens=8) as stream:
        kinds = [event.type for event in stream]
        last = stream.get_final_response()
    assert kinds[0] == "response.created"
    assert "response.output_text.delta" in kinds
    assert kinds[-1] == "response.completed"
    assert last.output_text
    assert last.usage.model_extra["cost_usd"] > 0


def responses_call_a_tool(asked: Asked) -> None:
    client = sdk(asked)
    fields = {"model": asked.weather, "input": "Hi", "tools": [TOOL], "tool_choice": "required"}
    whole = client.responses.create(**fields, max_output_tokens=64)
    events = list(client.responses.create(**fields, max_output_tokens=64, stream=True))
    assert events[-1].type == "response.completed"
    if not asked.exact:
        # A real model of this size may not finish the call.
        return
    with client.responses.stream(**fields) as stream:
        streamed = stream.until_done().get_final_response()
    for answer in (whole, streamed):
        call = answer.output[0]
        assert (call.type, call.name) == ("function_call", "get_weather")
        assert json.loads(call.arguments) == {"city": "Paris"}
    followed = client.responses.create(
        model="auto",
        input=[
            {"role": "user", "content": "Hi"},
            *whole.output,
            {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"},
        ],
        tools=[TOOL],
    )
    assert followed.output_text


def responses_follow_a_schema(asked: Asked) -> None:
    client = sdk(asked)
    if asked.exact:
        answer = client.responses.parse(
            model=asked.json, input="A capital as JSON", text_format=Capital
        )
        assert answer.output_parsed == Capital(city="Paris")
        return
    form = {"type": "json_schema", "name": "capital", "schema": WEATHER_SCHEMA, "strict": True}
    answer = client.responses.create(
        model=asked.json, input="A capital", text={"format": form}, max_output_tokens=64
    )
    assert answer.output_text.lstrip().startswith("{")


def refusals(asked: Asked) -> None:
    client = sdk(asked)
    long = [{"role": "user", "content": OVERLONG}]
    for call, param in (
        (lambda: client.chat.completions.create(model="auto", messages=long), "messages"),
        (lambda: client.responses.create(model="auto", input=OVERLONG), "input"),
        (lambda: client.responses.create(model="auto", input=OVERLONG, stream=True), "input"),
    ):
        error = refused(openai.BadRequestError, call)
        assert (error.code, error.param) == ("context_length_exceeded", param)
        assert error.request_id
    for fields in ({"background": True}, {"previous_response_id": "resp_1"}):
        error = refused(
            openai.BadRequestError,
            lambda fields=fields: client.responses.create(model="auto", input="Hi", **fields),
        )
        assert error.param == next(iter(fields))
    error = refused(
        openai.NotFoundError, lambda: client.responses.create(model="gpt-5", input="Hi")
    )
    assert error.code == "model_not_found"
    refused(
        openai.UnprocessableEntityError,
        lambda: client.responses.create(
            model="auto",
            input="Hi",
            extra_headers={"x-max-cost-usd": "0.000000000001", "x-on-infeasible": "refuse"},
        ),
    )


def embeddings(asked: Asked) -> None:
    client = sdk(asked)
    if not asked.exact:
        error = refused(
            openai.BadRequestError, lambda: client.embeddings.create(model="auto", input="Hi")
        )
        assert error.code == "model_not_supported"
        return
    answer = client.embeddings.create(model="auto", input=["Hi", "Hello"])
    assert [len(one.embedding) for one in answer.data] == [3, 3]


run(
    chat,
    chat_calls_a_tool_and_follows_a_schema,
    responses,
    responses_stream,
    responses_call_a_tool,
    responses_follow_a_schema,
    refusals,
    embeddings,
)
