"""One error for whatever a call over a deployment handle raises."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from ray.exceptions import RayTaskError

from serve_app.background import is_cancelled


class HandleError(Exception):
    """A call did not succeed. `cause` is a short name: `str` of a Ray error is a traceback."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@contextmanager
def handle_errors() -> Iterator[None]:
    """Turns what a handle raises into `HandleError`.

    Besides Ray's errors, that may be gRPC's, a `RuntimeError`, or a `CancelledError` of the call.
    """
    try:
        yield
    except asyncio.CancelledError as exc:
        if is_cancelled():
            raise
        raise HandleError(type(exc).__name__) from exc
    except Exception as exc:
        raise HandleError(cause_of(exc)) from exc


def cause_of(exc: Exception) -> str:
    """The class of an error, or of what it wraps."""
    if isinstance(exc, RayTaskError) and exc.cause is not None:
        return type(exc.cause).__name__
    return type(exc).__name__
