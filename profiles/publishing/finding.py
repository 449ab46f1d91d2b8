"""What a check reports of one profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["refused", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong (`refused`) or worth knowing (`warning`) before a profile is published."""

    pair: str
    field: str
    got: str
    allowed: str
    advice: str
    severity: Severity = "refused"

    def __str__(self) -> str:
        return f"{self.pair}: {self.field}: got {self.got}; {self.allowed}; {self.advice}"
