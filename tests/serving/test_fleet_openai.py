"""The official OpenAI SDK against the running fleet."""

from __future__ import annotations

import json

import httpx2
import openai
import pytest

from tests.serving.running_fleet import PAIRS, Fleet

pytestmark = [pytest.mark.ray, pytest.mark.vllm]

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 12}},
            "required": ["city"],
        },
    },
}


@pytest.fixture(scope="module")
def sdk(fleet: Fleet) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{fleet.url}/v1", api_key="none", max_retries=0, timeout=120)


@pytest.fixture
def async_sdk(fleet: Fleet) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{fleet.url}/v1", api_key="none", timeout=120)


def test_auto_is_answered_by_a_pair_that_says_its_name(sdk: openai.OpenAI) -> None:
    raw = sdk.chat.completions.with_raw_response.create(
        model="auto", messages=QUESTION, max_tokens=12, temperature=0
    )
    answer = raw.parse()
    assert answer.model in PAIRS
    assert raw.headers["x-quantroute-pair"] == answer.model
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert 0 < answer.usage.completion_tokens <= 12
    for header in ("decision", "reason", "predicted-ms", "predicted-cost-usd", "overhead-ms"):
        assert raw.headers[f"x-quantroute-{header}"]


def test_a_stream_comes_token_by_token_and_ends_with_usage(sdk: openai.OpenAI) -> None:
    chunks = list(
        sdk.chat.completions.create(
            model="auto",
            messages=QUESTION,
            max_tokens=8,
            stream=True,
            extra_body={"ignore_eos": True},
        )
    )
    told = [c.choices[0].delta.content for c in chunks if c.choices[0].delta.content]
    assert len(told) >= 6
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 8
    assert {chunk.model for chunk in chunks} <= PAIRS


async def test_the_async_client_streams_and_gets_the_usage_chunk_it_asked_for(
    async_sdk: openai.AsyncOpenAI,
) -> None:
    stream = await async_sdk.chat.completions.create(
        model="smollm2-135m-w8a8",
        messages=QUESTION,
        max_tokens=4,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    await async_sdk.close()
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.model_extra or {})["cost_usd"] > 0


@pytest.mark.parametrize("pair", sorted(PAIRS))
def test_a_pair_id_is_answered_by_that_pair(sdk: openai.OpenAI, pair: str) -> None:
    answer = sdk.chat.completions.create(model=pair, messages=QUESTION, max_tokens=3)
    assert answer.model == pair


def test_a_model_name_routes_among_its_quantizations(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.create(
        model="smollm2-135m-instruct", messages=QUESTION, max_tokens=3
    )
    assert answer.model in PAIRS


def test_a_floor_nobody_reaches_is_named_infeasible_and_still_answered(
    sdk: openai.OpenAI,
) -> None:
    raw = sdk.chat.completions.with_raw_response.create(
        model="auto",
        messages=QUESTION,
        max_tokens=3,
        extra_headers={"x-min-accuracy": "0.999"},
    )
    assert "accuracy" in raw.headers["x-quantroute-infeasible"].split(",")
    assert raw.parse().choices


def test_the_same_floor_is_refused_when_refusal_is_asked(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        sdk.chat.completions.create(
            model="auto",
            messages=QUESTION,
            extra_body={"routing": {"min_accuracy": 0.999, "on_infeasible": "refuse"}},
        )
    assert refused.value.code == "infeasible_constraints"


def test_a_tool_is_called(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.create(
        model="auto",
        messages=[{"role": "user", "content": "Weather in Paris?"}],
        tools=[WEATHER],
        tool_choice="required",
        max_tokens=64,
        temperature=0,
    )
    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function.name == "get_weather"
    # What a model of 135M parameters fills in is its own affair; that it is JSON is vLLM's.
    json.loads(calls[0].function.arguments)


def test_structured_output_follows_its_schema(sdk: openai.OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "green", "blue"]}},
        "required": ["colour"],
        "additionalProperties": False,
    }
    answer = sdk.chat.completions.create(
        model="auto",
        messages=[{"role": "user", "content": "Name a colour as JSON."}],
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "colour", "schema": schema},
        },
        max_tokens=32,
    )
    said = json.loads(answer.choices[0].message.content or "")
    assert said["colour"] in {"red", "green", "blue"}


def test_fields_only_vllm_knows_pass_through(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.create(
        model="auto",
        messages=QUESTION,
        max_tokens=20,
        n=2,
        logprobs=True,
        extra_body={"ignore_eos": True, "top_k": 5, "repetition_penalty": 1.1},
    )
    assert len(answer.choices) == 2
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 40
    assert answer.choices[0].logprobs is not None


def test_plain_completions_are_answered(sdk: openai.OpenAI) -> None:
    answer = sdk.completions.create(
        model="auto", prompt="One, two, three,", max_tokens=5, temperature=0
    )
    assert answer.choices[0].text


def test_models_list_auto_first_and_then_every_pair(sdk: openai.OpenAI) -> None:
    names = [model.id for model in sdk.models.list()]
    assert names[0] == "auto"
    assert set(names) >= PAIRS


def test_a_prompt_longer_than_every_window_is_a_bad_request(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.chat.completions.create(
            model="auto", messages=[{"role": "user", "content": "word " * 5000}]
        )
    assert refused.value.code == "context_length_exceeded"


def test_what_only_the_engine_can_refuse_keeps_its_status_and_field(
    sdk: openai.OpenAI,
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.chat.completions.create(
            model="smollm2-135m-bf16", messages=QUESTION, extra_body={"min_p": 7.5}
        )
    assert "min_p" in refused.value.message


NAMELESS = {"type": "function"}
NAMED = {"type": "function", "function": {"name": "x"}}
# What vLLM refuses in each of its ways: the body's fields, and the field that is at fault if known.
REFUSED_BY_VLLM = {
    "a refusal that pydantic does not wrap": ({"response_format": {"type": "x"}}, None),
    "a KeyError": ({"tools": [NAMELESS], "tool_choice": NAMED}, None),
    "an AttributeError": ({"structured_outputs": 3}, "structured_outputs"),
    "pydantic": ({"top_k": "many"}, "top_k"),
    "a value out of its range": ({"min_p": 7.5}, "min_p"),
    "a bad regular expression": ({"structured_outputs": {"regex": "("}}, None),
    "a bad grammar": ({"structured_outputs": {"grammar": "no grammar ::"}}, None),
    "ids outside of the vocabulary": ({"logit_bias": {"99999999": 1}}, None),
    "a modality": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is this?"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                    ],
                }
            ]
        },
        None,
    ),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("fields", "param"), REFUSED_BY_VLLM.values(), ids=REFUSED_BY_VLLM)
def test_what_vllm_refuses_is_a_bad_request_and_moves_no_breaker(
    fleet: Fleet, fields: dict[str, object], param: str | None, stream: bool
) -> None:
    url = f"{fleet.url}/v1/chat/completions"
    body = {"model": "auto", "messages": QUESTION, "max_tokens": 3, "stream": stream}
    before = breakers_of(fleet)

    for _ in range(6):
        refused = httpx2.post(url, json={**body, **fields}, timeout=120)
        error = refused.json()["error"]
        assert (refused.status_code, error["type"]) == (400, "invalid_request_error"), error
        assert error["message"]
        assert param in (None, error["param"])

    assert breakers_of(fleet) == before
    assert httpx2.post(url, json={**body, "stream": False}, timeout=120).status_code == 200


def breakers_of(fleet: Fleet) -> dict[str, tuple[str, int]]:
    breakers = httpx2.get(f"{fleet.url}/admin/breakers", timeout=120).json()
    return {pair: (one["state"], one["failures"]) for pair, one in breakers.items()}


def test_prompt_ids_outside_of_the_vocabulary_are_a_bad_request(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        sdk.completions.create(model="auto", prompt=[99_999_999], max_tokens=3)
