"""Why one pair did not answer."""

from __future__ import annotations

from serve_app.core.errors import RouterError


class EngineError(RouterError):
    """One pair did not answer."""


class EngineRejected(EngineError):
    """The engine finds the request itself wrong; any pair would."""

    def __init__(self, pair: str, status: int, message: str, type_: str, param: str | None) -> None:
        super().__init__(pair, status, message, type_, param)
        self.pair = pair
        self.status = status
        self.message = message
        self.type = type_
        self.param = param

    def __str__(self) -> str:
        return self.message


class EngineBusy(EngineError):
    """The pair's queue is full."""

    def __init__(self, pair: str) -> None:
        super().__init__(pair)
        self.pair = pair

    def __str__(self) -> str:
        return f"pair {self.pair!r} is full"


class EngineFailed(EngineError):
    """The pair broke before or while answering. `cause` is a short name, never a traceback."""

    def __init__(self, pair: str, cause: str) -> None:
        super().__init__(pair, cause)
        self.pair = pair
        self.cause = cause

    def __str__(self) -> str:
        return f"pair {self.pair!r} failed: {self.cause}"
