"""What an answer costs: a price per token for each pair, from a file or from known sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from profiles.training.arrays import Floats, Ints
from profiles.training.outcomes import CHARS_PER_TOKEN, OutcomesUnusable, OutcomeTable
from serve_app.core.units import Name, PositiveFloat
from serve_app.package_files import package_file
from serve_app.validation_errors import problem_lines

KNOWN_PRICES = package_file("profiles/router_eval/prices.json")

PRICES = TypeAdapter(dict[Name, PositiveFloat])


def read_prices(path: Path = KNOWN_PRICES) -> dict[str, float]:
    """US dollars per million tokens, by pair. Raises `OSError` or `OutcomesUnusable`."""
    try:
        return dict(PRICES.validate_json(path.read_bytes()))
    except ValidationError as exc:
        raise OutcomesUnusable(f"{path}: {'; '.join(problem_lines(exc))}") from exc


def price_of_each(pairs: Sequence[str], given: Mapping[str, float]) -> Floats:
    """Raises `OutcomesUnusable` where a pair has no price."""
    unknown = [pair for pair in pairs if pair not in given]
    if unknown:
        example = json.dumps(dict.fromkeys(unknown, 0.2))
        raise OutcomesUnusable(
            f"no price of {', '.join(unknown)}: give US dollars per million tokens with "
            f"--prices FILE, a JSON object such as {example}"
        )
    return np.array([given[pair] for pair in pairs])


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """US dollars (prompts, pairs): `expected` before an answer is there, `actual` after."""

    expected: Floats
    actual: Floats

    def rows(self, which: Ints) -> Costs:
        return Costs(expected=self.expected[which], actual=self.actual[which])


def cost_of_answers(table: OutcomeTable, prices: Floats) -> Costs:
    """Tokens of the prompt, and of the answer where its length is known, at each pair's price."""
    asked = np.array([[len(prompt)] for prompt in table.prompts], np.float64)
    answered = np.isfinite(table.answer_chars)
    chars = np.where(answered, table.answer_chars, 0.0)
    usual = chars.sum(axis=0) / np.maximum(1, answered.sum(axis=0))
    price_per_char = prices / CHARS_PER_TOKEN / 1e6
    return Costs(
        expected=(asked + usual) * price_per_char,
        actual=(asked + np.where(answered, chars, usual)) * price_per_char,
    )
