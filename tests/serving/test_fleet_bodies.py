"""Bodies of every shape, sent to the running fleet: one mistake costs no other caller anything."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from tests.api.request_shape import Shape
from tests.api.request_shapes import SHAPES
from tests.serving.running_fleet import Fleet
from tests.waiting import GIVE_UP_S

pytestmark = [pytest.mark.ray, pytest.mark.vllm]
AT_ONCE = 4


def differs(shape: Shape, reply: httpx2.Response) -> bool:
    if shape.outcome == "served":
        return reply.status_code != 200 or '{"error"' in reply.text
    if shape.outcome == "refused":
        return reply.status_code != shape.status
    return not 400 <= reply.status_code < 500 or not reply.json()["error"]["message"]


async def test_every_shape_is_served_or_refused_and_no_breaker_moves(fleet: Fleet) -> None:
    replies: dict[str, httpx2.Response] = {}
    room = asyncio.Semaphore(AT_ONCE)

    async with httpx2.AsyncClient(base_url=fleet.url, timeout=GIVE_UP_S) as client:

        async def send(shape: Shape) -> None:
            async with room:
                replies[shape.name] = await client.post(
                    shape.path, content=shape.content, headers=shape.headers
                )

        async with asyncio.TaskGroup() as sending:
            for shape in SHAPES:
                sending.create_task(send(shape))

    assert {
        shape.name: (shape.outcome, replies[shape.name].status_code, replies[shape.name].text[:300])
        for shape in SHAPES
        if differs(shape, replies[shape.name])
    } == {}
    assert all(reply.headers["x-request-id"] for reply in replies.values())
    breakers = fleet.get("/admin/breakers").json().values()
    assert {(breaker["state"], breaker["failures"]) for breaker in breakers} == {("closed", 0)}
    body = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
    assert fleet.post("/v1/chat/completions", body).status_code == 200
