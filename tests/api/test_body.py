"""A body within limits: unpacked, counted, and read where it stalls no one."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib

import pytest

from serve_app.api.body import decoded, parse_object
from serve_app.core.errors import BadRequest, BodyTooLarge
from tests.api.apps import CHAT, a_body, a_client
from tests.gateways import gateway_under_test

MIB = 1024 * 1024


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_refused_without_being_unpacked(encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    bomb = pack(b" " * 64 * MIB)
    assert len(bomb) < MIB

    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        decoded(bomb, encoding, MIB)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 4 * MIB


def test_the_size_limit_counts_what_a_body_unpacks_to() -> None:
    packed = gzip.compress(json.dumps(a_body(user="x" * 10_000)).encode())
    client = a_client(gateway_under_test(), body_limit_bytes=10_000)

    answer = client.post(CHAT, content=packed, headers={"content-encoding": "gzip"})

    assert len(packed) < 10_000
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body_too_large"


def test_feedback_may_be_compressed_too() -> None:
    under_test = gateway_under_test()
    client = a_client(under_test)
    decision = client.post(CHAT, json=a_body()).headers["x-quantroute-decision"]
    score = gzip.compress(json.dumps({"decision_id": decision, "score": 1}).encode())

    answer = client.post("/v1/feedback", content=score, headers={"content-encoding": "gzip"})

    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (b'{"a": [1, 2, 3]}', 4),
        (b'{"a": {"b": []}, "c": 1}', 4),
        (b'{"a": "[{,,,,"}', 1),
        (b'{"a": "\\",[", "b": "\\\\", "c": "\\\\\\",,"}', 3),
    ],
)
def test_values_are_counted_and_text_is_none(raw: bytes, values: int) -> None:
    assert parse_object(raw, values) == json.loads(raw)
    with pytest.raises(BadRequest, match=f"{values} JSON values; at most {values - 1}"):
        parse_object(raw, values - 1)


def test_more_messages_than_allowed_are_refused_in_words() -> None:
    messages = [{"role": "user", "content": "and?"}] * 4
    client = a_client(gateway_under_test(), max_messages=3)

    assert client.post(CHAT, json=a_body(messages=messages[:3])).status_code == 200
    answer = client.post(CHAT, json=a_body(messages=messages))

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "messages"
    assert "4 messages came; at most 3" in answer.json()["error"]["message"]


def test_more_parts_than_allowed_in_a_message_are_refused_in_words() -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "a"}] * 4}]
    client = a_client(gateway_under_test(), max_message_parts=3)

    answer = client.post(CHAT, json=a_body(messages=messages))

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "messages[0].content"
    assert "4 parts came; at most 3" in answer.json()["error"]["message"]


@pytest.mark.parametrize("body_thread_bytes", [0, 10_000])
def test_a_body_is_read_in_a_thread_as_it_is_read_here(body_thread_bytes: int) -> None:
    under_test = gateway_under_test()
    client = a_client(under_test, body_thread_bytes=body_thread_bytes)

    assert client.post(CHAT, json=a_body(top_k=5)).status_code == 200
    refused = client.post(CHAT, json=a_body(messages=[]))

    ((_, call),) = under_test.engine.calls
    assert call.body["top_k"] == 5
    assert refused.json()["error"]["param"] == "messages"
