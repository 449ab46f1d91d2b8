"""The whole router in front of one vLLM engine, in one process and without Ray.

`python -m tests.clients.direct_app CHECKPOINT FILE` writes its address to the file, and serves
until its input ends.
The pair's server is the shipped one. Only the handle between it and the ingress is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import uvicorn
from ray.serve.llm import LLMConfig
from starlette.datastructures import State
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.entrypoints.openai.api_server import init_app_state
from vllm.utils.argparse_utils import FlexibleArgumentParser
from vllm.v1.engine.async_llm import AsyncLLM

from serve_app.core.ports import EngineCall
from serve_app.serving.pair import PairServer
from tests.api.apps import an_app
from tests.builders import a_catalog, a_pair, a_profile
from tests.gateways import gateway_under_test

PAIR = "small"
WINDOW = 2048


async def pair_server(checkpoint: str, *, embeds: bool) -> PairServer:
    """A pair's server whose engine runs in this process."""
    arguments = ["--model", checkpoint, "--served-model-name", PAIR, "--enforce-eager"]
    arguments += ["--max-model-len", str(WINDOW), "--max-num-seqs", "8"]
    arguments += ["--runner", "pooling"] if embeds else ["--enable-auto-tool-choice"]
    arguments += [] if embeds else ["--tool-call-parser", "hermes"]
    args = make_arg_parser(FlexibleArgumentParser()).parse_args(arguments)
    client = AsyncLLM.from_engine_args(AsyncEngineArgs.from_cli_args(args))
    state = State()
    tasks = await client.get_supported_tasks()
    await init_app_state(client, state, args, supported_tasks=tasks)
    config = LLMConfig(model_loading_config={"model_id": PAIR, "model_source": checkpoint})
    server = PairServer.sync_init(config)
    engine = server._get_default_engine_class()(config)
    engine._engine_client, engine._app_state = client, state
    engine._oai_serving_chat = getattr(state, "openai_serving_chat", None)
    engine._oai_serving_completion = getattr(state, "openai_serving_completion", None)
    engine._oai_serving_embedding = getattr(state, "serving_embedding", None)
    server._engine_cls = None  # it is started already
    server.engine = engine
    await server.start()
    return server


class DirectEngine:
    """An `Engine` that calls the server of its only pair."""

    def __init__(self, server: PairServer) -> None:
        self._server = server

    async def answer(self, pair: str, call: EngineCall) -> AsyncGenerator[str, None]:
        async for text in self._server.answer(call.operation, dict(call.body), call.request_id):
            yield text


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("address", type=Path)
    parser.add_argument("--embeds", action="store_true")
    asked = parser.parse_args()
    server = await pair_server(asked.checkpoint, embeds=asked.embeds)
    pair = a_pair(
        PAIR, model="model", context_window=WINDOW, serves="embed" if asked.embeds else "generate"
    )
    under_test = gateway_under_test(
        pairs=[pair],
        catalog=a_catalog(a_profile(PAIR, context_window=WINDOW)),
        engine=DirectEngine(server),
    )
    app = an_app(under_test, body_limit_bytes=1_000_000)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        http = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        # Callers that come before the server is up wait in the backlog of its socket.
        serving = asyncio.create_task(http.serve(sockets=[listener]))
        asked.address.write_text(f"http://127.0.0.1:{listener.getsockname()[1]}")
        await asyncio.to_thread(sys.stdin.read)
        http.should_exit = True
        await serving
    # The engine's own processes would otherwise outlive this one.
    server.engine._engine_client.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
