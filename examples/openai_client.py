"""Ask a router through the OpenAI SDK, with a budget and a floor.

    python examples/openai_client.py [http://127.0.0.1:8000/v1]

Needs `pip install openai` and a router: `make serve` starts one.
"""

# ruff: noqa: T201  (examples print)
from __future__ import annotations

import sys

from openai import OpenAI, UnprocessableEntityError
from openai.types.chat import ChatCompletionMessageParam

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is 2 + 3?"}]


def main(base_url: str) -> None:
    with OpenAI(base_url=base_url, api_key="none") as client:
        # Options may travel in the body ...
        raw = client.chat.completions.with_raw_response.create(
            model="auto",
            messages=MESSAGES,
            max_tokens=32,
            extra_body={"routing": {"latency_budget_ms": 5000, "min_accuracy": 0.3}},
        )
        answer = raw.parse()
        print("answer:", answer.choices[0].message.content)
        print("pair:", answer.model)
        print("why:", raw.headers["x-quantroute-reason"])
        if answer.usage is not None and answer.usage.model_extra is not None:
            print("cost:", answer.usage.model_extra.get("cost_usd"), "USD")

        # ... or as headers. This one would rather have no answer than one below its floor.
        try:
            client.chat.completions.create(
                model="auto",
                messages=MESSAGES,
                max_tokens=32,
                extra_headers={"x-min-accuracy": "0.9999", "x-on-infeasible": "refuse"},
            )
        except UnprocessableEntityError as refused:
            print("refused:", refused.code)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000/v1")
