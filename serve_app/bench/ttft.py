"""First token through the router against Ray Serve LLM's own OpenAI ingress.

Both ingresses stand before the same fleet in one Ray Serve and are asked in turn: the router by
`auto`, the router by the id of the pair that `auto` chooses, and Ray's by the same id.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from statistics import median
from typing import Any

import aiohttp
import httpx2
from ray import serve
from ray.serve.deployment import Application

from serve_app.bench.fleet_run import BenchApp, running
from serve_app.bench.http_load import first_token_ms
from serve_app.launch.status import APPLICATION
from serve_app.serving.llm_config import llm_config_fields
from serve_app.settings import local_checkpoint, parse_args
from serve_app.settings.config_file import ConfigFile

RAY_PREFIX = "/ray"


@dataclass(frozen=True, slots=True, kw_only=True)
class TtftBench:
    """Medians of the first token at one request at a time, in ms."""

    pair: str
    samples: int
    auto_p50_ms: float
    pinned_p50_ms: float
    ray_p50_ms: float


def build_ray_ingress(args: dict[str, Any]) -> Application:
    """Ray Serve LLM's ingress before a pair that the router's application deploys."""
    # `build_openai_app` would start an engine of its own; its ingress takes any handle, but the
    # card that it lists a model by has no public maker.
    from ray.llm._internal.serve.core.configs.openai_api_models import to_model_metadata
    from ray.serve.llm import LLMConfig
    from ray.serve.llm.ingress import OpenAiIngress, make_fastapi_ingress

    pairs = parse_args(args).pairs
    configs = {p.id: llm_config_fields(p, local_checkpoint(p.checkpoint)) for p in pairs}
    ingress = make_fastapi_ingress(OpenAiIngress)
    options = {"num_cpus": 0.1}
    return serve.deployment(name="RayIngress", ray_actor_options=options)(ingress).bind(
        llm_deployments={pair: serve.get_deployment_handle(pair, APPLICATION) for pair in configs},
        model_cards={
            pair: to_model_metadata(pair, LLMConfig(**fields)) for pair, fields in configs.items()
        },
    )


def run(config: ConfigFile, *, rounds: int, requests: int) -> TtftBench:
    """Starts the fleet with both ingresses, asks them in turn, stops it."""
    args = config.raw_args
    apps = [
        BenchApp(
            name=APPLICATION,
            import_path="serve_app.app:build_app",
            route_prefix="/",
            probe="/ready",
            args=args,
        ),
        BenchApp(
            name="ray",
            import_path="serve_app.bench.ttft:build_ray_ingress",
            route_prefix=RAY_PREFIX,
            probe=f"{RAY_PREFIX}/v1/models",
            args={"pairs": args["pairs"]},
        ),
    ]
    with running(apps) as address:
        decision = httpx2.post(f"{address}/v1/route", json=_body("auto", 0)).json()
        return asyncio.run(_compare(address, decision["chosen"], rounds, requests))


def report(result: TtftBench) -> str:
    def line(name: str, p50_ms: float) -> str:
        return f"  {name:<26} p50 {p50_ms:.1f} ms ({p50_ms / result.ray_p50_ms:.2f}x)"

    return "\n".join(
        [
            f"first token of {result.pair}, one request at a time, {result.samples} samples each:",
            line("router, by auto", result.auto_p50_ms),
            line("router, by the pair's id", result.pinned_p50_ms),
            line("Ray Serve LLM's ingress", result.ray_p50_ms),
        ]
    )


async def _compare(address: str, pair: str, rounds: int, requests: int) -> TtftBench:
    chat = "/v1/chat/completions"
    sides = {
        "auto": (f"{address}{chat}", "auto"),
        "pinned": (f"{address}{chat}", pair),
        "ray": (f"{address}{RAY_PREFIX}{chat}", pair),
    }
    taken: dict[str, list[float]] = {name: [] for name in sides}
    number = 0
    async with aiohttp.ClientSession() as session:
        for round_ in range(rounds + 1):
            for name, (url, model) in sides.items():
                for _ in range(requests):
                    number += 1
                    took_ms = await first_token_ms(session, url, _body(model, number))
                    if round_ > 0:  # the first round warms up
                        taken[name].append(took_ms)
    return TtftBench(
        pair=pair,
        samples=rounds * requests,
        auto_p50_ms=median(taken["auto"]),
        pinned_p50_ms=median(taken["pinned"]),
        ray_p50_ms=median(taken["ray"]),
    )


def _body(model: str, number: int) -> dict[str, Any]:
    """A new prompt each time, so that no prefix cache answers."""
    content = f"{number}: name three colours of the rainbow and say which one you like best."
    return {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "stream": True,
        "max_tokens": 8,
        "temperature": 0,
    }
