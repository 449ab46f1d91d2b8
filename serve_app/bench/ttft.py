"""First token through the router against Ray Serve LLM's own OpenAI ingress.

Both ingresses stand before the same engine in one Ray Serve and are asked in turn.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from statistics import median
from typing import Any

import aiohttp
from ray import serve
from ray.serve.deployment import Application

from serve_app.bench.fleet_run import BenchApp, running
from serve_app.bench.http_load import first_token_ms
from serve_app.launch.config_file import ConfigFile
from serve_app.launch.status import APPLICATION
from serve_app.serving.llm_config import llm_config_fields
from serve_app.settings import PairSettings, local_checkpoint

RAY_PREFIX = "/ray"


@dataclass(frozen=True, slots=True, kw_only=True)
class TtftBench:
    """Medians of the first token at one request at a time, in ms."""

    pair: str
    samples: int
    router_p50_ms: float
    pinned_p50_ms: float
    ray_p50_ms: float

    @property
    def ratio(self) -> float:
        return self.router_p50_ms / self.ray_p50_ms


def build_ray_ingress(args: dict[str, Any]) -> Application:
    """Ray Serve LLM's ingress before a pair that the router's application deploys."""
    # `build_openai_app` would start an engine of its own; its ingress takes any handle, but the
    # card that it lists a model by has no public maker.
    from ray.llm._internal.serve.core.configs.openai_api_models import to_model_metadata
    from ray.serve.llm import LLMConfig
    from ray.serve.llm.ingress import OpenAiIngress, make_fastapi_ingress

    settings = PairSettings.model_validate(args["pair"])
    config = LLMConfig(**llm_config_fields(settings, local_checkpoint(settings.checkpoint)))
    ingress = make_fastapi_ingress(OpenAiIngress)
    options = {"num_cpus": 0.1}
    return serve.deployment(name="RayIngress", ray_actor_options=options)(ingress).bind(
        llm_deployments={settings.id: serve.get_deployment_handle(settings.id, APPLICATION)},
        model_cards={settings.id: to_model_metadata(settings.id, config)},
    )


def run(config: ConfigFile, *, pair: str, rounds: int, requests: int) -> TtftBench:
    """Starts `pair` alone with both ingresses, asks them in turn, stops them."""
    args = _only(config.raw_args, pair)
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
            args={"pair": args["pairs"][0]},
        ),
    ]
    with running(apps) as address:
        return asyncio.run(_compare(address, pair, rounds, requests))


def report(result: TtftBench) -> str:
    return (
        f"first token of {result.pair}, one request at a time, {result.samples} samples each:\n"
        f"  router, model=auto:       p50 {result.router_p50_ms:.1f} ms\n"
        f"  router, model={result.pair}: p50 {result.pinned_p50_ms:.1f} ms\n"
        f"  Ray Serve LLM's ingress:  p50 {result.ray_p50_ms:.1f} ms\n"
        f"  router / Ray Serve LLM:   {result.ratio:.2f}"
    )


async def _compare(address: str, pair: str, rounds: int, requests: int) -> TtftBench:
    chat = "/v1/chat/completions"
    sides = {
        "router": (f"{address}{chat}", "auto"),
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
        router_p50_ms=median(taken["router"]),
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


def _only(args: dict[str, Any], pair: str) -> dict[str, Any]:
    """The fleet with one pair: two ingresses and one engine have the machine to themselves."""
    chosen = [settings for settings in args["pairs"] if settings["id"] == pair]
    for settings in chosen:
        settings.pop("parent", None)
    routing = {**args["routing"], "reference_pair": pair, "static_fallback": pair}
    return {**args, "pairs": chosen, "routing": routing}
