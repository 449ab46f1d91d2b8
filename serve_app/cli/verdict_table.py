"""A verdict of the golden gate as people read it in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

if TYPE_CHECKING:
    from profiles.validation.verdict import Check, Verdict


def verdict_lines(name: str, verdict: Verdict) -> RenderableType:
    """A line for each check, and under each failure what to make of it."""
    lines: list[RenderableType] = []
    for check in verdict.checks:
        lines.extend(_check(check))
    failed = len(verdict.failures)
    told = f"fails {failed} of {len(verdict.checks)} checks" if failed else "passes"
    style = "bold red" if failed else "bold green"
    lines.append(
        Text(f"{name} {told}" + (f"; {verdict.note}" if verdict.note else ""), style=style)
    )
    return Group(*lines)


def _check(check: Check) -> list[RenderableType]:
    if check.passed:
        return [Text.assemble(("pass", "green"), f"  {check.name}: {check.seen}")]
    return [
        Text.assemble(("FAIL", "bold red"), f"  {check.name}: {check.seen}"),
        Text(f"      allowed: {check.allowed}"),
        Text(f"      usual cause: {check.cause}"),
        Text(f"      try: {check.remedy}"),
    ]
