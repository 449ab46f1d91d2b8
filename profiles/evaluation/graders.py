"""How an answer is compared with a reference. Each grader is pure and answers 0 to 1.

A grader raises `ValueError` when the reference is not one it can compare with.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from math import isclose

Grader = Callable[[str, str], float]

EDGES = " \t\r\n\"'`*.,;:!?()[]"
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
# "B", "(B)", "B) Rome", "The answer is B", "Answer: B"; an article "A" is no choice.
LEADING_CHOICE = re.compile(r"\W*([A-J])(?=\W*$|[).:]|\s*\n)")
STATED_CHOICE = re.compile(r"\b(?:answer|option|choice)\b(?: is)?\W*([A-J])\b", re.IGNORECASE)
ALTERNATIVES = "|"
TOLERANCE = "±"


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
    if not re.fullmatch("[A-J]", reference):
        raise ValueError(f"reference {reference!r} is no letter from A to J")
    found = STATED_CHOICE.search(answer) or LEADING_CHOICE.match(answer)
    return float(found is not None and found[1].upper() == reference)


def number(answer: str, reference: str) -> float:
    """The last number, which is where a result stands, is the reference; "3.14±0.01" allows
    for an error."""
    value, _, tolerance = reference.partition(TOLERANCE)
    wanted, allowed = float(value), float(tolerance or 0)
    numbers = NUMBER.findall(answer)
    if not numbers:
        return 0.0
    result = float(numbers[-1].replace(",", ""))
    return float(isclose(result, wanted, rel_tol=1e-9, abs_tol=allowed))


def regex(answer: str, reference: str) -> float:
    """The reference, a regular expression, is found in the answer; case does not matter."""
    try:
        return float(re.search(reference, answer, re.IGNORECASE) is not None)
    except re.error as exc:
        raise ValueError(f"reference {reference!r} is no regular expression: {exc}") from exc


def token_f1(answer: str, reference: str) -> float:
    """Harmonic mean of the shares of words that answer and reference have in common."""
    got, wanted = Counter(_words(answer)), Counter(_words(reference))
    common = (got & wanted).total()
    if not wanted:
        raise ValueError(f"reference {reference!r} has no words")
    return 2 * common / (got.total() + wanted.total())


GRADERS: Mapping[str, Grader] = {
    "exact": exact,
    "leading": leading,
    "contains": contains,
    "choice": choice,
    "number": number,
    "regex": regex,
    "token_f1": token_f1,
}


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(EDGES)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
