from __future__ import annotations

import pytest

from serve_app.api.errors import reply_to
from serve_app.core.errors import (
    EngineFailed,
    EngineRejected,
    NeverServable,
    Overloaded,
    PoisonRequest,
    RouterError,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Overloaded("no room", 0.2), 503),
        (EngineFailed("a", "gone"), 503),
    ],
)
def test_who_may_come_back_is_told_when(error: RouterError, status: int) -> None:
    reply = reply_to(error)

    assert reply.status == status
    assert reply.headers == {"retry-after": "1"}


def test_a_request_that_is_wrong_is_not_asked_to_come_back() -> None:
    assert reply_to(EngineRejected("a", 400, "bad grammar", "t", None)).headers == {}


@pytest.mark.parametrize(
    ("error", "status"),
    [(NeverServable("a fails golden"), 422), (PoisonRequest(("a", "b"), ("oom", "oom")), 502)],
)
def test_what_must_not_be_sent_again_says_so_to_openais_sdks(
    error: RouterError, status: int
) -> None:
    reply = reply_to(error)

    assert reply.status == status
    assert reply.headers == {"x-should-retry": "false"}


def test_an_error_of_a_request_that_was_routed_names_its_decision() -> None:
    error = Overloaded("no room", 1)
    error.decision_id = "decision-1"

    assert reply_to(error).headers["x-quantroute-decision"] == "decision-1"
