"""Tells a request that breaks pairs from pairs that are broken."""

from __future__ import annotations

from collections.abc import Iterable


class PoisonRecord:
    """Remembers which requests broke each pair since its last whole answer.

    A request that breaks two pairs is at fault itself. But more than `limit` different requests
    that each break the same pair, with no answer between them, show that the pair is broken.
    """

    def __init__(self, pairs: Iterable[str], limit: int) -> None:
        self._limit = limit
        self._broke: dict[str, set[int]] = {pair: set() for pair in pairs}

    def is_to_blame(self, request: int, pairs: Iterable[str]) -> bool:
        """Notes that `request`, the hash of a body, broke all `pairs`. Whether it is at fault."""
        to_blame = True
        for pair in pairs:
            broke = self._broke[pair]
            if len(broke) <= self._limit:
                broke.add(request)
            to_blame = to_blame and len(broke) <= self._limit
        return to_blame

    def answered(self, pair: str) -> None:
        self._broke[pair].clear()
