"""Tell a router that its answers are bad, and see the next request go elsewhere.

    python examples/feedback.py [http://127.0.0.1:8000/v1]

Needs `pip install openai` and a router: `make serve` starts one. The verdicts of this example stay
until they fade, or until the router is started anew.
"""

# ruff: noqa: T201  (examples print)
from __future__ import annotations

import sys
import time
from typing import Any

import httpx2
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello, how are you?"}]
ROUNDS = 8
VERDICTS = 25


def main(base_url: str) -> None:
    with OpenAI(base_url=base_url, api_key="none") as client, httpx2.Client(timeout=30) as http:
        decision = _route(http, base_url, floor=None)
        first = decision["chosen"]
        # A floor that the pair which serves now just meets.
        floor = round(_prediction(decision, first)["accuracy_lower"] - 0.01, 3)
        print(f"with a floor of {floor:g}: {_route(http, base_url, floor)['chosen']}")
        for _ in range(ROUNDS):
            _answer_and_say_bad(client, http, base_url, first)
            decision = _route(http, base_url, floor)
            if decision["chosen"] != first or decision["infeasible"]:
                break
        print(f"after {_counted(http, base_url, first)} bad verdicts: {decision['chosen']}")
        print(f"  {decision['reason']}")
        for failed in decision["rejected"]:
            print(f"  {failed['pair']} {failed['rule']}: {failed['need']}, got {failed['got']}")


def _answer_and_say_bad(client: OpenAI, http: httpx2.Client, base_url: str, pair: str) -> None:
    for _ in range(VERDICTS):
        raw = client.chat.completions.with_raw_response.create(
            model=pair, messages=MESSAGES, max_tokens=4
        )
        said = {"decision_id": raw.headers["x-quantroute-decision"], "verdict": "bad"}
        told = http.post(f"{base_url}/feedback", json=said)
        told.raise_for_status()
    # It counts in decisions a moment later: nothing that is answered waits for it.
    time.sleep(told.json()["in_use_within_s"])


def _route(http: httpx2.Client, base_url: str, floor: float | None) -> dict[str, Any]:
    routing = {"preset": "batch", "latency_budget_ms": None, "min_accuracy": floor}
    body = {"model": "auto", "messages": MESSAGES, "max_tokens": 4, "routing": routing}
    reply = http.post(f"{base_url}/route", json=body)
    reply.raise_for_status()
    decision: dict[str, Any] = reply.json()
    return decision


def _prediction(decision: dict[str, Any], pair: str) -> dict[str, Any]:
    candidates = [*decision["ranked"], *decision["best_effort"]]
    found: dict[str, Any] = next(c["prediction"] for c in candidates if c["pair"] == pair)
    return found


def _counted(http: httpx2.Client, base_url: str, pair: str) -> int:
    estimates = http.get(f"{base_url.removesuffix('/v1')}/admin/feedback").json()["estimates"]
    return sum(estimate["callers"] for estimate in estimates if estimate["pair"] == pair)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000/v1")
