"""What an answer costs: a price per token for each pair, from a file or from known sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from profiles.learning.outcome_table import OutcomesUnusable, OutcomeTable
from profiles.learning.read_table import CHARS_PER_TOKEN
from serve_app.adapters.problem_lines import problem_lines
from serve_app.core.units import Name, PositiveFloat

KNOWN_PRICES = Path(__file__).with_name("prices.json")

PRICES = TypeAdapter(dict[Name, PositiveFloat])


def read_prices(path: Path = KNOWN_PRICES) -> dict[str, float]:
    """US dollars per million tokens, by pair. Raises `OSError` or `OutcomesUnusable`."""
    try:
        return dict(PRICES.validate_json(path.read_bytes()))
    except ValidationError as exc:
        raise OutcomesUnusable(f"{path}: {'; '.join(problem_lines(exc))}") from exc


def price_of_each(pairs: Sequence[str], given: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """Raises `OutcomesUnusable` where a pair has no price."""
    unknown = [pair for pair in pairs if pair not in given]
    if unknown:
        example = json.dumps(dict.fromkeys(unknown, 0.2))
        raise OutcomesUnusable(
            f"no price of {', '.join(unknown)}: give US dollars per million tokens with "
            f"--prices FILE, a JSON object such as {example}"
        )
    return np.array([given[pair] for pair in pairs])


def cost_of_answers(
    table: OutcomeTable, prices: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """US dollars (prompts, pairs): tokens of the prompt, and of the answer where that is known."""
    asked = np.array([[len(prompt)] for prompt in table.prompts], np.float64)
    tokens = (asked + np.nan_to_num(table.answer_chars)) / CHARS_PER_TOKEN
    return tokens * prices / 1e6
