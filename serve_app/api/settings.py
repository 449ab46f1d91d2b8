"""What an operator sets of the HTTP surface."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """`send_timeout_s` drops a caller that reads nothing for so long; `replica` names this one.

    `answer_request_id` is off where the server around the application adds `x-request-id`.
    """

    body_limit_bytes: int = 8 * 1024 * 1024
    send_timeout_s: float = 30.0
    replica: str = ""
    answer_request_id: bool = True
