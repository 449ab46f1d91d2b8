"""`quantroute route`: why a request would go where it goes, as people read it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from profiles.cli.options import JsonOption, fail

if TYPE_CHECKING:
    from rich.console import RenderableType


def decision_table(decision: dict[str, Any]) -> RenderableType:
    """Candidates with predictions and terms, then every rejection, from `POST /v1/route`."""
    from rich.console import Group
    from rich.table import Column, Table
    from rich.text import Text

    parts: list[RenderableType] = [Text(decision["reason"], style="bold")]
    features = decision["features"]
    if features is not None:
        seen = features["classification"]
        parts.append(
            Text(
                f"{seen['task']} (confidence {seen['task_confidence']:.2f}), difficulty "
                f"{seen['difficulty']:.2f}, {features['prompt_tokens']} prompt tokens, about "
                f"{seen['output_tokens_p50']} output tokens, classified by {seen['origin']}; "
                f"catalog {decision['catalog_version']}"
                f"{f', policy {version}' if (version := decision.get('policy_version')) else ''}"
            )
        )
    # A name cut short is no name: in a narrow terminal it goes on in the next line.
    pair = Column("pair", overflow="fold")
    table = Table("", pair, "utility", "total", "TTFT", "cost", "accuracy >=", "misses")
    for candidate in (*decision["ranked"], *decision["best_effort"]):
        predicted = ("no profile", "", "", "")
        if prediction := candidate["prediction"]:
            predicted = (
                f"{prediction['total_ms']:.0f} ms",
                f"{prediction['ttft_ms']:.0f} ms",
                f"${prediction['cost_usd']:.7f}",
                f"{prediction['accuracy_lower']:.2f}",
            )
        table.add_row(
            "→" if candidate["pair"] == decision["chosen"] else "",
            candidate["pair"],
            f"{candidate['utility']:+.3f}",
            *predicted,
            ", ".join(candidate["violates"]),
        )
    parts.append(table)
    if decision["rejected"]:
        rejections = Table("rejected", "rule", "needed", "got")
        for each in decision["rejected"]:
            rejections.add_row(each["pair"], each["rule"], each["need"], each["got"])
        parts.append(rejections)
    return Group(*parts)


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
