"""What an OpenAI-compatible endpoint's refusal means, as one of the engine's errors.

`docs/understand/faults.md` has the table. An endpoint's words about its key, its address or
its model's name are for the operator: the caller reads none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from serve_app.core.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineLate,
    EngineRejected,
)
from serve_app.core.faults import is_too_long

INVALID = "invalid_request_error"
TOO_LONG = "context_length_exceeded"
LONGEST_MESSAGE = 2_000
# Besides 408 and 504, what Cloudflare answers for an origin that is late.
LATE = frozenset({408, 504, 524})
# Besides 429, what Anthropic answers when it is overloaded.
NO_ROOM = frozenset({429, 529})
KEY_REFUSED = frozenset({401, 402, 403, 407})
NOT_THERE = frozenset({404, 405, 410})
# This pair's own limits: another may take the same request.
PAIRS_OWN = frozenset({413, 501})
# Statuses of errors that name none: in the middle of a stream, or with a word as their code.
NAMED = {
    "rate_limit": 429,
    "overloaded": 503,
    TOO_LONG: 400,
    "invalid_request": 400,
    "badrequest": 400,
    "validation": 400,
    "timeout": 504,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedError:
    """An error in an endpoint's own words. `code` may be a number or a word."""

    message: str
    type: str = ""
    param: str | None = None
    code: int | str | None = None

    @property
    def status(self) -> int:
        """The HTTP status that it stands for, 500 where it names none."""
        if isinstance(self.code, int) and not isinstance(self.code, bool):
            return self.code
        if isinstance(self.code, str) and self.code.isdecimal():
            return int(self.code)
        words = f"{self.code or ''} {self.type}".lower()
        return next((status for word, status in NAMED.items() if word in words), 500)


def reported_error(body: object, *, certain: bool = False) -> ReportedError | None:
    """The error in a JSON body, in the shapes of OpenAI, vLLM, SGLang and FastAPI.

    `None` for a body that is no error. With `certain` any object with a message is one.
    """
    if not isinstance(body, Mapping):
        return None
    error = body.get("error")
    if isinstance(error, str) and error:
        return ReportedError(message=error)
    if isinstance(error, Mapping):
        return _read(error)
    if body.get("object") == "error" or (certain and "message" in body):
        return _read(body)
    detail = body.get("detail")
    if certain and isinstance(detail, list) and detail and isinstance(detail[0], Mapping):
        place = [str(part) for part in detail[0].get("loc") or () if part != "body"]
        param = ".".join(place)
        said = str(detail[0].get("msg"))
        return ReportedError(message=f"{param}: {said}" if param else said, param=param or None)
    if certain and isinstance(detail, str):
        return ReportedError(message=detail)
    return None


def error_of_status(
    pair: str, operation: str, status: int, reported: ReportedError | None, *, retry_after: bool
) -> EngineError:
    """The meaning of an HTTP status with its body, and with `Retry-After` or without."""
    if status in LATE:
        return EngineLate(pair, f"its endpoint answered with HTTP {status}")
    if status in NO_ROOM:
        return EngineBusy(pair)
    if status == HTTPStatus.SERVICE_UNAVAILABLE and (retry_after or reported is not None):
        # A proxy without an engine behind it states neither when to return nor why in JSON.
        return EngineBusy(pair)
    if status in KEY_REFUSED:
        return EngineFailed(pair, f"its endpoint refused the router's key (HTTP {status})")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return EngineFailed(pair, f"its endpoint redirects (HTTP {status}), which is not followed")
    if status in NOT_THERE:
        if operation != "chat":
            # Many endpoints have chat alone. A missing model shows in chat.
            message = f"pair {pair!r} has no {operation} at its endpoint"
            return EngineRejected(pair, HTTPStatus.NOT_FOUND, message, INVALID, None)
        return EngineFailed(pair, f"its endpoint has no such model or path (HTTP {status})")
    if status in PAIRS_OWN or (status < HTTPStatus.INTERNAL_SERVER_ERROR and reported is not None):
        return _rejected(pair, status, reported)
    return EngineFailed(pair, f"its endpoint answered with HTTP {status}")


def _rejected(pair: str, status: int, reported: ReportedError | None) -> EngineRejected:
    if reported is None:
        message = f"the endpoint of pair {pair!r} refused the request (HTTP {status})"
        return EngineRejected(pair, status, message, INVALID, None)
    message = reported.message
    if reported.code == TOO_LONG and not is_too_long(message):
        message = f"the prompt exceeds the context window: {message}"
    return EngineRejected(pair, status, message, reported.type or INVALID, reported.param)


def _read(error: Mapping[str, Any]) -> ReportedError:
    message, param, code = error.get("message"), error.get("param"), error.get("code")
    return ReportedError(
        message=str(message or "the endpoint gave no reason")[:LONGEST_MESSAGE],
        type=str(error.get("type") or ""),
        param=param if isinstance(param, str) else None,
        code=code if isinstance(code, int | str) else None,
    )
