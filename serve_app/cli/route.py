"""`quantroute route`: why a request would go where it goes."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from serve_app.cli.options import JsonOption, fail


def route(
    prompt: Annotated[str, typer.Argument(help="What a user would ask.")],
    url: Annotated[str, typer.Option(help="A running router.")] = "http://127.0.0.1:8000",
    model: Annotated[str, typer.Option(help="auto, a model's name or a pair's id.")] = "auto",
    latency_budget_ms: Annotated[float | None, typer.Option(help="For the whole answer.")] = None,
    ttft_budget_ms: Annotated[float | None, typer.Option(help="For the first token.")] = None,
    min_accuracy: Annotated[float | None, typer.Option(help="The floor, 0 to 1.")] = None,
    max_cost_usd: Annotated[float | None, typer.Option(help="The cap.")] = None,
    preset: Annotated[str | None, typer.Option(help="balanced, chat, batch or quality.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="The longest answer.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a running router where a prompt would go and why; no model runs."""
    import httpx2
    from rich.console import Console

    from serve_app.cli.decision_table import decision_table

    asked = {
        "latency_budget_ms": latency_budget_ms,
        "ttft_budget_ms": ttft_budget_ms,
        "min_accuracy": min_accuracy,
        "max_cost_usd": max_cost_usd,
        "preset": preset,
    }
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "routing": {name: value for name, value in asked.items() if value is not None},
    }
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    try:
        reply = httpx2.post(f"{url}/v1/route", json=body, timeout=30)
    except httpx2.TransportError as exc:
        fail(f"no router answers at {url}: {exc}; start one with `quantroute serve`")
    answer = reply.json()
    if reply.status_code != 200:
        fail(f"{reply.status_code}: {answer['error']['message']}")
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
    else:
        Console().print(decision_table(answer))
