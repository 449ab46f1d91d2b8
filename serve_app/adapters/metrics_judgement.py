"""Who judged prompts, as a label of few values."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from serve_app.adapters.success_model import ORIGIN
from serve_app.core.request import Judgement

# What an origin says after its colon when another should have judged.
INSTEAD_OF = {
    "classifier late": "classifier_late",
    "classifier down": "classifier_down",
    "success model refused": "success_model_refused",
}


class JudgementMetrics:
    """Counts judgements by who made them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._judgements = Counter(
            "quantroute_judgements",
            "Decisions by who judged the prompt, or why the heuristics did",
            ["origin"],
            registry=registry,
        )

    def count(self, judgement: Judgement) -> None:
        self._judgements.labels(_label(judgement.origin)).inc()


def _label(origin: str) -> str:
    judge, _, note = origin.partition(": ")
    if judge == ORIGIN:
        return "success_model"
    if judge == "heuristics":
        return INSTEAD_OF.get(note, "heuristics")
    return "other"
