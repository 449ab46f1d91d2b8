"""How an answer is compared with a reference, and what a reference has to be.

Graders are pure, but for `code`, which runs what it grades. A grader raises `ValueError` when it
cannot grade; an answer that is wrong, however wrong, scores 0.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isclose, isfinite
from typing import Literal

from profiles.evaluation.fences import fenced
from profiles.evaluation.json_grader import check_schema, json_schema
from profiles.evaluation.sandbox import SandboxUnavailable, run_tests

GraderName = Literal[
    "exact",
    "leading",
    "contains",
    "choice",
    "number",
    "regex",
    "token_f1",
    "json_schema",
    "code",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grader:
    """`score` gives an answer 0 to 1; `check` raises `ValueError` for a reference it cannot use.

    A `slow` one takes so long that it belongs in a thread.
    """

    score: Callable[[str, str], float]
    check: Callable[[str], object]
    slow: bool = False

    def __call__(self, answer: str, reference: str) -> float:
        return self.score(answer, reference)


EDGES = " \t\r\n\"'`*.,;:!?()[]"
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
# "B", "(B)", "B) Rome", "The answer is B", "Answer: B"; an article "A" is no choice.
LEADING_CHOICE = re.compile(r"\W*([A-J])(?=\W*$|[).:]|\s*\n)")
STATED_CHOICE = re.compile(r"\b(?:answer|option|choice)\b(?: is)?\W*([A-J])\b", re.IGNORECASE)
ALTERNATIVES = "|"
TOLERANCE = "±"
PERCENT = "%"
PYTHON_MARKS = ("python", "py", "python3")


def exact(answer: str, reference: str) -> float:
    """The whole answer is the reference, but for case, spaces and marks around it."""
    return float(_plain(answer) in {_plain(each) for each in reference.split(ALTERNATIVES)})


def leading(answer: str, reference: str) -> float:
    """The answer begins with the reference: "Yes, it is" for "yes"."""
    plain = _plain(answer)
    wanted = (_plain(each) for each in reference.split(ALTERNATIVES))
    return float(any(re.match(rf"{re.escape(each)}(?!\w)", plain) for each in wanted))


def contains(answer: str, reference: str) -> float:
    """One of the reference's alternatives stands in the answer as whole words."""
    plain = _plain(answer)
    wanted = (_plain(each) for each in reference.split(ALTERNATIVES))
    return float(any(re.search(rf"(?<!\w){re.escape(each)}(?!\w)", plain) for each in wanted))


def choice(answer: str, reference: str) -> float:
    """The letter chosen is the reference."""
    _check_letter(reference)
    found = STATED_CHOICE.search(answer) or LEADING_CHOICE.match(answer)
    return float(found is not None and found[1].upper() == reference)


def number(answer: str, reference: str) -> float:
    """The last number, which is where a result stands, is the reference.

    "3.14±0.01" allows for an error, "250±2%" for one in proportion.
    """
    wanted, allowed = _number_and_tolerance(reference)
    numbers = NUMBER.findall(answer)
    if not numbers:
        return 0.0
    result = float(numbers[-1].replace(",", ""))
    return float(isclose(result, wanted, rel_tol=1e-9, abs_tol=allowed))


def regex(answer: str, reference: str) -> float:
    """The reference, a regular expression, is found in the answer; case does not matter."""
    return float(_pattern(reference).search(answer) is not None)


def token_f1(answer: str, reference: str) -> float:
    """Harmonic mean of the shares of words that answer and reference have in common."""
    _check_words(reference)
    got, wanted = Counter(_words(answer)), Counter(_words(reference))
    common = (got & wanted).total()
    return 2 * common / (got.total() + wanted.total())


def code(answer: str, reference: str) -> float:
    """The answer's fenced block, or else the answer, passes the reference: Python with asserts.

    Takes as long as the code does, up to the sandbox's limits.
    """
    block = fenced(answer, PYTHON_MARKS)
    try:
        return float(run_tests(answer if block is None else block, reference).passed)
    except SandboxUnavailable as exc:
        raise ValueError(str(exc)) from exc


def _check_letter(reference: str) -> None:
    if not re.fullmatch("[A-J]", reference):
        raise ValueError(f"{reference!r} is no letter from A to J")


def _check_alternatives(reference: str) -> None:
    if not all(_plain(each) for each in reference.split(ALTERNATIVES)):
        raise ValueError(f"{reference!r} has an empty alternative, which every answer would meet")


def _check_words(reference: str) -> None:
    if not _words(reference):
        raise ValueError(f"{reference!r} has no words")


def check_tests(reference: str) -> None:
    """Raises `ValueError` unless the reference is Python code that asserts something."""
    try:
        tree = ast.parse(reference)
    except SyntaxError as exc:
        raise ValueError(f"no Python code: {exc}") from exc
    if not any(isinstance(node, ast.Assert) for node in ast.walk(tree)):
        raise ValueError(f"{reference!r} asserts nothing: whatever runs would pass")


def _number_and_tolerance(reference: str) -> tuple[float, float]:
    value, _, tolerance = reference.partition(TOLERANCE)
    share = tolerance.endswith(PERCENT)
    try:
        wanted, allowed = float(value), float(tolerance.removesuffix(PERCENT) or 0)
    except ValueError as exc:
        raise ValueError(f"{reference!r} is no number: write 5, 3.14±0.01 or 250±2%") from exc
    if not isfinite(wanted) or not isfinite(allowed) or allowed < 0:
        raise ValueError(f"{reference!r}: number and tolerance are finite, and the latter not < 0")
    return wanted, abs(wanted) * allowed / 100 if share else allowed


def _pattern(reference: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(reference, re.IGNORECASE)
    except re.error as exc:
        raise ValueError(f"{reference!r} is no regular expression: {exc}") from exc
    if pattern.search(""):
        raise ValueError(f"{reference!r} is found in an empty answer: no answer would be right")
    return pattern


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(EDGES)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


GRADERS: Mapping[GraderName, Grader] = {
    "exact": Grader(score=exact, check=_check_alternatives),
    "leading": Grader(score=leading, check=_check_alternatives),
    "contains": Grader(score=contains, check=_check_alternatives),
    "choice": Grader(score=choice, check=_check_letter),
    "number": Grader(score=number, check=_number_and_tolerance),
    "regex": Grader(score=regex, check=_pattern),
    "token_f1": Grader(score=token_f1, check=_check_words),
    "json_schema": Grader(score=json_schema, check=check_schema),
    "code": Grader(score=code, check=check_tests, slow=True),
}
