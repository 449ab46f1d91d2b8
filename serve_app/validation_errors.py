"""Pydantic's errors as lines for a person: the field's path, what came, what is allowed."""

from __future__ import annotations

import reprlib
from itertools import takewhile

from pydantic import ValidationError

PROBLEMS_TOLD = 20


def problem_lines(error: ValidationError) -> tuple[str, ...]:
    """One line for each wrong field, in the order of the document."""
    came: dict[str, str] = {}
    allowed: dict[str, list[str]] = {}
    for detail in error.errors(include_url=False, include_context=False):
        # What follows "[key]" names a branch of our types, not a place in the document.
        steps = takewhile(lambda step: step != "[key]", detail["loc"])
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
        path, got = place.lstrip(".") or "the document", reprlib.repr(detail["input"])
        wanted = detail["msg"].replace("Input should", "it should")
        if detail["type"] == "missing":
            got, wanted = "nothing", "this field is required"
        elif detail["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
            wanted = "unknown field: remove it, or fix the name"
        came.setdefault(path, got)
        allowed.setdefault(path, []).append(wanted)
    return tuple(f"{path}: got {came[path]}; {' or '.join(allowed[path])}" for path in came)


def shortened(problems: tuple[str, ...]) -> tuple[str, ...]:
    """The first problems and the number of the others: one wrong axis breaks every cell."""
    if len(problems) <= PROBLEMS_TOLD:
        return problems
    return (*problems[:PROBLEMS_TOLD], f"and {len(problems) - PROBLEMS_TOLD} more problems")
