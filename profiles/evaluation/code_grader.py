"""Grades Python code by tests it has to pass."""

from __future__ import annotations

import ast

from profiles.evaluation.fences import fenced
from profiles.evaluation.sandbox import SandboxUnavailable, run_tests

PYTHON_MARKS = ("python", "py", "python3")


def code(answer: str, reference: str) -> float:
    """The answer's fenced block, or else the answer, passes the reference: Python with asserts.

    Takes as long as the code does, up to the sandbox's limits.
    """
    block = fenced(answer, PYTHON_MARKS)
    try:
        return float(run_tests(answer if block is None else block, reference).passed)
    except SandboxUnavailable as exc:
        raise ValueError(str(exc)) from exc


def check_tests(reference: str) -> None:
    """Raises `ValueError` unless the reference is Python code that asserts something."""
    try:
        tree = ast.parse(reference)
    except SyntaxError as exc:
        raise ValueError(f"no Python code: {exc}") from exc
    if not any(isinstance(node, ast.Assert) for node in ast.walk(tree)):
        raise ValueError(f"{reference!r} asserts nothing: whatever runs would pass")
