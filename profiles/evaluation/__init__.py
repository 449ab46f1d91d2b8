"""Questions with known answers: reading them, asking them, grading what comes back."""

from __future__ import annotations

from profiles.evaluation.items import Item, ItemsInvalid, Message, read_items
from profiles.evaluation.run import EvaluationFailed, EvaluationResult, Outcome, evaluate

__all__ = [
    "EvaluationFailed",
    "EvaluationResult",
    "Item",
    "ItemsInvalid",
    "Message",
    "Outcome",
    "evaluate",
    "read_items",
]
