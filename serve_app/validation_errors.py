"""Pydantic's errors as lines for a person: the field's path, what came, what is allowed."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator

from pydantic import ValidationError
from pydantic_core import ErrorDetails

PROBLEMS_TOLD = 20


def problem_lines(error: ValidationError) -> tuple[str, ...]:
    """One line for each wrong field, in the order of the document."""
    came: dict[str, str] = {}
    allowed: dict[str, list[str]] = {}
    for detail in error.errors(include_url=False, include_context=False):
        path = _path(detail["loc"])
        came.setdefault(path, _came(detail))
        allowed.setdefault(path, []).append(_allowed(detail))
    return tuple(f"{path}: got {came[path]}; {' or '.join(allowed[path])}" for path in came)


def shortened(problems: tuple[str, ...]) -> tuple[str, ...]:
    """The first problems and the number of the others: one wrong axis breaks every cell."""
    if len(problems) <= PROBLEMS_TOLD:
        return problems
    return (*problems[:PROBLEMS_TOLD], f"and {len(problems) - PROBLEMS_TOLD} more problems")


def _path(location: tuple[int | str, ...]) -> str:
    return "".join(_steps(location)).lstrip(".") or "the document"


def _steps(location: tuple[int | str, ...]) -> Iterator[str]:
    for step in location:
        # What follows names a branch of our types, not a place in the document.
        if step == "[key]":
            return
        yield f"[{step}]" if isinstance(step, int) else f".{step}"


def _came(detail: ErrorDetails) -> str:
    return "nothing" if detail["type"] == "missing" else reprlib.repr(detail["input"])


def _allowed(detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return "this field is required"
    if detail["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
        return "unknown field: remove it, or fix the name"
    return detail["msg"].replace("Input should", "it should")
