from __future__ import annotations

import io

from rich.console import Console

from profiles.cli.route import decision_table

PAIR = "llama-3.1-8b-instruct-fp8-dynamic"
DECISION = {
    "chosen": PAIR,
    "reason": "the only one",
    "features": None,
    "ranked": [
        {
            "pair": PAIR,
            "utility": -0.5,
            "prediction": {
                "total_ms": 1984.0,
                "ttft_ms": 139.0,
                "cost_usd": 2.2e-6,
                "accuracy_lower": 0.28,
            },
            "violates": [],
        }
    ],
    "best_effort": [],
    "rejected": [],
}


def test_a_narrow_terminal_shows_every_letter_of_a_pairs_name() -> None:
    page = io.StringIO()
    Console(file=page, width=80).print(decision_table(DECISION))
    rows = [line.split("│") for line in page.getvalue().splitlines() if line.startswith("│")]
    assert len(rows) > 1
    assert "".join(row[2].strip() for row in rows) == PAIR
