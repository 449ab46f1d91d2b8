"""The longest that one answer may take, from its request's first byte to its last text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from math import inf

from serve_app.core.errors import AnswerOverdue
from serve_app.core.inference_request import InferenceRequest


def limit_ms(request: InferenceRequest, longest_answer_ms: float | None) -> float:
    """Milliseconds from the request's first byte until its answer has to end."""
    limits = (longest_answer_ms, request.time_limit_ms)
    return min((limit for limit in limits if limit is not None), default=inf)


async def texts_within(
    texts: AsyncGenerator[str, None], pair: str, limit_ms: float, left_s: Callable[[], float]
) -> AsyncGenerator[str, None]:
    """The same texts while time is left. Raises `AnswerOverdue` after that."""
    overdue = AnswerOverdue(pair, f"its answer takes longer than the limit of {limit_ms:g} ms")
    async with aclosing(texts):
        while (left := left_s()) > 0:
            try:
                async with asyncio.timeout(left):
                    text = await anext(texts, None)
            except TimeoutError:
                raise overdue from None
            if text is None:
                return
            yield text
        raise overdue
