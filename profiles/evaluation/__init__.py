"""Questions with known answers: reading them, asking them, grading what comes back."""

from __future__ import annotations

from profiles.evaluation.accuracy import paired_accuracy
from profiles.evaluation.evaluate import EvaluationFailed, evaluate
from profiles.evaluation.items import Item, ItemsInvalid, Message, read_items
from profiles.evaluation.outcome import Outcome, OutcomesInvalid, read_outcomes, write_outcomes

__all__ = [
    "EvaluationFailed",
    "Item",
    "ItemsInvalid",
    "Message",
    "Outcome",
    "OutcomesInvalid",
    "evaluate",
    "paired_accuracy",
    "read_items",
    "read_outcomes",
    "write_outcomes",
]
