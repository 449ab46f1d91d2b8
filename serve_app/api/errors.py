"""Errors as OpenAI clients expect them. Callers get our own sentences, never a traceback."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from serve_app.core.errors import (
    BadRequest,
    BodyTooLarge,
    ContextTooLong,
    DeadlineExceeded,
    EngineRejected,
    FeedbackConflict,
    FeedbackUnavailable,
    Infeasible,
    Overloaded,
    RouterError,
    UnknownDecision,
    UnknownModel,
    UnsupportedEncoding,
)

CALLERS_FAULT = "invalid_request_error"
OUR_FAULT = "server_error"
TOO_LONG = "context_length_exceeded"
CLIENT_CLOSED_REQUEST = 499
# The least that the header can say. Who failed is not the whole fleet.
AT_ONCE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReply:
    """An error on its way out."""

    status: int
    message: str
    type: str
    code: str
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, dict[str, str | None]]:
        fields = {"message": self.message, "type": self.type, "param": self.param}
        return {"error": {**fields, "code": self.code}}

    @property
    def response(self) -> JSONResponse:
        return JSONResponse(self.body, self.status, headers=self.headers)


# Status, code and param of errors that always have the same. Any other is an engine's failure.
REPLIES: Mapping[type[RouterError], tuple[int, str, str | None]] = {
    BadRequest: (400, "invalid_request", None),
    UnknownModel: (404, "model_not_found", "model"),
    ContextTooLong: (413, TOO_LONG, None),
    BodyTooLarge: (413, "body_too_large", None),
    UnsupportedEncoding: (415, "unsupported_encoding", "content-encoding"),
    Infeasible: (422, "infeasible_constraints", "routing"),
    UnknownDecision: (404, "decision_not_found", "decision_id"),
    FeedbackConflict: (409, "feedback_conflict", "score"),
    FeedbackUnavailable: (503, "feedback_unavailable", None),
    Overloaded: (503, "overloaded", None),
    DeadlineExceeded: (504, "deadline_exceeded", None),
}


def reply_to(error: RouterError) -> ErrorReply:
    """Every error of ours as a status and an OpenAI-shaped body."""
    retry_after_s = None
    status, code, param = REPLIES.get(type(error), (503, "engine_failed", None))
    match error:
        case EngineRejected():
            return _rejected(error)
        case BadRequest():
            param = error.param
        case ContextTooLong():
            param = "max_tokens" if error.max_tokens else None
        case Overloaded() | FeedbackUnavailable():
            retry_after_s = error.retry_after_s
        case _ if type(error) not in REPLIES:
            retry_after_s = AT_ONCE_S
    return ErrorReply(
        status=status,
        message=str(error),
        type=OUR_FAULT if status >= HTTPStatus.INTERNAL_SERVER_ERROR else CALLERS_FAULT,
        code=code,
        param=param,
        headers=_retry_after(retry_after_s),
    )


def _retry_after(seconds: float | None) -> Mapping[str, str]:
    return {} if seconds is None else {"retry-after": str(math.ceil(seconds))}


def _rejected(error: EngineRejected) -> ErrorReply:
    """The engine's own words; only a prompt that is too long gets the status we promise."""
    too_long = "context length" in error.message.lower()
    status = error.status if 400 <= error.status < 500 else 400
    return ErrorReply(
        status=413 if too_long else status,
        message=error.message,
        type=error.type,
        code=TOO_LONG if too_long else "rejected_by_engine",
        param=error.param,
        headers=_retry_after(AT_ONCE_S if status == HTTPStatus.TOO_MANY_REQUESTS else None),
    )


async def on_router_error(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, RouterError)
    return reply_to(exc).response


async def on_http_exception(request: Request, exc: Exception) -> Response:
    """No such path, or not with this method."""
    assert isinstance(exc, HTTPException)
    reply = ErrorReply(
        status=exc.status_code,
        message=f"{request.method} {request.url.path}: {exc.detail}",
        type=CALLERS_FAULT,
        code=HTTPStatus(exc.status_code).name.lower(),
        headers=exc.headers or {},
    )
    return reply.response


async def on_bug(_: Request, __: Exception) -> Response:
    """Starlette logs the exception after this answer is sent."""
    reply = ErrorReply(
        status=500,
        message="the router failed on this request; its log has the cause",
        type=OUR_FAULT,
        code="internal_error",
    )
    return reply.response


async def on_client_disconnect(_: Request, __: Exception) -> Response:
    """The client disconnected while sending its body. No one reads this."""
    return Response(status_code=CLIENT_CLOSED_REQUEST)
