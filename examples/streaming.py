"""Stream an answer token by token, and read what it cost from the last chunk.

    python examples/streaming.py [http://127.0.0.1:8000/v1]

Needs `pip install openai` and a router: `make serve` starts one.
"""

# ruff: noqa: T201  (examples print)
from __future__ import annotations

import sys

from openai import APIError, OpenAI


def main(base_url: str) -> None:
    with OpenAI(base_url=base_url, api_key="none") as client:
        stream = client.chat.completions.create(
            model="auto",
            messages=[{"role": "user", "content": "Tell me a story in two sentences."}],
            max_tokens=64,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers={"x-ttft-budget-ms": "2000", "x-routing-preset": "chat"},
        )
        try:
            for chunk in stream:
                for choice in chunk.choices:
                    print(choice.delta.content or "", end="", flush=True)
                if chunk.usage is not None and chunk.usage.model_extra is not None:
                    tokens, cost_usd = chunk.usage.completion_tokens, chunk.usage.model_extra
                    print(f"\n{tokens} tokens by {chunk.model}, {cost_usd.get('cost_usd')} USD")
        except APIError as error:
            # Nothing is retried after the first token: what was printed stands, the rest is lost.
            print(f"\nbroke off: {error.message}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000/v1")
