"""What goes wrong while an engine builds a request, before it generates anything.

The request is then at fault, whatever the exception's class: pydantic wraps only some of what
vLLM's validators raise, and they raise `KeyError`, `TypeError` and others on odd input. The place
where an exception arises decides, not its name.

This module imports no engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

from pydantic import ValidationError

from serve_app.core.errors import EngineRejected

T = TypeVar("T")
INVALID = "invalid_request_error"
NOT_IMPLEMENTED = 501
# The wrong field of a longer request is not looked for: other requests wait meanwhile.
LONGEST_SEARCHED = 20_000
FIELDS_TRIED = 32


class Intake:
    """Whether an engine has taken over a request. Before, all that fails is about the request."""

    def __init__(self) -> None:
        self.accepted = False


INTAKE: ContextVar[Intake | None] = ContextVar("intake", default=None)


def build(pair: str, make: Callable[..., T], fields: Mapping[str, Any]) -> T:
    """`make(**fields)`. Raises `EngineRejected`, with the wrong field, for any exception."""
    try:
        return make(**fields)
    # Without its cause: the texts of some exceptions contain the prompt.
    except Exception as exc:  # noqa: BLE001
        error = refused(pair, exc)
        if error.param is None:
            error.param = _wrong_field(make, fields)
        raise error from None


def refused(pair: str, exc: Exception) -> EngineRejected:
    """An exception of building as a refusal of the request."""
    if isinstance(exc, ValidationError):
        first = exc.errors(include_url=False, include_context=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        message = f"{path}: {first['msg']}" if path else str(first["msg"])
        return EngineRejected(pair, 400, message, INVALID, path or None)
    param = getattr(exc, "parameter", None)
    status = NOT_IMPLEMENTED if isinstance(exc, NotImplementedError) else 400
    return EngineRejected(pair, status, in_words(exc), INVALID, param)


def in_words(exc: Exception) -> str:
    """A sentence about an exception whose text may be a bare key."""
    if isinstance(exc, ValueError) or hasattr(exc, "parameter"):
        return str(exc)
    return f"the engine cannot read the request: {type(exc).__name__}: {exc}"


def _wrong_field(make: Callable[..., object], fields: Mapping[str, Any]) -> str | None:
    """The field without which the request can be built, `None` if there is none."""
    if len(repr(fields)) > LONGEST_SEARCHED:
        return None
    for name in list(fields)[:FIELDS_TRIED]:
        try:
            make(**{other: value for other, value in fields.items() if other != name})
        # Any refusal: the request is wrong without this field as well.
        except Exception:  # noqa: BLE001
            continue
        return name
    return None


def refuse_while_adding(
    client: Any, refusal: Callable[[str], Exception], own: tuple[type[Exception], ...]
) -> None:
    """Has `client.add_request` show when it has taken a request over.

    Exceptions that are neither of `own` become `refusal`s, which the engine takes for the
    request's fault in whole answers and in streams.
    """
    add_request = client.add_request

    async def noted(*arguments: Any, **named: Any) -> Any:
        try:
            added = await add_request(*arguments, **named)
        except own:
            raise
        except Exception as exc:
            raise refusal(in_words(exc)) from exc
        if (intake := INTAKE.get()) is not None:
            intake.accepted = True
        return added

    client.add_request = noted
