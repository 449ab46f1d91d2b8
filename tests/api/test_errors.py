from __future__ import annotations

import pytest

from serve_app.api.errors import reply_to
from serve_app.core.errors import EngineFailed, EngineRejected, Overloaded, RouterError


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Overloaded("no room", 0.2), 503),
        (EngineFailed("a", "gone"), 503),
        (EngineRejected("a", 429, "slow down", "rate_limit", None), 429),
    ],
)
def test_who_may_come_back_is_told_when(error: RouterError, status: int) -> None:
    reply = reply_to(error)

    assert reply.status == status
    assert reply.headers == {"retry-after": "1"}


def test_a_request_that_is_wrong_is_not_asked_to_come_back() -> None:
    assert reply_to(EngineRejected("a", 400, "bad grammar", "t", None)).headers == {}
