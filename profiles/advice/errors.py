"""Why there is no advice."""

from __future__ import annotations


class AdviceError(Exception):
    """Traffic could not be read, or says nothing."""


class TrafficUnreadable(AdviceError):
    """`source` gave no histograms; `cause` says why and what to do."""

    def __init__(self, source: str, cause: str) -> None:
        super().__init__(source, cause)
        self.source = source
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.source}: {self.cause}"


class CacheUnknown(AdviceError):
    """A checkpoint does not say what a token takes of the KV cache."""
