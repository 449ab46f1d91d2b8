"""A pair whose vLLM engine embeds, behind the router and without Ray."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from tests.clients.direct_router import direct_router
from tests.waiting import GIVE_UP_S

pytestmark = pytest.mark.vllm

HI = [{"role": "user", "content": "Hi"}]


def test_a_pair_that_embeds(tmp_path: Path) -> None:
    with direct_router(tmp_path, "--embeds") as url:
        body = {"model": "auto", "input": ["Hi", "Hello there"]}
        embedded = httpx2.post(f"{url}/v1/embeddings", json=body, timeout=GIVE_UP_S)
        coded = httpx2.post(
            f"{url}/v1/embeddings", json={**body, "encoding_format": "base64"}, timeout=GIVE_UP_S
        )
        too_large = httpx2.post(
            f"{url}/v1/embeddings", json={**body, "dimensions": -1}, timeout=GIVE_UP_S
        )
        chat = httpx2.post(
            f"{url}/v1/chat/completions", json={"model": "auto", "messages": HI}, timeout=GIVE_UP_S
        )

    assert [len(one["embedding"]) for one in embedded.json()["data"]] == [576, 576]
    assert embedded.json()["usage"]["prompt_tokens"] > 0
    assert isinstance(coded.json()["data"][0]["embedding"], str)
    assert too_large.status_code == 400
    assert (chat.status_code, chat.json()["error"]["param"]) == (400, "model")
