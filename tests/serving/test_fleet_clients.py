"""Real clients against the running fleet: chat, Responses and Messages."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from serve_app.settings.cpu import cpu_flags
from tests.clients.programs_by_kind import CLIENTS, RunClient
from tests.serving.running_fleet import Fleet
from tests.waiting import GIVE_UP_S

pytestmark = [pytest.mark.ray, pytest.mark.vllm]

# It compiles in the engine's core alone, where vLLM ends the request without a word.
BAD_SCHEMA = {"type": "object", "patternProperties": {"[": {}}}
HI = [{"role": "user", "content": "Hi"}]
# An engine without AVX-512 VNNI is slow. There the two SDKs stand for the rest, which
# `tests/clients` runs on fakes.
ASKED = CLIENTS if "avx512_vnni" in cpu_flags() else CLIENTS[:2]


@pytest.mark.parametrize(("run", "program"), ASKED)
def test_a_client_gets_what_it_asks_for(run: RunClient, program: str, fleet: Fleet) -> None:
    run(program, fleet.url)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/responses", {"input": "Hi", "temperature": -1}, "temperature"),
        ("/v1/responses", {"input": "Hi", "logit_bias": {"9999999": 1}}, "logit_bias"),
        (
            "/v1/responses",
            {
                "input": "Hi",
                "text": {"format": {"type": "json_schema", "name": "s", "schema": BAD_SCHEMA}},
            },
            "text",
        ),
        ("/v1/messages", {"messages": HI, "max_tokens": 4, "temperature": -1}, None),
        (
            "/v1/messages",
            {
                "messages": HI,
                "max_tokens": 4,
                "output_config": {"format": {"type": "json_schema", "schema": BAD_SCHEMA}},
            },
            None,
        ),
        ("/v1/messages", {"messages": [{"role": "robot", "content": ""}], "max_tokens": 4}, None),
    ],
)
def test_what_the_engine_refuses_is_the_request_s_fault(
    path: str, body: dict[str, Any], param: str | None, stream: bool, fleet: Fleet
) -> None:
    for _ in range(3):
        refused = httpx2.post(
            f"{fleet.url}{path}",
            json={"model": "auto", "stream": stream, **body},
            timeout=GIVE_UP_S,
        )
        assert refused.status_code == 400, refused.text
        assert refused.json()["error"].get("param") == param

    hello = {"model": "auto", "messages": HI, "max_tokens": 2}
    served = httpx2.post(f"{fleet.url}/v1/messages", json=hello, timeout=GIVE_UP_S)
    assert served.status_code == 200


def test_a_call_of_a_tool_that_is_cut_off_is_text(fleet: Fleet) -> None:
    tool = {
        "name": "get_weather",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
    body = {"model": "auto", "messages": HI, "tools": [tool], "tool_choice": {"type": "any"}}

    for max_tokens in (8, 24, 48):
        answer = httpx2.post(
            f"{fleet.url}/v1/messages", json={**body, "max_tokens": max_tokens}, timeout=GIVE_UP_S
        )
        assert answer.status_code == 200, answer.text
        for block in answer.json()["content"]:
            assert block["type"] == "text" or isinstance(block["input"], dict)
