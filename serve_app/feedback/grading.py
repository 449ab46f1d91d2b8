"""Whether two answers to the same prompt say the same, and what that tells of them. Pure.

What comparing cannot see: an answer that is right in other words has few words in common with the
reference's and counts as different; of two texts that share most words, one may deny what the
other states, and of two programs one may have a sign wrong. A decimal comma is read as one of
thousands. Sampling at a temperature makes one model differ from itself. How often it errs is known
(`EXACTLY`, `IN_WORDS`), and what a verdict counts for follows from that.

Two answers that agree may both be wrong, and two right ones often differ. What a verdict is worth
follows by Bayes' rule from how often that happens and from what is believed of both pairs, so that
a pair which is as good as believed is moved by no verdict on average.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import isclose
from typing import Any
from unicodedata import normalize

from serve_app.core.request import Task

# The share of words (F1) from which two texts count as saying the same. Where answers are a label,
# a name or a fact nearly all words must agree; where they are prose, two good ones differ more.
SAME_FROM: Mapping[Task, float] = {
    "classification": 1.0,
    "extraction": 0.6,
    "question_answering": 0.6,
    "code": 0.6,
    "translation": 0.6,
    "reasoning": 0.5,
    "summarization": 0.4,
    "conversation": 0.3,
}
# Here a short answer means the same as a sentence that has all its words.
FACTS: frozenset[Task] = frozenset({"classification", "question_answering"})
# Of longer texts the beginnings are compared.
COMPARED_CHARS = 20_000
CLOSE = 1e-9
NOTHING = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How often two answers are found to say the same, by how many of them are right."""

    both_right: float
    one_right: float
    both_wrong: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """The probability that an answer is right, and how much of knowing it for sure that is."""

    score: float
    sureness: float


def grade(*, same: bool, rates: Rates, answer: float, reference: float) -> Grade:
    """Grades one answer; `answer` and `reference` are how likely each pair is right, as believed.

    Which of them is right counts as independent. `sureness` is the share of the variance of
    "right or wrong" that verdicts of this kind explain.
    """
    right_and_same = answer * (reference * rates.both_right + (1 - reference) * rates.one_right)
    wrong_and_same = (1 - answer) * (
        reference * rates.one_right + (1 - reference) * rates.both_wrong
    )
    found_same = right_and_same + wrong_and_same
    if_same = right_and_same / found_same
    if_not = (answer - right_and_same) / (1 - found_same)
    explained = found_same * (if_same - answer) ** 2 + (1 - found_same) * (if_not - answer) ** 2
    return Grade(
        score=min(max(if_same if same else if_not, 0.0), 1.0),
        sureness=min(1.0, explained / (answer * (1 - answer))),
    )


# How often answers were found to say the same, by how many of the two were right. Measured on
# 3,042 comparisons of graded answers to the shipped evaluation set, by the three shipped pairs.
# Decision record 024 names the command and the commit.
EXACTLY = Rates(both_right=0.88, one_right=0.03, both_wrong=0.35)
IN_WORDS: Mapping[Task, Rates] = {
    "classification": Rates(both_right=0.84, one_right=0.22, both_wrong=0.20),
    "extraction": Rates(both_right=0.63, one_right=0.04, both_wrong=0.46),
    "question_answering": Rates(both_right=0.77, one_right=0.14, both_wrong=0.39),
    "code": Rates(both_right=0.49, one_right=0.31, both_wrong=0.22),
    "translation": Rates(both_right=0.46, one_right=0.13, both_wrong=0.18),
    # Too few of these had no number in them: the rates of all tasks together.
    "reasoning": Rates(both_right=0.70, one_right=0.22, both_wrong=0.37),
    "summarization": Rates(both_right=0.77, one_right=0.40, both_wrong=0.70),
    "conversation": Rates(both_right=0.78, one_right=0.43, both_wrong=0.57),
}

_STATED_ANSWER = re.compile(
    r"\b(?i:answer)(?i: is)?[\s:*(]{1,8}([A-J])(?=[\s*)]{0,8}(?:[.,:;)\n]|$))"
)
_STATED_CHOICE = re.compile(
    r"\b(?i:option|choice)(?i: is)?[\s:*(]{1,8}([A-J])(?=[\s*)]{0,8}(?:[.,:;)\n]|$))"
)
# A letter alone, or one marked as a choice: an article "A" is none.
_LEADING_CHOICE = re.compile(r"[\s(*]{0,8}([A-J])(?:[).:][^\n]{0,400})?[\s)*]{0,8}")
_NUMBER = re.compile(r"[-+]?\d[\d,]{0,40}(?:\.\d{1,40})?")
_FENCE = re.compile(r"\s*```\w{0,20}\n(.*)\n```\s*", re.DOTALL)
# Scripts that put no spaces between words: every character counts as one.
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether two answers say the same, and how often this way of comparing finds that."""

    same: bool
    rates: Rates


def compared(task: Task, answer: str, reference: str) -> Verdict:
    """The reference's form decides how the two are compared.

    A JSON object or list: the same value. A choice of a letter: the same letter. The result of
    reasoning, or a number alone: the same last number. Any other text: words in common.
    """
    answer, reference = _plain(answer), _plain(reference)
    same = _exactly_the_same(task, answer, reference)
    if same is not None:
        return Verdict(same=same, rates=EXACTLY)
    return Verdict(same=_same_words(task, answer, reference), rates=IN_WORDS[task])


def _plain(text: str) -> str:
    """One way to write each character; minus signs as programs write them."""
    # Some characters become eighteen others.
    plain = normalize("NFKC", text[:COMPARED_CHARS])[:COMPARED_CHARS]
    return plain.replace("\u2212", "-").strip()


def _exactly_the_same(task: Task, answer: str, reference: str) -> bool | None:
    """`None` for a reference that is neither JSON, nor a choice, nor a number."""
    wanted = _json(reference)
    if wanted is not NOTHING:
        return bool(_json(answer) == wanted)
    letter = _choice(reference)
    if letter is not None:
        return _choice(answer) == letter
    numbers = _NUMBER.findall(reference)
    if numbers and (task == "reasoning" or _is_only_a_number(reference)):
        return _has_last_number(answer, numbers[-1])
    return None


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
    """The letter alone, else the one stated as the answer, else the one last stated at all."""
    leading = _LEADING_CHOICE.fullmatch(text)
    if leading is not None:
        return leading[1]
    stated = _STATED_ANSWER.findall(text) or _STATED_CHOICE.findall(text)
    return stated[-1] if stated else None


def _is_only_a_number(text: str) -> bool:
    return _NUMBER.fullmatch(text.strip("$%.*")) is not None


def _has_last_number(answer: str, wanted: str) -> bool:
    numbers = _NUMBER.findall(answer)
    return bool(numbers) and isclose(_float(numbers[-1]), _float(wanted), rel_tol=CLOSE)


def _float(number: str) -> float:
    return float(number.replace(",", ""))


def _same_words(task: Task, answer: str, reference: str) -> bool:
    got, wanted = _words(answer), _words(reference)
    if not got or not wanted:
        return answer == reference
    common = (got & wanted).total()
    if task in FACTS and common == min(got.total(), wanted.total()):
        return True
    return 2 * common / (got.total() + wanted.total()) >= SAME_FROM[task]


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.casefold()))
