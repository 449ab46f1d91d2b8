"""Whether two answers to the same prompt say the same. Pure, and the same every time.

What it cannot see: an answer that is right in other words has few words in common with the
reference's and counts as different; of two texts that share most words, one may deny what the
other says. Sampling at a temperature makes one model differ from itself.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from math import isclose
from typing import Any

from serve_app.core.request import Task

# The share of words (F1) from which two texts count as saying the same. Where answers are a label,
# a name or a fact nearly all words must agree; where they are prose, two good ones differ more.
# Chosen by hand: no data with answers of several models was at hand to fit them.
SAME_FROM: Mapping[Task, float] = {
    "classification": 0.8,
    "extraction": 0.7,
    "question_answering": 0.6,
    "code": 0.6,
    "translation": 0.6,
    "reasoning": 0.5,
    "summarization": 0.4,
    "conversation": 0.3,
}
# Of longer texts the beginnings are compared.
COMPARED_CHARS = 20_000
CLOSE = 1e-9
NOTHING = object()

_STATED_CHOICE = re.compile(
    r"\b(?:answer|option|choice)(?: is)?[\s:*(]{1,8}([A-J])\b", re.IGNORECASE
)
# A letter alone, or one marked as a choice: an article "A" is none.
_LEADING_CHOICE = re.compile(r"[\s(*]{0,8}([A-J])(?:[).:][^\n]{0,400})?[\s)*]{0,8}")
_NUMBER = re.compile(r"[-+]?\d[\d,]{0,40}(?:\.\d{1,40})?")
_FENCE = re.compile(r"\s*```\w{0,20}\n(.*)\n```\s*", re.DOTALL)
_WORD = re.compile(r"\w+")


def agreement(task: Task, answer: str, reference: str) -> float:
    """1 where both say the same, 0 where not; the reference's form decides how they are compared.

    A JSON object or list: the same value. A choice of a letter: the same letter. The result of
    reasoning, or a number alone: the same last number. Any other text: words in common.
    """
    answer, reference = answer[:COMPARED_CHARS], reference[:COMPARED_CHARS]
    wanted = _json(reference)
    if wanted is not NOTHING:
        return float(_json(answer) == wanted)
    letter = _choice(reference)
    if letter is not None:
        return float(_choice(answer) == letter)
    numbers = _NUMBER.findall(reference)
    if numbers and (task == "reasoning" or _is_only_a_number(reference)):
        return _same_last_number(answer, numbers[-1])
    return float(_word_f1(answer, reference) >= SAME_FROM[task])


def _json(text: str) -> Any:
    """The object or list that the text is, in a fence or without."""
    fenced = _FENCE.fullmatch(text)
    body = (fenced[1] if fenced else text).strip()
    if not body.startswith(("{", "[")):
        return NOTHING
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return NOTHING


def _choice(text: str) -> str | None:
    found = _LEADING_CHOICE.fullmatch(text) or _STATED_CHOICE.search(text)
    return found[1].upper() if found else None


def _is_only_a_number(text: str) -> bool:
    return _NUMBER.fullmatch(text.strip().strip("$%.*")) is not None


def _same_last_number(answer: str, wanted: str) -> float:
    numbers = _NUMBER.findall(answer)
    return float(bool(numbers) and isclose(_float(numbers[-1]), _float(wanted), rel_tol=CLOSE))


def _float(number: str) -> float:
    return float(number.replace(",", ""))


def _word_f1(answer: str, reference: str) -> float:
    """Harmonic mean of the shares of words in common; two texts without words are the same."""
    got, wanted = _words(answer), _words(reference)
    both = got.total() + wanted.total()
    return 2 * (got & wanted).total() / both if both else 1.0


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.casefold()))
