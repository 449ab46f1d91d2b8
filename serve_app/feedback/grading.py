"""Parses answers, compares two answers to one prompt, and grades by the result. Pure.

A comparison errs: a right answer in other words counts as different, and two texts that share most
words may contradict each other. How often it errs was measured (`EXACTLY`, `IN_WORDS`). By Bayes'
rule, that and the estimates of both pairs give the value of a comparison. A pair that is as good
as its estimate is not moved on average.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any, NamedTuple
from unicodedata import normalize

from serve_app.core.cost import NO_USAGE, Usage
from serve_app.core.request import Task

# For these tasks a short answer is the same as a sentence with all its words.
FACTS: frozenset[Task] = frozenset({"classification", "question_answering"})
# Of longer texts the beginnings are compared.
MAX_CHARS = 20_000
NOTHING = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How often two answers are found to be the same, by how many of them are right.

    Two texts count as the same from the share `same_from` of common words (F1).
    """

    both_right: float
    one_right: float
    both_wrong: float
    same_from: float = 1.0


# Measured on 3,042 comparisons of graded answers of the shipped pairs to the evaluation set.
# Decision record 024 names the command and the commit.
EXACTLY = Rates(both_right=0.88, one_right=0.03, both_wrong=0.35)
IN_WORDS: Mapping[Task, Rates] = {
    "classification": Rates(both_right=0.84, one_right=0.22, both_wrong=0.20, same_from=1.0),
    "extraction": Rates(both_right=0.63, one_right=0.04, both_wrong=0.46, same_from=0.6),
    "question_answering": Rates(both_right=0.77, one_right=0.14, both_wrong=0.39, same_from=0.6),
    "code": Rates(both_right=0.49, one_right=0.31, both_wrong=0.22, same_from=0.6),
    "translation": Rates(both_right=0.46, one_right=0.13, both_wrong=0.18, same_from=0.6),
    # Too few of these had no number in them: the rates of all tasks together.
    "reasoning": Rates(both_right=0.70, one_right=0.22, both_wrong=0.37, same_from=0.5),
    "summarization": Rates(both_right=0.77, one_right=0.40, both_wrong=0.70, same_from=0.4),
    "conversation": Rates(both_right=0.78, one_right=0.43, both_wrong=0.57, same_from=0.3),
}

_STATED_ANSWER, _STATED_CHOICE = (
    re.compile(rf"\b(?i:{word})(?i: is)?[\s:*(]{{1,8}}([A-J])(?=[\s*)]{{0,8}}(?:[.,:;)\n]|$))")
    for word in ("answer", "option|choice")
)
# A letter alone, or one marked as a choice: an article "A" is none.
_LEADING_CHOICE = re.compile(r"[\s(*]{0,8}([A-J])(?:[).:][^\n]{0,400})?[\s)*]{0,8}")
_NUMBER = re.compile(r"[-+]?\d[\d,]{0,40}(?:\.\d{1,40})?")
_FENCE = re.compile(r"\s*```\w{0,20}\n(.*)\n```\s*", re.DOTALL)
# Scripts that put no spaces between words: every character counts as one.
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")


class ParsedAnswer(NamedTuple):
    """The first choice of an answer: its text, or its tool calls as JSON."""

    text: str
    finish: str | None = None
    usage: Usage = NO_USAGE

    @property
    def is_complete(self) -> bool:
        """Whether the model itself ended the answer."""
        return self.finish in {"stop", "tool_calls", "function_call"}


def parse_answer(texts: Sequence[str]) -> ParsedAnswer:
    """Parses a unary answer or the chunks of a stream. Raises `ValueError` for anything else."""
    words: list[str] = []
    calls: dict[int, dict[str, Any]] = {}
    usage, finish = NO_USAGE, None
    try:
        for answer in map(json.loads, texts):
            for choice in answer.get("choices") or ():
                if choice.get("index", 0) == 0:
                    turn = choice.get("message") or choice.get("delta") or choice
                    words.append(turn.get("content") or turn.get("text") or "")
                    finish = choice.get("finish_reason") or finish
                    for at, part in enumerate(turn.get("tool_calls") or ()):
                        # A stream has the arguments in pieces.
                        call = calls.setdefault(
                            part.get("index", at), {"name": "", "arguments": ""}
                        )
                        function = part.get("function") or {}
                        for name in call:
                            call[name] += function.get(name) or ""
            if told := answer.get("usage"):
                usage = Usage(
                    prompt_tokens=int(told.get("prompt_tokens") or 0),
                    completion_tokens=int(told.get("completion_tokens") or 0),
                )
    except (AttributeError, TypeError, OverflowError, RecursionError) as exc:
        raise ValueError("the answer is not of OpenAI's form") from exc
    for call in calls.values():
        call["arguments"] = _json(call["arguments"], call["arguments"])
    text = json.dumps(list(calls.values())) if calls else "".join(words)
    return ParsedAnswer(text=text, finish=finish, usage=usage)


class Comparison(NamedTuple):
    """Whether two answers are the same, and the rates of this way to compare."""

    same: bool
    rates: Rates


def compare_answers(task: Task, answer: str, reference: str) -> Comparison:
    """Compares exactly what the reference is: JSON, a choice or a number. Other texts in words."""
    answer, reference = _plain(answer), _plain(reference)
    wanted, letter, numbers = _json(reference), _choice(reference), _NUMBER.findall(reference)
    if wanted is not NOTHING:
        same = bool(_json(answer) == wanted)
    elif letter is not None:
        same = _choice(answer) == letter
    elif numbers and (task == "reasoning" or _NUMBER.fullmatch(reference.strip("$%.*"))):
        found = _NUMBER.findall(answer)
        same = bool(found) and isclose(_float(found[-1]), _float(numbers[-1]), rel_tol=1e-9)
    else:
        return Comparison(same=_has_same_words(task, answer, reference), rates=IN_WORDS[task])
    return Comparison(same=same, rates=EXACTLY)


class Grade(NamedTuple):
    """The probability that an answer is right, and the confidence in it."""

    score: float
    confidence: float


def grade(comparison: Comparison, *, answer: float, reference: float) -> Grade:
    """Grades one answer. `answer` and `reference` are the estimated accuracies of both pairs.

    They count as independent. The confidence is the share of the variance of "right or wrong" that
    comparisons of this kind explain.
    """
    rates = comparison.rates
    right_and_same = answer * (reference * rates.both_right + (1 - reference) * rates.one_right)
    wrong_and_same = (1 - answer) * (
        reference * rates.one_right + (1 - reference) * rates.both_wrong
    )
    found_same = right_and_same + wrong_and_same
    if_same = right_and_same / found_same
    if_not = (answer - right_and_same) / (1 - found_same)
    explained = found_same * (if_same - answer) ** 2 + (1 - found_same) * (if_not - answer) ** 2
    return Grade(
        score=min(max(if_same if comparison.same else if_not, 0.0), 1.0),
        confidence=min(1.0, explained / (answer * (1 - answer))),
    )


def _plain(text: str) -> str:
    """One way to write each character, and ASCII minus signs."""
    # Some characters become eighteen others.
    plain = normalize("NFKC", text[:MAX_CHARS])[:MAX_CHARS]
    return plain.replace("\u2212", "-").strip()


def _json(text: str, default: Any = NOTHING) -> Any:
    """The object or list that the text is, with or without a fence."""
    fenced = _FENCE.fullmatch(text)
    body = (fenced[1] if fenced else text).strip()
    try:
        return json.loads(body) if body.startswith(("{", "[")) else default
    except (ValueError, RecursionError):
        return default


def _choice(text: str) -> str | None:
    """A letter alone, else the last one stated as the answer, else the last one stated."""
    leading = _LEADING_CHOICE.fullmatch(text)
    if leading is not None:
        return leading[1]
    stated = _STATED_ANSWER.findall(text) or _STATED_CHOICE.findall(text)
    return stated[-1] if stated else None


def _float(number: str) -> float:
    return float(number.replace(",", ""))


def _has_same_words(task: Task, answer: str, reference: str) -> bool:
    got, wanted = (Counter(_WORD.findall(text.casefold())) for text in (answer, reference))
    if not got or not wanted:
        return answer == reference
    common = (got & wanted).total()
    if task in FACTS and common == min(got.total(), wanted.total()):
        return True
    return 2 * common / (got.total() + wanted.total()) >= IN_WORDS[task].same_from
