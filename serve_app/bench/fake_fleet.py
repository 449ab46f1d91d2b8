"""The router's own application with the shipped fake in place of every engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from ray import serve
from ray.serve.deployment import Application

from serve_app.app import wire
from serve_app.core.ports import EngineCall, Operation, Placement
from serve_app.serving.llm_config import replica_choice
from serve_app.settings import PairSettings, parse_args, parse_pair
from serve_app.testing import FakeEngine


class FakePairServer:
    """The methods of a pair's deployment, answered by `FakeEngine` at once."""

    def __init__(self, pair: str) -> None:
        self._pair = pair
        self._engine = FakeEngine()

    async def answer(
        self,
        operation: Operation,
        body: dict[str, Any],
        request_id: str,
        _placement: Placement | None = None,
    ) -> AsyncGenerator[str, None]:
        call = EngineCall(operation=operation, body=body, request_id=request_id)
        async for text in self._engine.answer(self._pair, call):
            yield text
        self._engine.calls.clear()


def build_app(args: dict[str, Any]) -> Application:
    return wire(parse_args(args), _fake_pair)


def build_pair(args: dict[str, Any]) -> Application:
    """A pair as an application of its own."""
    return _fake_pair(parse_pair(args), "")


def _fake_pair(settings: PairSettings, _checkpoint: str) -> Application:
    deployment = serve.deployment(
        name=settings.id,
        max_ongoing_requests=1024,
        graceful_shutdown_timeout_s=settings.replicas.drain_s(),
        ray_actor_options={"num_cpus": 0.1},
        **replica_choice(settings),
    )
    return deployment(FakePairServer).bind(settings.id)
