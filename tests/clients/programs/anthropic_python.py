"""anthropic-python: Messages."""

import anthropic
from asked import OVERLONG, WEATHER_SCHEMA, Asked, refused, run
from pydantic import BaseModel

HI = [{"role": "user", "content": "Hi"}]
TOOL = {"name": "get_weather", "description": "The weather", "input_schema": WEATHER_SCHEMA}


class Capital(BaseModel):
    city: str


def sdk(asked: Asked) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=asked.url, api_key="none", max_retries=0, timeout=120)


def messages(asked: Asked) -> None:
    raw = sdk(asked).messages.with_raw_response.create(
        model="auto", max_tokens=8, messages=HI, system="Be brief"
    )
    whole = raw.parse()
    assert whole.content[0].text
    assert whole.model == raw.headers["x-quantroute-pair"]
    assert whole.usage.input_tokens > 0
    assert whole.usage.output_tokens > 0
    assert whole.usage.model_extra["cost_usd"] > 0
    assert whole._request_id == raw.headers["x-request-id"]


def messages_stream(asked: Asked) -> None:
    with sdk(asked).messages.stream(model="auto", max_tokens=8, messages=HI) as stream:
        text = "".join(stream.text_stream)
        last = stream.get_final_message()
    assert text
    assert last.content[0].text == text
    assert last.usage.output_tokens > 0
    assert last.stop_reason in ("end_turn", "max_tokens")


def messages_call_a_tool(asked: Asked) -> None:
    client = sdk(asked)
    fields = {"model": asked.weather, "max_tokens": 64, "messages": HI, "tools": [TOOL]}
    whole = client.messages.create(**fields, tool_choice={"type": "any"})
    if not asked.exact:
        return
    with client.messages.stream(**fields, tool_choice={"type": "any"}) as stream:
        streamed = stream.get_final_message()
    for answer in (whole, streamed):
        call = answer.content[0]
        assert (call.type, call.name, call.input) == ("tool_use", "get_weather", {"city": "Paris"})
        assert answer.stop_reason == "tool_use"
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    followed = client.messages.create(
        model="auto",
        max_tokens=8,
        tools=[TOOL],
        messages=[
            *HI,
            {"role": "assistant", "content": whole.content},
            {"role": "user", "content": [result]},
        ],
    )
    assert followed.content[0].text


def messages_follow_a_schema(asked: Asked) -> None:
    answer = sdk(asked).messages.create(
        model=asked.json,
        max_tokens=64,
        messages=HI,
        output_config={"format": {"type": "json_schema", "schema": WEATHER_SCHEMA}},
    )
    if asked.exact:
        assert Capital.model_validate_json(answer.content[0].text) == Capital(city="Paris")


def count_tokens(asked: Asked) -> None:
    client = sdk(asked)
    short = client.messages.count_tokens(model="auto", messages=HI)
    longer = client.messages.count_tokens(model="auto", messages=HI, tools=[TOOL])
    assert 0 < short.input_tokens < longer.input_tokens


def refusals(asked: Asked) -> None:
    client = sdk(asked)
    long = [{"role": "user", "content": OVERLONG}]
    for stream in (False, True):
        error = refused(
            anthropic.BadRequestError,
            lambda stream=stream: client.messages.create(
                model="auto", max_tokens=8, messages=long, stream=stream
            ),
        )
        assert error.type == "invalid_request_error"
        assert "prompt is too long" in error.message
        assert error.request_id
    error = refused(
        anthropic.BadRequestError, lambda: client.post("/v1/messages", body={}, cast_to=object)
    )
    assert "model" in error.message
    error = refused(
        anthropic.BadRequestError,
        lambda: client.post("/v1/messages", body={"model": "auto", "messages": HI}, cast_to=object),
    )
    assert "max_tokens" in error.message
    error = refused(
        anthropic.NotFoundError,
        lambda: client.messages.create(model="claude", max_tokens=8, messages=HI),
    )
    assert error.type == "not_found_error"


run(
    messages,
    messages_stream,
    messages_call_a_tool,
    messages_follow_a_schema,
    count_tokens,
    refusals,
)
