"""A decision as people read it in a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text


def decision_table(decision: dict[str, Any]) -> RenderableType:
    """Candidates with predictions and terms, then every rejection, from `POST /v1/route`."""
    features = decision["features"]
    lines: list[RenderableType] = [Text(decision["reason"], style="bold")]
    if features is not None:
        judged = features["judgement"]
        lines.append(
            Text(
                f"{judged['task']} (confidence {judged['task_confidence']:.2f}), difficulty "
                f"{judged['difficulty']:.2f}, {features['prompt_tokens']} prompt tokens, about "
                f"{judged['output_tokens_p50']} output tokens, judged by {judged['origin']}; "
                f"catalog {decision['catalog_version']}"
            )
        )
    lines.append(_candidates(decision))
    if decision["rejected"]:
        lines.append(_rejections(decision["rejected"]))
    return Group(*lines)


def _candidates(decision: dict[str, Any]) -> Table:
    # A name cut short is no name: in a narrow terminal it goes on in the next line.
    pair = Column("pair", overflow="fold")
    table = Table("", pair, "utility", "total", "TTFT", "cost", "accuracy >=", "misses")
    for candidate in (*decision["ranked"], *decision["best_effort"]):
        chosen = "→" if candidate["pair"] == decision["chosen"] else ""
        prediction = candidate["prediction"]
        predicted = (
            (
                f"{prediction['total_ms']:.0f} ms",
                f"{prediction['ttft_ms']:.0f} ms",
                f"${prediction['cost_usd']:.7f}",
                f"{prediction['accuracy_lower']:.2f}",
            )
            if prediction
            else ("no profile", "", "", "")
        )
        table.add_row(
            chosen,
            candidate["pair"],
            f"{candidate['utility']:+.3f}",
            *predicted,
            ", ".join(candidate["violates"]),
        )
    return table


def _rejections(rejected: list[dict[str, str]]) -> Table:
    table = Table("rejected", "rule", "needed", "got")
    for rejection in rejected:
        table.add_row(rejection["pair"], rejection["rule"], rejection["need"], rejection["got"])
    return table
