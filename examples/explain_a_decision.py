"""Ask where a request would go and why, under several wishes; no model runs.

    python examples/explain_a_decision.py [http://127.0.0.1:8000/v1]

Needs a router: `make serve` starts one.
"""

# ruff: noqa: T201  (examples print)
from __future__ import annotations

import sys

import httpx2

PROMPT = "Is the following review positive or negative? 'I would buy it again.'"
WISHES = (
    {"preset": "batch"},
    {"preset": "chat", "latency_budget_ms": 1000},
    {"min_accuracy": 0.9999},
)


def main(base_url: str) -> None:
    with httpx2.Client(timeout=30) as client:
        for wish in WISHES:
            body = {
                "model": "auto",
                "messages": [{"role": "user", "content": PROMPT}],
                "max_tokens": 8,
                "routing": wish,
            }
            reply = client.post(f"{base_url}/route", json=body)
            reply.raise_for_status()
            decision = reply.json()
            print(f"{wish}: {decision['chosen']}")
            print(f"  {decision['reason']}")
            for failed in decision["rejected"]:
                print(f"  {failed['pair']} {failed['rule']}: {failed['need']}, got {failed['got']}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000/v1")
