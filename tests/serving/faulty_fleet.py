"""The router's own application over fakes whose replicas hang, break or slow down on request.

A file in a folder is the request. Each replica writes there how often it was asked, and by which
process it is served.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from ray import serve
from ray.serve.deployment import Application

from serve_app.app import wire
from serve_app.core.errors import EngineFailed
from serve_app.core.ports import EngineCall, Operation, Placement
from serve_app.serving.llm_config import REQUEST_ROUTER
from serve_app.settings import PairSettings, parse_args
from serve_app.testing import FakeEngine, Script

FOLDER = "FAULTS"


class FaultyPairServer:
    """The methods of a pair's deployment."""

    def __init__(self, pair: str, folder: str) -> None:
        self._pair = pair
        self._folder = Path(folder)
        self._replica = serve.get_replica_context().replica_id.unique_id
        self._asked = 0
        self._write("pid", os.getpid())

    async def answer(
        self,
        operation: Operation,
        body: dict[str, Any],
        request_id: str,
        _placement: Placement | None = None,
    ) -> AsyncGenerator[str, None]:
        self._asked += 1
        self._write("asked", self._asked)
        if self._is("hangs"):
            await asyncio.Event().wait()
        if self._is("breaks"):
            raise EngineFailed(self._pair, "broken on request")
        script = Script(tokens=("word ",) * 20, before_token=self._pause)
        call = EngineCall(operation=operation, body=body, request_id=request_id)
        async for text in FakeEngine({self._pair: script}).answer(self._pair, call):
            yield text

    async def _pause(self, number: int) -> None:
        if number and self._is("slow"):
            await asyncio.sleep(0.5)

    def _is(self, fault: str) -> bool:
        names = (self._pair, self._replica)
        return any((self._folder / f"{name}.{fault}").exists() for name in names)

    def _write(self, name: str, value: int) -> None:
        path = self._folder / f"{self._pair}.{self._replica}.{name}"
        path.write_text(str(value))


def build_app(args: dict[str, Any]) -> Application:
    def faulty_pair(settings: PairSettings, _checkpoint: str) -> Application:
        deployment = serve.deployment(
            name=settings.id,
            num_replicas=settings.replicas.max,
            max_ongoing_requests=64,
            ray_actor_options={"num_cpus": 0},
            request_router_config=REQUEST_ROUTER,
        )
        return deployment(FaultyPairServer).bind(settings.id, settings.env[FOLDER])

    return wire(parse_args(args), faulty_pair)
